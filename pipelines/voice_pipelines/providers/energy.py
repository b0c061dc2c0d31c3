"""Voice activity by loudness: exact and repeatable, for benchmarks and for clean audio only."""

import warnings

from voice_codecs.pcm import PCM16_8K
from voice_pipelines.ports import ScoreSink, VoiceStream

with warnings.catch_warnings():
    # Python drops audioop in 3.13, from where on `audioop-lts` provides it.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

_FRAME = PCM16_8K.bytes_for(20)
_FULL_SCALE = 32768


class EnergyVad:
    """`VoiceActivityDetector` that scores each 20 ms at once: 1.0 from a threshold on, else 0.0."""

    def __init__(self, threshold_dbfs: float = -40) -> None:
        """`threshold_dbfs`: root mean square of a frame; a full-scale square wave has 0."""
        self._threshold = _FULL_SCALE * 10 ** (threshold_dbfs / 20)

    def open(self, report: ScoreSink) -> VoiceStream:
        """Listen to one more leg; `report` is called from `feed`."""
        return _Stream(self._threshold, report)

    def tick(self) -> None:
        """Nothing ever waits."""


class _Stream:
    """One leg: the beginning of the next frame."""

    def __init__(self, threshold: float, report: ScoreSink) -> None:
        self._threshold = threshold
        self._report = report
        self._pcm = b""
        self._end = 0

    def feed(self, pcm: bytes) -> None:
        pcm = self._pcm + pcm
        whole = len(pcm) - len(pcm) % _FRAME
        self._pcm = pcm[whole:]
        for at in range(0, whole, _FRAME):
            self._end += _FRAME // 2
            loud = audioop.rms(pcm[at : at + _FRAME], 2) >= self._threshold
            self._report(float(loud), self._end)

    def close(self) -> None:
        """Nothing is held."""
