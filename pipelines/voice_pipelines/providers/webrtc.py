"""Voice activity by the detector of WebRTC: 4 us a frame, and fooled by most noises."""

from webrtcvad import Vad  # type: ignore[import-untyped]  # it ships no types

from voice_codecs.pcm import PCM16_8K
from voice_pipelines.ports import ScoreSink, VoiceStream

from .frames import FrameStream


class WebRtcVad:
    """`VoiceActivityDetector` that scores each 20 ms at once, 1.0 or 0.0."""

    def __init__(self, mode: int = 2) -> None:
        """`mode`: 0 takes most for speech, 3 the least. Raises ValueError."""
        if mode not in range(4):
            raise ValueError(f"the WebRTC detector has modes 0 to 3, not {mode}")
        self._mode = mode

    def open(self, report: ScoreSink) -> VoiceStream:
        """Listen to one more leg; `report` is called from `feed`."""
        vad = Vad(self._mode)
        return FrameStream(lambda frame: bool(vad.is_speech(frame, PCM16_8K.rate)), report)

    def tick(self) -> None:
        """Nothing ever waits."""
