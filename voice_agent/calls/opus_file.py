"""A recording as Opus in Ogg: a tenth of the space of a WAV file."""

import secrets
from pathlib import Path
from typing import Any

from voice_codecs.ogg import OpusPages

from ..errors import ConfigurationError

_FRAME_MS = 20
_BITS_PER_SECOND = 32_000


def check_opus() -> None:
    """Raises ConfigurationError if Opus cannot be written here."""
    try:
        import opuslib_next  # type: ignore[import-untyped]  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            "`recording.format` is opus, which needs an encoder: "
            "pip install 'voice-agent[opus]', or set it to wav."
        ) from error


class OpusFile:
    """Stereo PCM16 in, an Ogg file out; every `write` leaves a file that can be played."""

    def __init__(self, path: Path, rate: int) -> None:
        from opuslib_next import Encoder

        self._encoder: Any = Encoder(rate, 2, "voip")
        self._encoder.bitrate = _BITS_PER_SECOND
        self._frame = rate * _FRAME_MS // 1000
        self._per_sample = 48_000 // rate
        self._rest = b""
        self._behind = self._encoder.lookahead * self._per_sample
        """How much later the encoder gives back what it got, in samples at 48 kHz."""
        self._pages = OpusPages(secrets.randbits(32), rate, 2, self._behind, "voice-agent")
        self._file = path.open("wb")
        self._file.write(self._pages.head())

    def write(self, pcm: bytes) -> None:
        pcm = self._rest + pcm
        size = 4 * self._frame
        whole = len(pcm) - len(pcm) % size
        out = b"".join(self._encoded(pcm[at : at + size]) for at in range(0, whole, size))
        self._rest = pcm[whole:]
        self._file.write(out + self._pages.flush())
        self._file.flush()

    def close(self) -> None:
        """Encode the rest and what the encoder still holds."""
        size = 4 * self._frame
        wanted = len(self._rest) // 4 * self._per_sample + self._behind
        pcm = self._rest + bytes(self._behind // self._per_sample * 4)
        pcm += bytes(-len(pcm) % size)
        out = b"".join(self._encoded(pcm[at : at + size]) for at in range(0, len(pcm), size))
        surplus = len(pcm) // 4 * self._per_sample - wanted
        self._file.write(out + self._pages.end(surplus))
        self._file.close()

    def _encoded(self, frame: bytes) -> bytes:
        packet: bytes = self._encoder.encode(frame, self._frame)
        return self._pages.packet(packet, self._frame * self._per_sample)
