"""A party's line: what its recognizer reports and its end-of-turn model thinks, as facts."""

import asyncio
from typing import cast

from voice_codecs.pcm import MULAW_8K
from voice_pipelines.audio.gate import GatePolicy
from voice_pipelines.conversation.events import (
    Event,
    KeyPressed,
    Transcribed,
    TranscriptionFailed,
    TurnEndPredicted,
)
from voice_pipelines.engine.line import Line
from voice_pipelines.engine.listen import Listener
from voice_pipelines.engine.play import Player
from voice_pipelines.errors import ProviderUnavailable
from voice_pipelines.ports import Hypothesis
from voice_pipelines.providers.energy import EnergyVad


class Ear:
    """A recognizer that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[int | str] = []

    def feed(self, audio: bytes) -> None: ...

    def voiced(self, speaking: bool) -> None: ...

    def settle(self, request: int) -> None:
        self.asked.append(request)

    def reset(self) -> None:
        self.asked.append("reset")


class Detector:
    """An end-of-turn model that answers when it is let."""

    def __init__(self, fails: bool = False) -> None:
        self.go = asyncio.Event()
        self.asked = 0
        self._fails = fails

    async def probability(self, audio: bytes) -> float:
        self.asked += 1
        await self.go.wait()
        if self._fails:
            raise ProviderUnavailable("detector", "down")
        return 0.25


class Party:
    def __init__(self, group: asyncio.TaskGroup, detector: Detector | None = None) -> None:
        self.told: list[Event] = []
        tell = self.told.append
        listener = Listener("a", MULAW_8K, EnergyVad(), GatePolicy(), tell, keep_audio=True)
        player = cast(Player, None)  # Nothing is played here.
        self.line = Line("a", listener, player, tell, group.create_task, detector)


async def test_what_is_recognized_is_told() -> None:
    async with asyncio.TaskGroup() as group:
        party, ear = Party(group), Ear()
        party.line.settle(1)  # Nobody hears yet.
        party.line.attach(ear, MULAW_8K)
        party.line.recognized(Hypothesis("Hi", None, 0.5))
        party.line.start_utterance()
        party.line.settle(2)
        party.line.recognized(Hypothesis("Hi there", 2, 0.75))
        party.line.recognized(ProviderUnavailable("ears", "down"))
        party.line.press("5")
    assert ear.asked == ["reset", 2]
    assert [event for event in party.told if not isinstance(event, TranscriptionFailed)] == [
        Transcribed("a", "Hi", None),
        Transcribed("a", "Hi there", 2),
        TurnEndPredicted("a", 2, 0.75),
        KeyPressed("a", "5"),
    ]
    (failed,) = [event for event in party.told if isinstance(event, TranscriptionFailed)]
    assert (failed.leg, failed.provider) == ("a", "ears")


async def test_a_newer_prediction_ends_the_one_before() -> None:
    detector = Detector()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        party = Party(group, detector)
        party.line.predict(1)
        await asyncio.sleep(0)
        party.line.predict(2)
        detector.go.set()
    assert detector.asked == 2
    assert party.told == [TurnEndPredicted("a", 2, 0.25)]


async def test_a_prediction_ends_with_the_line() -> None:
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        party = Party(group, Detector())
        party.line.predict(1)
        await asyncio.sleep(0)
        party.line.close()
    assert party.told == []


async def test_a_detector_that_fails_is_done_without() -> None:
    detector = Detector(fails=True)
    detector.go.set()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        party = Party(group, detector)
        party.line.predict(1)
    assert (detector.asked, party.told) == (1, [])
