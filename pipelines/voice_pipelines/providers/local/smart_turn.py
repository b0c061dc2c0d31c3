"""End of turn by smart-turn v3.2: from the sound alone, whether the speaker has finished."""

from pathlib import Path

from voice_codecs.pcm import PCM16_8K
from voice_pipelines.errors import ProviderError, ProviderUnavailable

from .mel import log_mel
from .moonshine import wideband
from .pool import InferencePool, Priority
from .sessions import open_session

_WINDOW = PCM16_8K.bytes_for(8_000)


class SmartTurn:
    """`TurnDetector` for all legs of the process."""

    def __init__(self, path: Path, pool: InferencePool) -> None:
        """Load the model and warm it up. Raises ProviderRefused."""
        self._session = open_session(path)
        self._pool = pool
        self.judge(bytes(_WINDOW))

    async def probability(self, pcm: bytes) -> float:
        """Probability that the turn ends here. Raises ProviderError."""
        try:
            return await self._pool.run(Priority.TURN_END, lambda: self.judge(pcm))
        except ProviderError:
            raise
        except Exception as error:  # onnxruntime's exceptions share no other base
            raise ProviderUnavailable("smart-turn", "inference failed") from error

    def judge(self, pcm: bytes) -> float:
        """The same, at once, on this thread."""
        features = log_mel(wideband(pcm[-_WINDOW:]))
        (probability,) = self._session.run(None, {"input_features": features[None]})
        return float(probability[0, 0])
