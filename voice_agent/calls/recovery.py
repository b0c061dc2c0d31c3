"""Conversations rebuilt from the journals of calls whose records did not reach the database.

A journal whose file is locked belongs to a live call of this or another process and is left alone.
What is found in the database is not undone: messages and actions are written by number, the state
gets the keys that the journal tells of.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import structlog

from voice_pipelines.conversation.commands import HangUp
from voice_pipelines.conversation.events import LegLeft
from voice_pipelines.conversation.journal import JournalError, header_of
from voice_pipelines.conversation.machine import Conversation as Machine

from ..errors import StorageUnavailable, VoiceAgentError
from .journal_file import is_live, load
from .records import Action, Archive, Begun, Conversation, Ended, Message, StateChanged, Write
from .scribe import Scribe

log = structlog.get_logger()


class About(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a journal's header tells of the conversation that the call belongs to."""

    conversation: dict[str, Any] = {}
    """`Conversation` as it began, in JSON."""
    first_message: int = 0
    first_action: int = 0


def about(
    conversation: Conversation, first_message: int = 0, first_action: int = 0
) -> dict[str, Any]:
    """For the journal of a call: what it takes to rebuild the conversation's records."""
    raw = msgspec.to_builtins(conversation, enc_hook=str)
    del raw["later_calls"]  # They have journals of their own.
    told: dict[str, Any] = msgspec.to_builtins(About(raw, first_message, first_action))
    return told


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a recovery did."""

    conversations: int
    unreadable: int
    """Journals that could not be read; they are named in the log and stay where they are."""


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    conversation: Conversation
    told: About


async def recover(directory: Path, archive: Archive) -> Recovered:
    """Write what the journals in `directory` know and the archive does not.

    Raises StorageUnavailable.
    """
    found, unreadable = await asyncio.to_thread(_find, directory)
    missing = await archive.incomplete(sorted({each.conversation.id for each in found}))
    done = set()
    for each in found:
        if each.conversation.id not in missing:
            continue
        try:
            writes = await asyncio.to_thread(_rebuilt, each)
            await archive.apply(writes)
        except StorageUnavailable:
            raise
        except (VoiceAgentError, ValueError) as error:
            unreadable += 1
            log.warning("journal_not_recovered", file=each.path.name, reason=str(error))
        else:
            done.add(each.conversation.id)
    if done:
        log.info("conversations_recovered", count=len(done))
    return Recovered(len(done), unreadable)


def _find(directory: Path) -> tuple[list[_Found], int]:
    """The journals of calls that are over, in the order in which they began."""
    found = []
    unreadable = 0
    for path in sorted(directory.glob("*.jsonl")):
        try:
            if is_live(path):
                continue
            with path.open("rb") as file:
                header = header_of(file.readline())
            told = msgspec.convert({} if header.about is msgspec.UNSET else header.about, About)
            if told.conversation:
                conversation = msgspec.convert(told.conversation, Conversation)
            else:
                started = datetime.fromisoformat(header.started).astimezone(UTC)
                conversation = Conversation(id=header.call, created_at=started, call=header.call)
        except (OSError, JournalError, ValueError) as error:
            unreadable += 1
            log.warning("journal_not_recovered", file=path.name, reason=str(error))
        else:
            found.append((header.started, _Found(path, conversation, told)))
    return [each for _, each in sorted(found, key=lambda pair: pair[0])], unreadable


def _rebuilt(found: _Found) -> list[Write]:
    journal = load(found.path)
    id = found.conversation.id
    started = datetime.fromisoformat(journal.header.started).astimezone(UTC)
    scribe = Scribe(id, started, found.told.first_message, found.told.first_action)
    machine = Machine(journal.header.policy)
    writes: list[Write] = [Begun(found.conversation)]
    reason = ""
    now = 0
    for now, event in journal.events():
        if (ended := scribe.event(now, event)) is not None:
            writes.append(ended)
        for command in machine.handle(event, now):
            if (begun := scribe.command(now, command)) is not None:
                writes.append(begun)
            if isinstance(command, HangUp):
                reason = reason or command.reason
        writes += scribe.messages(machine.transcript.lines, now)
        if isinstance(event, LegLeft):
            reason = reason or "caller_left"
    writes += [StateChanged(id, state) for _, state in journal.states()]
    writes.append(Ended(id, scribe.time(now), reason or "crashed"))
    return _newest(writes)


def _newest(writes: Sequence[Write]) -> list[Write]:
    """Each message and action once, as it was in the end."""
    parts: dict[tuple[type, int], Write] = {}
    others: list[Write] = []
    for write in writes:
        if isinstance(write, Message | Action):
            parts[type(write), write.number] = write
        else:
            others.append(write)
    return [*others[:1], *parts.values(), *others[1:]]
