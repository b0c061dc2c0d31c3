"""What was kept of a conversation besides its records: journals and recordings, by its calls.

A conversation that was resumed has several parts, each with a journal of its own, and a recording
if there was one. Everything is read in threads, few at a time: whoever looks at old calls must not
be in the way of the live ones.
"""

import asyncio
import itertools
import tempfile
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from voice_pipelines.conversation.commands import Command
from voice_pipelines.conversation.journal import (
    Journal,
    JournalError,
    header_of,
    replay,
    replay_under,
)
from voice_pipelines.conversation.policy import TurnPolicy

from ..errors import VoiceAgentError
from ..telemetry.whatif import Change, compare
from .journal_file import load
from .journal_file import path_of as journal_path
from .recording import path_of as recording_path
from .records import Conversation

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_LARGEST_JOURNAL = 64 * 1024 * 1024
_AT_ONCE = 2
_STREAMS = 100
"""Of one call."""
_REPLAY_S = 10.0
_OUTLINES = 64
_LARGEST_FETCHED = 256 * 1024 * 1024
"""Bytes of a recording in a store that is fetched to be drawn: two hours of a telephone call as
WAV, eighteen as Opus."""
_FETCH_S = 30.0
_DRAW_S = 20.0
"""Opus takes about a second for five minutes."""
_PIECE = 1024 * 1024
"""Bytes of a recording in a store that are held at once."""
_TYPES = {"wav": "audio/wav", "ogg": "audio/ogg"}

T = TypeVar("T")


class NotRecorded(VoiceAgentError):
    """There is no such thing of this conversation; the text says why."""


class TooLarge(VoiceAgentError):
    """It is too large, or takes too long, to be worked out here."""


@dataclass(frozen=True, slots=True)
class Part:
    """One call, or one stream of it, on which a conversation went on."""

    number: int
    """From 1."""
    call: str
    stream: int
    """Of the call's media streams, from 1."""
    started: str
    """ISO 8601, UTC."""
    journal: Path


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording."""

    name: str
    content_type: str
    path: Path | None
    """None for one in the store."""
    size: int = 0
    """In bytes, of one in the store."""
    version: str = ""
    """Of one in the store: another one after it was written again."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A recording as a picture: the largest swing of each stretch, 0 to 1."""

    duration_ms: int
    caller: list[float]
    agent: list[float]


class RecordedCalls:
    """Journals and recordings by conversation."""

    def __init__(
        self,
        journals: Path | None = None,
        recordings: Path | None = None,
        store: "Callable[[], ObjectStore] | None" = None,
    ) -> None:
        """`store` opens the object store of finished recordings; None if they stay here."""
        self._journals = journals
        self._recordings = recordings
        self._open_store = store
        self._store: ObjectStore | None = None
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._outlines: OrderedDict[tuple[str, int, str, int], Outline] = OrderedDict()
        self._drawing = asyncio.Semaphore(1)
        """Not `_room`: a long recording is not in the way of the rest of a page."""

    # Journals ------------------------------------------------------------------------------------

    async def parts(self, conversation: Conversation) -> list[Part]:
        """The parts of which there are journals, in order; the first one is number 1."""
        if self._journals is None:
            return []
        return await self._in_thread(lambda: self._found(conversation))

    async def part(self, conversation: Conversation, number: int) -> tuple[Part, list[Part]]:
        """One part, and all of them. Raises NotRecorded."""
        parts = await self.parts(conversation)
        if not parts:
            raise NotRecorded(
                "No journal was kept of this conversation, or it is on another machine."
            )
        if number > len(parts):
            raise NotRecorded(f"The conversation has no part {number}, but {len(parts)}.")
        return parts[number - 1], parts

    async def read(self, part: Part, work: Callable[[Journal], T]) -> T:
        """What `work`, run in a thread, makes of a part's journal. Raises NotRecorded, TooLarge."""

        def both() -> T:
            try:
                size = part.journal.stat().st_size
            except OSError as error:
                raise NotRecorded("The journal is not there any more.") from error
            if size > _LARGEST_JOURNAL:
                raise TooLarge(
                    f"The journal has {size >> 20} MiB, and at most {_LARGEST_JOURNAL >> 20} are "
                    "read here; it can be downloaded."
                )
            try:
                journal = load(part.journal)
            except VoiceAgentError as error:
                raise NotRecorded(f"The journal cannot be read: {error}") from error
            return work(journal)

        return await self._in_thread(both)

    def _found(self, conversation: Conversation) -> list[Part]:
        assert self._journals is not None
        parts = []
        for call in dict.fromkeys((conversation.call, *conversation.later_calls)):
            for stream in range(1, _STREAMS) if call else ():
                path = journal_path(self._journals, call, stream)
                if not path.exists():
                    break
                if (started := _started(path, conversation)) is not None:
                    parts.append((started, call, stream, path))
        return [
            Part(number, call, stream, started, path)
            for number, (started, call, stream, path) in enumerate(sorted(parts), start=1)
        ]

    # Recordings ----------------------------------------------------------------------------------

    async def sound(self, conversation: Conversation, number: int) -> Sound:
        """The recording of a part. Raises NotRecorded."""
        calls = [
            (part.call, part.stream)
            for part in await self.parts(conversation)
            if part.number == number
        ]
        if not calls and number == 1 and conversation.call:
            calls = [(conversation.call, 1)]  # Without a journal there may be a recording.
        for call, stream in calls:
            for suffix, content_type in _TYPES.items():
                if (found := await self._sound(call, stream, suffix, content_type)) is not None:
                    return found
        raise NotRecorded("There is no recording of it.")

    async def outline(self, sound: Sound, stretches: int) -> Outline:
        """A recording as a picture of so many stretches. Raises NotRecorded, TooLarge."""
        async with self._drawing:
            try:
                if sound.path is not None:
                    return await self._drawn(sound.path, await _named(sound.path), stretches)
                return await self._fetched(sound, stretches)
            except (OSError, ValueError) as error:
                raise NotRecorded("The recording cannot be read.") from error
            except ImportError as error:
                raise NotRecorded(
                    "Recordings in Opus are drawn where the server has its decoder: "
                    "pip install 'voice-agent[opus]'."
                ) from error

    async def _fetched(self, sound: Sound, stretches: int) -> Outline:
        from obstore.exceptions import BaseError

        name = (sound.name, sound.size, sound.version)
        if (known := self._outlines.get((*name, stretches))) is not None:
            return known
        if sound.size > _LARGEST_FETCHED:
            raise TooLarge(
                f"The recording has {sound.size >> 20} MiB, and at most "
                f"{_LARGEST_FETCHED >> 20} are fetched from the store to be drawn."
            )
        with tempfile.NamedTemporaryFile() as copy:
            try:
                async with asyncio.timeout(_FETCH_S):
                    async for piece in self.pieces(sound, 0, sound.size):
                        await asyncio.to_thread(copy.write, piece)
            except TimeoutError as error:
                raise TooLarge(
                    f"The recording was not fetched from the store in {_FETCH_S:.0f} s."
                ) from error
            except BaseError as error:
                raise NotRecorded("The store of the recordings does not answer.") from error
            await asyncio.to_thread(copy.flush)
            return await self._drawn(Path(copy.name), name, stretches)

    async def _drawn(self, path: Path, name: tuple[str, int, str], stretches: int) -> Outline:
        """The outline of a file; `name` is what it is kept by."""
        key = (*name, stretches)
        if (known := self._outlines.get(key)) is not None:
            return known
        drawn = self._outlines[key] = await asyncio.to_thread(_outline, path, stretches)
        while len(self._outlines) > _OUTLINES:
            self._outlines.popitem(last=False)
        return drawn

    async def pieces(self, sound: Sound, begin: int, end: int) -> AsyncIterator[bytes]:
        """The bytes of a recording in the store from `begin` up to `end`."""
        import obstore

        store = self._opened_store()
        for at in range(begin, end, _PIECE):
            until = min(at + _PIECE, end)
            piece = await obstore.get_range_async(store, sound.name, start=at, end=until)
            yield bytes(piece)

    async def _sound(self, call: str, stream: int, suffix: str, content_type: str) -> Sound | None:
        folder = self._recordings or Path()
        path = recording_path(folder, call, suffix, stream)
        if self._recordings is not None and await asyncio.to_thread(path.is_file):
            return Sound(path.name, content_type, path)
        if self._open_store is None:
            return None
        import obstore
        from obstore.exceptions import BaseError

        try:
            meta = await obstore.head_async(self._opened_store(), path.name)
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise NotRecorded("The store of the recordings does not answer.") from error
        return Sound(path.name, content_type, None, meta["size"], meta["e_tag"] or "")

    def _opened_store(self) -> "ObjectStore":
        assert self._open_store is not None
        if self._store is None:
            self._store = self._open_store()
        return self._store

    async def _in_thread(self, work: Callable[[], T]) -> T:
        async with self._room:
            return await asyncio.to_thread(work)


async def _named(path: Path) -> tuple[str, int, str]:
    about = await asyncio.to_thread(path.stat)
    return str(path), about.st_size, str(about.st_mtime_ns)


def _outline(path: Path, stretches: int) -> Outline:
    from voice_codecs.peaks import outline  # Imports numpy.

    until = time.monotonic() + _DRAW_S

    def going_on() -> None:
        if time.monotonic() > until:
            raise TooLarge(f"The recording is too long to be drawn in {_DRAW_S:.0f} s.")
        time.sleep(0)  # Lets the event loop have the interpreter, for the sake of live calls.

    made = outline(path, stretches, going_on)
    return Outline(made.duration_ms, made.left, made.right)


def what_if(journal: Journal, policy: TurnPolicy) -> list[Change]:
    """What `policy` would have changed in a call. Raises TooLarge if that takes too long."""
    # Timers were late by a millisecond or two, which is no difference of policy.
    same = policy == journal.header.policy
    commands = replay(journal) if same else replay_under(journal, policy)
    return compare(journal, list(_bounded(commands)))


def changed_policy(policy: TurnPolicy, changes: dict[str, dict[str, object]]) -> TurnPolicy:
    """`policy` with some values of some sections changed. The values must have been checked."""
    raw = msgspec.to_builtins(policy)
    for section, values in changes.items():
        raw[section] |= values
    return msgspec.convert(raw, TurnPolicy)


def _bounded(commands: Iterator[tuple[int, Command]]) -> Iterator[tuple[int, Command]]:
    until = time.monotonic() + _REPLAY_S
    for number in itertools.count():
        if number % 16 == 0:
            if time.monotonic() > until:
                raise TooLarge(f"The call is too long to be replayed in {_REPLAY_S:.0f} s.")
            time.sleep(0)  # Lets the event loop have the interpreter, for the sake of live calls.
        if (command := next(commands, None)) is None:
            return
        yield command


def _started(path: Path, conversation: Conversation) -> str | None:
    """When the call of a journal began; None if it is another conversation's, or unreadable."""
    try:
        with path.open("rb") as file:
            header = header_of(file.readline())
    except (OSError, JournalError):
        return None
    about = {} if header.about is msgspec.UNSET else header.about
    # Carriers' names of calls may come again, and other characters than ours become the same.
    known = (about.get("conversation") or {}).get("id", conversation.id)
    return header.started if known == conversation.id else None
