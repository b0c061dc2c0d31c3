"""Streaming conversion between audio formats, only where it is needed."""

from typing import TYPE_CHECKING

from voice_codecs import g711
from voice_codecs.pcm import AudioFormat, Encoding

if TYPE_CHECKING:
    from voice_codecs.resample import Resampler


class Converter:
    """Turns audio of `source` format into `target` format as it arrives.

    Equal formats are a promise: `push` returns the very same bytes object, untouched, so that a
    carrier's mu-law reaches a provider that takes mu-law as it came. Otherwise decode, resample,
    encode, each only if the formats differ in it.
    """

    __slots__ = ("source", "target", "_only_mulaw", "_resampler", "_same")

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self.source = source
        self.target = target
        # Decided once: `push` is called 50 times a second for each call.
        self._same = source == target
        self._resampler = _resampler(source.rate, target.rate)
        encodings = (source.encoding, target.encoding)
        self._only_mulaw = not self._resampler and encodings == (Encoding.MULAW, Encoding.PCM16)

    def push(self, audio: bytes) -> bytes:
        """What `audio` completes, perhaps nothing yet.

        An odd number of PCM16 bytes raises ValueError if the formats differ.
        """
        if self._same:
            return audio
        if self._only_mulaw:
            return g711.mulaw_to_pcm(audio)
        pcm = g711.decode(audio, self.source.encoding)
        if self._resampler is not None:
            pcm = self._resampler.push(pcm)
        return g711.encode(pcm, self.target.encoding)

    def flush(self) -> bytes:
        """What is still held: nothing if the rates agree. The next push starts a new stream."""
        if self._resampler is None:
            return b""
        return g711.encode(self._resampler.flush(), self.target.encoding)


def _resampler(source_rate: int, target_rate: int) -> "Resampler | None":
    """None if the rates agree: then numpy, which takes long to import, is not needed."""
    if source_rate == target_rate:
        return None
    from voice_codecs.resample import Resampler

    return Resampler(source_rate, target_rate)


def convert(audio: bytes, source: AudioFormat, target: AudioFormat) -> bytes:
    """All of `audio` in `target` format; the very same object if the formats are equal."""
    converter = Converter(source, target)
    converted = converter.push(audio)
    rest = converter.flush()
    return converted + rest if rest else converted
