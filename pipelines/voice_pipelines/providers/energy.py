"""Voice activity by loudness: exact and repeatable, for benchmarks and for clean audio only."""

import warnings

from voice_pipelines.ports import ScoreSink, VoiceStream

from .frames import FrameStream

with warnings.catch_warnings():
    # Python drops audioop in 3.13, from where on `audioop-lts` provides it.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

_FULL_SCALE = 32768


class EnergyVad:
    """`VoiceActivityDetector` that scores each 20 ms at once: 1.0 from a threshold on, else 0.0."""

    def __init__(self, threshold_dbfs: float = -40) -> None:
        """`threshold_dbfs`: root mean square of a frame; a full-scale square wave has 0."""
        self._threshold = _FULL_SCALE * 10 ** (threshold_dbfs / 20)

    def open(self, report: ScoreSink) -> VoiceStream:
        """Listen to one more leg; `report` is called from `feed`."""
        return FrameStream(lambda frame: audioop.rms(frame, 2) >= self._threshold, report)

    def tick(self) -> None:
        """Nothing ever waits."""
