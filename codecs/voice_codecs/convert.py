"""Streaming conversion between audio formats, only where it is needed."""

from voice_codecs import g711
from voice_codecs.pcm import AudioFormat
from voice_codecs.resample import Resampler


class Converter:
    """Turns audio of `source` format into `target` format as it arrives.

    Equal formats are a promise: `push` returns the very same bytes object, untouched, so that a
    carrier's mu-law reaches a provider that takes mu-law as it came. Otherwise decode, resample,
    encode, each only if the formats differ in it.
    """

    __slots__ = ("source", "target", "_resampler")

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self.source = source
        self.target = target
        self._resampler = Resampler(source.rate, target.rate)

    def push(self, audio: bytes) -> bytes:
        """What `audio` completes, perhaps nothing yet.

        An odd number of PCM16 bytes raises ValueError if the formats differ.
        """
        if self.source == self.target:
            return audio
        pcm = g711.decode(audio, self.source.encoding)
        return g711.encode(self._resampler.push(pcm), self.target.encoding)

    def flush(self) -> bytes:
        """What is still held: nothing if the rates agree. The next push starts a new stream."""
        return g711.encode(self._resampler.flush(), self.target.encoding)


def convert(audio: bytes, source: AudioFormat, target: AudioFormat) -> bytes:
    """All of `audio` in `target` format; the very same object if the formats are equal."""
    converter = Converter(source, target)
    converted = converter.push(audio)
    rest = converter.flush()
    return converted + rest if rest else converted
