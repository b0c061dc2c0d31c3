"""One party's line into a call: what its transport tells, and what the call asks about it."""

import asyncio
from collections.abc import Callable

from voice_codecs.pcm import AudioFormat

from ..conversation.events import (
    Event,
    KeyPressed,
    Transcribed,
    TranscriptionFailed,
    TurnEndPredicted,
)
from ..errors import ProviderError
from ..ports import Hypothesis, Recognizer, TurnDetector
from .listen import Listener
from .play import Player
from .reply import Spawn


class Line:
    """A party's ears and mouth in the call. All methods are cheap and synchronous."""

    def __init__(
        self,
        leg_id: str,
        listener: Listener,
        player: Player,
        tell: Callable[[Event], None],
        spawn: Spawn,
        detector: TurnDetector | None = None,
    ) -> None:
        self._leg_id = leg_id
        self.listener = listener
        self.player = player
        self._tell = tell
        self._spawn = spawn
        self._detector = detector
        self._recognizer: Recognizer | None = None
        self._asked: int | None = None
        """The number of the latest request to settle."""
        self._predicting: asyncio.Task[None] | None = None
        self.tap: Callable[[bytes], None] | None = None
        """Gets what the party says, unchanged: for a recording."""

    # For its transport ---------------------------------------------------------------------------

    def hear(self, audio: bytes) -> None:
        """The party said this, in the leg's format."""
        if self.tap is not None:
            self.tap(audio)
        self.listener.hear(audio)

    def press(self, key: str) -> None:
        """The party pressed a key."""
        self._tell(KeyPressed(self._leg_id, key))

    def acknowledged(self, name: str) -> None:
        """The party's end has played everything before the mark."""
        self.player.acknowledged(name)

    def cut(self) -> None:
        """Nothing gets through to the party: nothing is sent to it until `mend`."""
        self.player.cut()

    def mend(self) -> None:
        """It gets through again: the agent goes on behind what was heard."""
        self.player.mend()

    # For its call --------------------------------------------------------------------------------

    def attach(self, recognizer: Recognizer, wants: AudioFormat) -> None:
        """Let `recognizer` hear the party from now on, in the format that it wants."""
        self._recognizer = recognizer
        self.listener.attach(recognizer, wants)

    def start_utterance(self) -> None:
        """What was said so far is of no interest."""
        if self._recognizer is not None:
            self._recognizer.reset()

    def settle(self, request: int) -> None:
        """Ask what has been said so far."""
        if self._recognizer is not None:
            self._asked = request
            self._recognizer.settle(request)

    def recognized(self, result: Hypothesis | ProviderError) -> None:
        """Tell what the recognizer reports."""
        if isinstance(result, ProviderError):
            self._tell(TranscriptionFailed(self._leg_id, str(result), result.provider))
            return
        self._tell(Transcribed(self._leg_id, result.text, result.request))
        if result.end_probability is not None and self._asked is not None:
            self._tell(TurnEndPredicted(self._leg_id, self._asked, result.end_probability))

    def predict(self, request: int) -> None:
        """Find out how likely the turn is over, if there is a model for that."""
        self._stop_predicting()
        if (detector := self._detector) is None:
            return
        audio = self.listener.turn_audio()

        async def predict() -> None:
            try:
                probability = await detector.probability(audio)
            except ProviderError:
                return  # Endpointing does without; the detector counts its own failures.
            self._tell(TurnEndPredicted(self._leg_id, request, probability))

        self._predicting = self._spawn(predict())

    def close(self) -> None:
        """The party has left."""
        self._stop_predicting()
        self.listener.close()

    def _stop_predicting(self) -> None:
        if self._predicting is not None:
            self._predicting.cancel()
            self._predicting = None
