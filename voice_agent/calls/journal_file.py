"""A call's journal on disk, written off the event loop."""

import asyncio
import itertools
import re
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import msgspec
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
    state_line,
)
from voice_pipelines.conversation.policy import TurnPolicy

from ..errors import VoiceAgentError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_FLUSH_S = 1.0
_SAFE = re.compile(r"[^A-Za-z0-9_-]")

log = structlog.get_logger()


def utc_now() -> str:
    """ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class JournalFile:
    """Collects lines and appends them to a file once a second. A crash loses the last second.

    A full disk costs the journal, never the call. A further stream of the same call gets a file of
    its own.
    """

    def __init__(
        self,
        directory: Path,
        call_id: str,
        policy: TurnPolicy,
        started: str | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """`started` is when the call began, by `utc_now`; now if it is left out.

        `about` is what `recovery.about` gives: with it the conversation's records can be rebuilt.
        """
        self._directory = directory
        self._call_id = call_id
        self._file: BinaryIO | None = None
        told = dict(about) if about else msgspec.UNSET
        header = Header(call_id, started or utc_now(), policy, about=told)
        self._lines = deque([header_line(header)])
        self._writing = Lock()
        self._broken = False

    def event(self, now: int, event: Event) -> None:
        self._lines.append(event_line(now, event))

    def command(self, now: int, command: Command) -> None:
        self._lines.append(command_line(now, command))

    def state(self, now: int, state: Mapping[str, object]) -> None:
        """The conversation's state after a change, as a whole."""
        self._lines.append(state_line(now, state))

    async def keep_writing(self) -> None:
        """Write until cancelled, then write the rest."""
        try:
            while True:
                await asyncio.sleep(_FLUSH_S)
                await asyncio.to_thread(self.flush)
        finally:
            self.close()  # The last lines are few.

    def close(self) -> None:
        """Write the rest."""
        self.flush()
        if self._file is not None:
            self._file.close()

    def flush(self) -> None:
        """Write what there is. The thread of a cancelled second may still be about it."""
        with self._writing:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if self._broken or not lines:
                return
            try:
                if self._file is None:
                    self._file = self._opened()
                self._file.write(b"".join(lines))
                self._file.flush()
            except OSError as error:
                self._broken = True
                log.error("journal_not_written", problem=error.strerror)

    def _opened(self) -> BinaryIO:
        self._directory.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            try:
                file = path_of(self._directory, self._call_id, number).open("xb")
            except FileExistsError:
                continue
            if fcntl is not None:
                # As long as the process lives; see `is_live`.
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        raise AssertionError("there is always another number")


def path_of(directory: Path, call_id: str, number: int = 1) -> Path:
    """Where the journal of a call lies; `number` counts its streams.

    What is not safe in a file name becomes ``_``.
    """
    name = _SAFE.sub("_", call_id)[:100] or "_"
    return directory / (f"{name}.jsonl" if number == 1 else f"{name}.{number}.jsonl")


def is_live(path: Path) -> bool:
    """Whether a process still writes the journal. Raises OSError."""
    if fcntl is None:
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def load(path: Path) -> Journal:
    """Read a journal file. Raises VoiceAgentError."""
    try:
        with path.open("rb") as file:
            return read(file)
    except OSError as error:
        raise VoiceAgentError(f"{path} cannot be read: {error.strerror}.") from error
    except JournalError as error:
        raise VoiceAgentError(f"{path}: {error}") from error
