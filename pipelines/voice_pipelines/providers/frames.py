"""Detectors that judge each 20 ms by itself."""

from collections.abc import Callable

from voice_codecs.pcm import PCM16_8K
from voice_pipelines.ports import ScoreSink

_FRAME = PCM16_8K.bytes_for(20)


class FrameStream:
    """One leg: the beginning of the next frame."""

    def __init__(self, voiced: Callable[[bytes], bool], report: ScoreSink) -> None:
        """`voiced` judges 20 ms of PCM16 at 8 kHz."""
        self._voiced = voiced
        self._report = report
        self._pcm = b""
        self._end = 0

    def feed(self, pcm: bytes) -> None:
        pcm = self._pcm + pcm
        whole = len(pcm) - len(pcm) % _FRAME
        self._pcm = pcm[whole:]
        for at in range(0, whole, _FRAME):
            self._end += _FRAME // 2
            self._report(float(self._voiced(pcm[at : at + _FRAME])), self._end)

    def close(self) -> None:
        """Nothing is held."""
