"""A call's journal on disk, written off the event loop."""

import asyncio
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from voice_pipelines.conversation.commands import Command
from voice_pipelines.conversation.events import Event
from voice_pipelines.conversation.journal import (
    Header,
    Journal,
    JournalError,
    command_line,
    event_line,
    header_line,
    read,
)
from voice_pipelines.conversation.policy import TurnPolicy

from ..errors import VoiceAgentError

_FLUSH_S = 1.0
_SAFE = re.compile(r"[^A-Za-z0-9_-]")

log = structlog.get_logger()


class JournalFile:
    """Collects lines and appends them to a file once a second. A crash loses the last second.

    A full disk costs the journal, never the call.
    """

    def __init__(self, directory: Path, call_id: str, policy: TurnPolicy) -> None:
        self.path = path_of(directory, call_id)
        started = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._lines = [header_line(Header(call_id, started, policy))]
        self._broken = False

    def event(self, now: int, event: Event) -> None:
        self._lines.append(event_line(now, event))

    def command(self, now: int, command: Command) -> None:
        self._lines.append(command_line(now, command))

    async def keep_writing(self) -> None:
        """Write until cancelled, then write the rest."""
        try:
            while True:
                await asyncio.sleep(_FLUSH_S)
                await asyncio.to_thread(self._write, self._taken())
        finally:
            # The last lines are few; a thread could not be awaited any more while cancelled.
            self._write(self._taken())

    def _taken(self) -> list[bytes]:
        lines, self._lines = self._lines, []
        return lines

    def _write(self, lines: Iterable[bytes]) -> None:
        if self._broken:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(b"".join(lines))
        except OSError as error:
            self._broken = True
            log.error("journal_not_written", path=str(self.path), problem=error.strerror)


def path_of(directory: Path, call_id: str) -> Path:
    """Where the journal of a call lies. What is not safe in a file name becomes ``_``."""
    return directory / f"{_SAFE.sub('_', call_id)[:100]}.jsonl"


def load(path: Path) -> Journal:
    """Read a journal file. Raises VoiceAgentError."""
    try:
        with path.open("rb") as file:
            return read(file)
    except OSError as error:
        raise VoiceAgentError(f"{path} cannot be read: {error.strerror}.") from error
    except JournalError as error:
        raise VoiceAgentError(f"{path}: {error}") from error
