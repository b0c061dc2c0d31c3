from collections.abc import Iterable

import pytest

from voice_agent.telephony.caller import Caller, Dtmf, HangUp, Keys, Script, State, Utterance
from voice_agent.telephony.measure import Spoken

SILENT = b"\xff" * 160


def words(ms: int, label: str, barge_in_after_ms: int | None = None) -> Utterance:
    return Utterance(b"\x10" * (ms * 8), label, barge_in_after_ms)


class Line:
    """Runs a caller against an agent that is audible in the given spans of milliseconds."""

    def __init__(self, script: Script, *agent: tuple[int, int], until: int = 200_000) -> None:
        self.caller = Caller(script)
        self.log: list[tuple[int, str]] = []
        """(when, "speaks" | "stops" | digit | "hangs up"), at the frame's number times 20 ms."""
        self.frames: list[bytes] = []
        speaking = False
        for now in range(20, until, 20):
            frame = self.caller.frame(now, any(a < now and now - 20 < b for a, b in agent))
            match frame:
                case HangUp():
                    self.log.append((now, "hangs up"))
                    return
                case Dtmf(digit, audio):
                    self.log.append((now, digit))
                case audio:
                    pass
            self.frames.append(audio)
            if (b"\x10" in audio) != speaking:
                speaking = not speaking
                self.log.append((now, "speaks" if speaking else "stops"))


def spans(*spoken: tuple[str, int, int]) -> list[Spoken]:
    return [Spoken(label, start * 8, end * 8) for label, start, end in spoken]


def test_waits_for_the_agent_to_finish_each_time() -> None:
    script = Script((words(500, "one"), words(300, "two")))
    line = Line(script, (100, 1000), (2600, 3000), (4500, 5000))
    assert line.log == [
        (1700, "speaks"),
        (2200, "stops"),
        (3700, "speaks"),
        (4000, "stops"),
        (5700, "hangs up"),
    ]
    # A frame sent at 1700 ms was spoken from 1680 on.
    assert line.caller.spoken == spans(("one", 1680, 2180), ("two", 3680, 3980))
    assert line.caller.unanswered == []
    assert line.caller.state is State.DONE


def test_pauses_of_the_agent_are_not_its_end() -> None:
    line = Line(Script(pause_ms=700, farewell_ms=700), (100, 400), (1000, 1300), (1900, 2000))
    assert line.log == [(2700, "hangs up")]


def test_the_last_answer_may_have_a_longer_pause() -> None:
    line = Line(Script((words(100, "one"),), farewell_ms=2000), (0, 100), (1500, 1600))
    assert line.log == [(800, "speaks"), (900, "stops"), (3600, "hangs up")]


def test_speaks_without_a_greeting_when_none_comes() -> None:
    line = Line(Script((words(100, "hello"),), greeting_ms=2000), (3000, 3100))
    assert line.log == [(2000, "speaks"), (2100, "stops"), (3800, "hangs up")]
    assert line.caller.unanswered == [""]


def test_an_agent_that_never_answers_is_not_waited_for_forever() -> None:
    script = Script((words(100, "one"), words(100, "two")), patience_ms=3000)
    line = Line(script, (0, 200))
    assert line.log == [
        (900, "speaks"),
        (1000, "stops"),
        (3980, "speaks"),
        (4080, "stops"),
        (7060, "hangs up"),
    ]
    assert line.caller.unanswered == ["one", "two"]


def test_an_agent_that_never_stops_is_not_listened_to_forever() -> None:
    line = Line(Script((words(100, "one"),), longest_reply_ms=5000), (0, 100_000))
    # The greeting has its limit; then the residue of the greeting is taken for the answer.
    assert line.log == [(5000, "speaks"), (5100, "stops"), (10_080, "hangs up")]


def test_the_call_has_a_limit() -> None:
    line = Line(Script((words(60_000, "one"),), limit_ms=3000), (0, 100))
    assert line.log[-1] == (3000, "hangs up")


def test_barges_in_a_while_after_the_agent_began() -> None:
    script = Script((words(400, "one"), words(1000, "stop", barge_in_after_ms=600)))
    line = Line(script, (0, 100), (2000, 2900), (4000, 4200))
    assert line.log == [
        (800, "speaks"),
        (1200, "stops"),
        (2600, "speaks"),
        (3600, "stops"),
        (4900, "hangs up"),
    ]


def test_barges_in_on_the_greeting() -> None:
    line = Line(Script((words(400, "one", barge_in_after_ms=300),)), (200, 800), (1500, 1600))
    assert line.log == [(500, "speaks"), (900, "stops"), (2300, "hangs up")]


def test_what_the_agent_still_says_after_a_short_barge_in_is_not_its_answer() -> None:
    script = Script((words(100, "stop", barge_in_after_ms=500),), farewell_ms=700)
    line = Line(script, (0, 900), (2500, 2600))
    assert line.log == [(500, "speaks"), (600, "stops"), (3300, "hangs up")]


def test_keys_are_pressed_one_after_another() -> None:
    line = Line(Script((Keys("12#", "pin"), words(100, "bye"))), (0, 100), (2000, 2100))
    assert line.log[:3] == [(800, "1"), (1000, "2"), (1200, "#")]
    assert line.log[3:] == [(2800, "speaks"), (2900, "stops"), (17_880, "hangs up")]
    assert line.caller.spoken == spans(("pin", 780, 1200), ("bye", 2780, 2880))


@pytest.mark.parametrize("digits", ["", "1 2", "x"])
def test_keys_that_no_phone_has(digits: str) -> None:
    with pytest.raises(ValueError, match="keys must be some of"):
        Keys(digits)


def test_every_frame_is_20_ms_and_nothing_is_lost() -> None:
    audio = bytes(range(1, 100)) * 5
    line = Line(Script((Utterance(audio, "odd"),), patience_ms=500), (0, 20))
    assert {len(frame) for frame in line.frames} == {160}
    assert b"".join(line.frames).strip(b"\xff") == audio
    assert line.caller.spoken == [Spoken("odd", 700 * 8, 700 * 8 + len(audio))]


@pytest.mark.parametrize("noise", [b"\x7e", b"\x7e\xfe\x7d" * 70, SILENT, b"\xfe\x7e" * 333])
def test_the_background_goes_round(noise: bytes) -> None:
    frames: Iterable[bytes] = Line(Script(background=noise, greeting_ms=400)).frames
    audio = b"".join(frames)
    assert audio == (noise * len(audio))[: len(audio)]
