"""The journal of a call: its policy, then all that happened, one JSON line each, with its time.

::

    {"journal": 1, "call": "CA…", "started": "2026-11-22T10:00:00Z", "policy": {…}}
    {"now": 0, "event": {"type": "LegJoined", "leg": "caller"}}
    {"now": 0, "command": {"type": "Speak", "turn": 1, "piece": 0, "text": "Hello."}}
    {"now": 9000, "state": {"email_address": "ann@example.com"}}

`replay` runs the recorded events through a fresh conversation. Under the recorded policy it must
give the recorded commands; under another one it shows what would have been different.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from .commands import Command
from .events import Event, Tick
from .machine import Conversation
from .policy import TurnPolicy

VERSION = 1


class Header(msgspec.Struct, frozen=True):
    """The first line."""

    call: str
    started: str
    """ISO 8601, UTC."""
    policy: TurnPolicy
    journal: int = VERSION
    about: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    """Whatever the server wants to know of the call when it reads this; replay does not care."""


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """Any other line: exactly one of `event`, `command` and `state`."""

    now: int
    event: Event | None = None
    command: Command | None = None
    state: dict[str, Any] | None = None
    """What the actions and the client know of the caller, after a change. Not the machine's."""


@dataclass(frozen=True, slots=True)
class Journal:
    """One recorded call."""

    header: Header
    entries: tuple[Entry, ...]

    def events(self) -> Iterator[tuple[int, Event]]:
        """(now, event) in order."""
        return ((entry.now, entry.event) for entry in self.entries if entry.event is not None)

    def states(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """(now, state) in order."""
        return ((entry.now, entry.state) for entry in self.entries if entry.state is not None)

    def commands(self) -> Iterator[tuple[int, Command]]:
        """(now, command) in order."""
        return ((entry.now, entry.command) for entry in self.entries if entry.command is not None)


class JournalError(ValueError):
    """A line that is no journal line."""


_encoder = msgspec.json.Encoder()
_header_decoder = msgspec.json.Decoder(Header)
_entry_decoder = msgspec.json.Decoder(Entry)


def header_line(header: Header) -> bytes:
    return _encoder.encode(header) + b"\n"


def event_line(now: int, event: Event) -> bytes:
    return _encoder.encode(Entry(now, event=event)) + b"\n"


def command_line(now: int, command: Command) -> bytes:
    return _encoder.encode(Entry(now, command=command)) + b"\n"


def state_line(now: int, state: Mapping[str, object]) -> bytes:
    return _encoder.encode(Entry(now, state=dict(state))) + b"\n"


def header_of(line: bytes | str, number: int = 1) -> Header:
    """Parse a journal's first line. Raises JournalError."""
    try:
        header = _header_decoder.decode(line)
    except msgspec.DecodeError as error:
        raise JournalError(f"Line {number} is no journal header: {error}.") from error
    if header.journal != VERSION:
        raise JournalError(
            f"The journal has version {header.journal}; this program reads {VERSION}."
        )
    return header


def read(lines: Iterable[bytes | str]) -> Journal:
    """Parse a journal. A last line that a crash cut off is dropped. Raises JournalError."""
    texts = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not texts:
        raise JournalError("The journal is empty.")
    number, text = texts[0]
    header = header_of(text, number)
    entries = []
    for number, text in texts[1:]:
        try:
            entry = _entry_decoder.decode(text)
        except msgspec.ValidationError as error:
            raise JournalError(f"Line {number} is no journal line: {error}.") from error
        except msgspec.DecodeError as error:
            if number == texts[-1][0]:
                break
            raise JournalError(f"Line {number} is no JSON: {error}.") from error
        told = (entry.event, entry.command, entry.state)
        if sum(part is not None for part in told) != 1:
            raise JournalError(f"Line {number} is no journal line: not one event or command.")
        entries.append(entry)
    return Journal(header, tuple(entries))


def replay(journal: Journal) -> Iterator[tuple[int, Command]]:
    """The commands that the recorded events cause today, under the recorded policy."""
    conversation = Conversation(journal.header.policy)
    for now, event in journal.events():
        for command in conversation.handle(event, now):
            yield now, command


def replay_under(journal: Journal, policy: TurnPolicy) -> Iterator[tuple[int, Command]]:
    """The commands under another policy: recorded facts, but the policy's own deadlines.

    An approximation: what providers would have answered to questions that were never asked is not
    known. It is exact up to the first command that differs.
    """
    conversation = Conversation(policy)
    for now, event in journal.events():
        if isinstance(event, Tick):
            continue
        while (due := conversation.deadline()) is not None and due < now:
            for command in conversation.handle(Tick(), due):
                yield due, command
        for command in conversation.handle(event, now):
            yield now, command


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a replay leaves the record."""

    index: int
    recorded: tuple[int, Command] | None
    replayed: tuple[int, Command] | None


def first_difference(journal: Journal) -> Difference | None:
    """The first command that the machine does not give any more as it was recorded, if any."""
    recorded, replayed = list(journal.commands()), list(replay(journal))
    for index in range(max(len(recorded), len(replayed))):
        old = recorded[index] if index < len(recorded) else None
        new = replayed[index] if index < len(replayed) else None
        if old != new:
            return Difference(index, old, new)
    return None
