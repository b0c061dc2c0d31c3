"""What another policy would have changed, turn by turn."""

from voice_agent.telemetry.whatif import Change, Decision, compare, decisions
from voice_pipelines.conversation.commands import Command, Message, Release, Silence, StartReply
from voice_pipelines.conversation.events import Event, SpeechConfirmed
from voice_pipelines.conversation.journal import Entry, Header, Journal
from voice_pipelines.conversation.policy import TurnPolicy


def asked(turn: int, text: str) -> StartReply:
    return StartReply(turn, (Message("system", "Be brief."), Message("user", text)))


def journal(*things: tuple[int, Event | Command]) -> Journal:
    entries = tuple(
        Entry(now, event=thing) if isinstance(thing, Event) else Entry(now, command=thing)
        for now, thing in things
    )
    return Journal(Header("CA1", "2026-11-22T10:00:00Z", TurnPolicy()), entries)


RECORDED = journal(
    (1000, asked(2, "Hello")),
    (1600, Release(2)),
    (9000, asked(3, "Are you open")),
    (9600, Release(3)),
)


def test_only_released_answers_are_decisions() -> None:
    found = decisions(
        [
            (0, Release(1)),
            (10, asked(2, "a")),
            (20, Silence(2)),
            (30, asked(3, "b")),
            (40, Release(3)),
        ]
    )
    assert found == [Decision(40, "b")]


def test_the_same_policy_changes_nothing() -> None:
    changes = compare(RECORDED, RECORDED.commands())
    assert [change.sentence() for change in changes] == ["turn 1: the same", "turn 2: the same"]


def test_earlier_and_later() -> None:
    faster: list[tuple[int, Command]] = [
        (900, asked(2, "Hello")),
        (1300, Release(2)),
        (9000, asked(3, "x")),
        (9900, Release(3)),
    ]
    first, second = compare(RECORDED, faster)
    assert (first.earlier_ms, second.earlier_ms) == (300, -300)
    assert first.sentence() == "turn 1: 300 ms earlier"
    assert second.sentence() == "turn 2: 300 ms later"
    assert first.as_row()["recorded_ms"] == 1600 and not first.cut_off


def test_who_answers_earlier_may_cut_off() -> None:
    recorded = journal(
        (1400, SpeechConfirmed("caller")), (3000, asked(2, "Hello, are you")), (3100, Release(2))
    )
    [change] = compare(recorded, [(1100, asked(2, "Hello")), (1200, Release(2))])
    assert change.cut_off
    assert change.sentence() == "turn 1: 1900 ms earlier, cutting the caller off"


def test_an_answer_that_was_not_given_and_one_that_is_missing() -> None:
    extra = [*RECORDED.commands(), (20_000, asked(4, "Bye")), (20_100, Release(4))]
    assert (
        "an answer at 20100 ms that was not given: 'Bye'" in compare(RECORDED, extra)[-1].sentence()
    )
    missing = compare(RECORDED, list(RECORDED.commands())[2:])
    assert missing[0].sentence() == "turn 1: no answer at 1600 ms any more"
    assert missing[1].earlier_ms == 0
    assert missing[0].as_row()["replayed_ms"] is None and missing[0].earlier_ms is None


def test_a_change_without_anything() -> None:
    assert Change(1, None, None, False).as_row()["text"] == ""
