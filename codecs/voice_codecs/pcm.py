"""Audio formats and durations. PCM16 is signed, little-endian and mono unless it says otherwise."""

from dataclasses import dataclass
from enum import Enum


class Encoding(Enum):
    """How one sample lies in memory."""

    PCM16 = "pcm16"
    MULAW = "mulaw"
    ALAW = "alaw"


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Mono audio of one encoding and rate."""

    encoding: Encoding
    rate: int
    """Samples per second."""

    @property
    def sample_width(self) -> int:
        """Bytes per sample."""
        return 2 if self.encoding is Encoding.PCM16 else 1

    @property
    def silence(self) -> bytes:
        """One sample of silence."""
        match self.encoding:
            case Encoding.PCM16:
                return b"\x00\x00"
            case Encoding.MULAW:
                return b"\xff"
            case Encoding.ALAW:
                return b"\xd5"

    def samples(self, audio: bytes) -> int:
        """Number of whole samples in `audio`."""
        return len(audio) // self.sample_width

    def bytes_for(self, ms: int) -> int:
        """Number of bytes that last `ms` milliseconds."""
        return self.rate * ms // 1000 * self.sample_width

    def duration_ms(self, audio: bytes) -> int:
        """Whole milliseconds that `audio` lasts."""
        return self.samples(audio) * 1000 // self.rate


MULAW_8K = AudioFormat(Encoding.MULAW, 8000)
"""What carriers send: G.711 mu-law."""

PCM16_8K = AudioFormat(Encoding.PCM16, 8000)
PCM16_16K = AudioFormat(Encoding.PCM16, 16000)
