"""The leg that ends in memory, by a clock that only the test moves."""

import pytest

from voice_agent.transports.memory import MemoryLeg
from voice_codecs.pcm import MULAW_8K, PCM16_16K, AudioFormat
from voice_pipelines.ports import Leg


class HandClock:
    """Time that stands still until it is set."""

    def __init__(self) -> None:
        self.ms = 0

    def now(self) -> int:
        return self.ms


class Party:
    """A leg and the marks that came back from it."""

    def __init__(self, audio_format: AudioFormat = MULAW_8K) -> None:
        self.clock = HandClock()
        self.leg = MemoryLeg(self.clock, audio_format)
        self.echoed: list[str] = []
        self.leg.connect(self.echoed.append)

    def at(self, ms: int) -> list[str]:
        """Let the clock reach `ms` and beat; all echoes so far."""
        self.clock.ms = ms
        self.leg.beat()
        return self.echoed


def test_it_is_a_leg() -> None:
    leg: Leg = Party().leg
    assert leg.format == MULAW_8K


@pytest.mark.parametrize("audio_format", [MULAW_8K, PCM16_16K])
def test_it_plays_in_real_time_from_when_audio_arrives(audio_format: AudioFormat) -> None:
    party = Party(audio_format)
    audio = bytes(range(200)) * (audio_format.bytes_for(50) // 200)
    party.at(35)
    party.leg.send(audio)
    party.at(45)
    assert party.leg.heard == audio[: audio_format.bytes_for(10)]
    assert party.leg.waiting_ms == 40
    party.at(500)
    party.leg.send(audio)
    party.at(600)
    assert party.leg.heard == audio * 2


def test_a_mark_is_echoed_when_what_came_before_was_played() -> None:
    party = Party()
    party.leg.mark("empty")
    party.leg.send(bytes(160))
    party.leg.mark("a")
    party.leg.send(bytes(160))
    party.leg.mark("b")
    assert party.echoed == [], "not before a beat"
    assert party.at(19) == ["empty"]
    assert party.at(20) == ["empty", "a"]
    assert party.at(90) == ["empty", "a", "b"]


def test_clear_drops_the_rest_and_echoes_all_pending_marks() -> None:
    party = Party()
    party.leg.send(b"\x01" * 800)
    party.leg.mark("a")
    party.at(30)
    party.leg.clear()
    party.leg.send(b"\x02" * 80)
    party.leg.mark("b")
    assert party.at(30) == ["a"]
    assert party.at(40) == ["a", "b"]
    assert party.leg.heard == b"\x01" * 240 + b"\x02" * 80


async def test_a_line_that_was_hung_up_plays_nothing_more() -> None:
    party = Party()
    party.leg.send(bytes(800))
    party.at(10)
    await party.leg.hang_up()
    await party.leg.hang_up()
    party.leg.send(bytes(800))
    party.at(1000)
    assert (len(party.leg.heard), party.leg.hung_up) == (80, True)
