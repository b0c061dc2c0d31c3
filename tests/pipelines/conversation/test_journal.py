"""The journal: what is written is what is read, and what is no journal is refused with its line."""

from typing import Literal, get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_pipelines.conversation.commands import Command, Release
from voice_pipelines.conversation.events import (
    Event,
    HangUpRequested,
    Heard,
    LegJoined,
    LegLeft,
    PlaybackEnded,
    PlaybackStarted,
    SpeechConfirmed,
    SpeechStarted,
    SpeechStopped,
    Tick,
    Transcribed,
)
from voice_pipelines.conversation.journal import (
    Difference,
    Entry,
    Header,
    Journal,
    JournalError,
    command_line,
    event_line,
    first_difference,
    header_line,
    read,
    replay,
    replay_under,
)
from voice_pipelines.conversation.machine import Conversation
from voice_pipelines.conversation.policy import EndpointingPolicy, TurnPolicy

HEADER = Header("CA1", "2026-11-22T10:00:00Z", TurnPolicy())

SCALARS: dict[object, st.SearchStrategy[object]] = {
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
}


def any_of(union: object) -> st.SearchStrategy[msgspec.Struct]:
    """Any value of any type in a union of structs."""
    return st.one_of([built(kind) for kind in get_args(union)])


def built(kind: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    fields = {field.name: values(field.type) for field in msgspec.structs.fields(kind)}
    return st.builds(kind, **fields)


def values(kind: object) -> st.SearchStrategy[object]:
    arguments = get_args(kind)
    if kind in SCALARS:
        return SCALARS[kind]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return built(kind)
    if get_origin(kind) is Literal:
        return st.sampled_from(arguments)
    if get_origin(kind) is tuple:
        return st.lists(values(arguments[0]), max_size=4).map(tuple)
    assert type(None) in arguments, kind
    return st.none() | values(arguments[0])


@given(st.integers(0, 10**9), any_of(Event))
def test_every_event_comes_back(now: int, event: Event) -> None:
    line = event_line(now, event)
    assert line.count(b"\n") == 1
    assert read([header_line(HEADER), line]) == Journal(HEADER, (Entry(now, event=event),))


@given(st.integers(0, 10**9), any_of(Command))
def test_every_command_comes_back(now: int, command: Command) -> None:
    line = command_line(now, command)
    assert line.count(b"\n") == 1
    assert read([header_line(HEADER), line]) == Journal(HEADER, (Entry(now, command=command),))


def test_lines_are_plain_and_stable() -> None:
    assert event_line(20, Transcribed("caller", 'für "zwei"')) == (
        '{"now":20,"event":{"type":"Transcribed","leg":"caller","text":"für \\"zwei\\"",'
        '"request":null}}\n'.encode()
    )
    header = msgspec.json.decode(header_line(HEADER))
    assert (header["journal"], header["call"]) == (1, "CA1")


def test_lines_may_be_text_and_empty_ones_do_not_count() -> None:
    lines = [header_line(HEADER).decode(), "\n", event_line(0, Tick()).decode(), ""]
    assert list(read(lines).events()) == [(0, Tick())]


@given(any_of(Event), st.data())
def test_a_last_line_that_was_cut_off_is_dropped(event: Event, data: st.DataObject) -> None:
    whole, last = event_line(0, Tick()), event_line(1, event)
    cut = data.draw(st.integers(0, len(last) - 2))
    assert list(read([header_line(HEADER), whole, last[:cut]]).events()) == [(0, Tick())]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "empty"),
        ([b"\n", b"  "], "empty"),
        ([b"garbage"], "Line 1"),
        ([b"{}"], "Line 1"),
        ([b'{"call": 1}'], "Line 1"),
        ([b"\xff\xfe"], "Line 1"),
        ([header_line(HEADER).replace(b'"journal":1', b'"journal":2')], "version 2"),
        ([header_line(HEADER), b"garbage", event_line(0, Tick())], "Line 2"),
        ([header_line(HEADER), event_line(0, Tick()), b"", b"[", event_line(0, Tick())], "Line 4"),
        ([header_line(HEADER), event_line(0, Tick()), b'{"now": "x"}'], "Line 3"),
        ([header_line(HEADER), b'{"now": 1, "event": {"type": "Unknown"}}'], "Line 2"),
        ([header_line(HEADER), b'{"now": 1}'], "Line 2"),
        (
            [
                header_line(HEADER),
                b'{"now": 1, "event": {"type": "Tick"}, '
                b'"command": {"type": "HangUp", "reason": ""}}',
            ],
            "Line 2",
        ),
        ([header_line(HEADER), b'{"now": 1, "event": {"type": "LegLeft"}}'], "Line 2"),
        ([header_line(HEADER), b'"\xff"', event_line(0, Tick())], "Line 2"),
    ],
)
def test_garbage_is_refused_with_its_line(lines: list[bytes], said: str) -> None:
    with pytest.raises(JournalError, match=said):
        read(lines)


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_any_bytes_give_a_journal_or_a_journal_error(lines: list[bytes]) -> None:
    try:
        read([header_line(HEADER), *lines])
    except JournalError as error:
        assert "Line" in str(error)


CALL: list[tuple[int, Event]] = [
    (0, LegJoined("caller")),
    (10, PlaybackStarted("caller", 1)),
    (1500, Heard("caller", 1, "Hello, how can I help you?", 1500)),
    (1500, PlaybackEnded("caller", 1)),
    (2000, SpeechStarted("caller")),
    (2080, SpeechConfirmed("caller")),
    (3060, SpeechStopped("caller", 60)),
    (3100, Transcribed("caller", "a table for two", 1)),
    (3600, Tick()),
    (5000, HangUpRequested("drain")),
    (6000, LegLeft("caller")),
]


def recorded(policy: TurnPolicy) -> Journal:
    conversation = Conversation(policy)
    entries: list[Entry] = []
    for now, event in CALL:
        entries.append(Entry(now, event=event))
        entries += (Entry(now, command=command) for command in conversation.handle(event, now))
    return Journal(Header("CA1", "2026-11-22T10:00:00Z", policy), tuple(entries))


def test_a_replay_gives_the_recorded_commands() -> None:
    journal = recorded(TurnPolicy())
    assert list(replay(journal)) == list(journal.commands())
    assert first_difference(journal) is None


def test_the_first_difference_is_found() -> None:
    journal = recorded(TurnPolicy())
    commands = list(journal.commands())
    shorter = Journal(
        journal.header, tuple(e for e in journal.entries if e.command != commands[-1][1])
    )
    assert first_difference(shorter) == Difference(len(commands) - 1, None, commands[-1])
    longer = Journal(journal.header, (*journal.entries, Entry(7000, command=commands[0][1])))
    assert first_difference(longer) == Difference(len(commands), (7000, commands[0][1]), None)


def test_another_policy_keeps_its_own_deadlines() -> None:
    journal = recorded(TurnPolicy())
    patient = TurnPolicy(endpointing=EndpointingPolicy(mode="fixed", fixed_ms=1500))
    eager = TurnPolicy(endpointing=EndpointingPolicy(mode="fixed", fixed_ms=200))

    def released(policy: TurnPolicy) -> list[int]:
        return [at for at, cmd in replay_under(journal, policy) if isinstance(cmd, Release)]

    assert released(TurnPolicy())[:2] == [0, 3600]
    assert released(patient)[:2] == [0, 4500]
    assert released(eager)[:2] == [0, 3200]
