"""What is kept of a conversation, and how it gets to where it is kept.

A live call never waits for a database: it hands its `Write`s to a `RecordWriter`, which brings them
there in order, tries again for as long as the database is down, and drops what does not fit into
its bounded queue. What was dropped, or lost with the process, is rebuilt from the journals at the
next start (`recovery`).

Every write but a `MessageUsed` can be applied twice without harm.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

import structlog

from voice_pipelines.conversation.commands import Command, RunAction
from voice_pipelines.conversation.events import ActionEnded, Event, HistoryRestored
from voice_pipelines.conversation.transcript import Line

from ..errors import StorageUnavailable

DEFAULT_WORKSPACE = "default"

Direction = Literal["inbound", "outbound", "web"]
Status = Literal["live", "paused", "ended"]

_EPOCH = datetime.fromtimestamp(0, UTC)
_QUEUE = 20_000
"""Writes that wait for the database. A minute of one call makes some twenty, most of them short:
so much is ten calls over an hour and a half, in about 10 MB."""
_BATCH = 500
"""Writes of one transaction: large enough to catch up quickly, small enough not to hold the lock of
the database against the API."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0

log = structlog.get_logger()


def new_id(at: datetime) -> str:
    """A new id, 24 hexadecimal digits: later ones sort behind earlier ones."""
    milliseconds = (at - _EPOCH) // timedelta(milliseconds=1)
    return f"{milliseconds:012x}{secrets.token_hex(6)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One conversation of a user with a persona. It may be paused and resumed."""

    id: str
    created_at: datetime
    workspace: str = DEFAULT_WORKSPACE
    persona_id: str = ""
    """Empty for the persona of the configuration."""
    persona_name: str = ""
    persona_version: int = 0
    user_id: str = ""
    """Whom messages are counted for: on the phone the caller's number. Empty if nobody knows."""
    direction: Direction = "inbound"
    call: str = ""
    """What the carrier calls it."""
    later_calls: Sequence[str] = ()
    """The calls on which it was resumed, in order, without those that are named already."""
    details: Mapping[str, object] = field(default_factory=dict)
    state: Mapping[str, object] = field(default_factory=dict)
    status: Status = "live"
    ended_at: datetime | None = None
    end_reason: str = ""
    recording: str = ""
    """Where its recording lies; empty if there is none."""
    complete: bool = False
    """Everything up to the end (or the pause) has been written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One contribution, as it stands now: the agent's grow while they are heard."""

    conversation_id: str
    number: int
    """Counted from 0 over the whole conversation."""
    speaker: str
    """``caller``, ``agent`` or ``note``."""
    text: str
    """For the agent: what was heard of it."""
    at: datetime
    intended: str = ""
    """For the agent: all that it was going to say."""
    turn: int = 0
    leg: str = ""
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that the agent did."""

    conversation_id: str
    number: int
    name: str
    arguments: str
    """JSON text, as the language model gave it."""
    started_at: datetime
    ended_at: datetime | None = None
    result: str | None = None
    """What the language model was told; None while it runs."""
    kind: str | None = None
    """A value of `actions.action.Kind`; None for an action that there is not."""
    outcome: str | None = None
    """As in `actions.dispatch.ActionRecord`; None while it runs."""
    webhook: Mapping[str, object] | None = None
    """The fields of an `actions.exchange.Exchange`."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A conversation has begun. Nothing happens if it is known already."""

    conversation: Conversation

    @property
    def conversation_id(self) -> str:
        return self.conversation.id


@dataclass(frozen=True, slots=True)
class Resumed:
    """A paused or ended conversation goes on."""

    conversation_id: str
    call: str = ""
    """What the carrier calls the call on which it does."""


@dataclass(frozen=True, slots=True)
class StateChanged:
    """Keys of the state that are new or have another value."""

    conversation_id: str
    changes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RecordingKept:
    """Where the recording lies."""

    conversation_id: str
    recording: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The conversation is over, or paused."""

    conversation_id: str
    at: datetime
    reason: str
    status: Status = "ended"
    complete: bool = True
    """No write of this conversation was dropped; else its journal is to be read at the next
    start."""


@dataclass(frozen=True, slots=True)
class MessageUsed:
    """A message that was answered while nobody could count it, see `limits`."""

    conversation_id: str
    workspace: str
    persona_id: str
    user_id: str
    at: datetime


Write = Begun | Resumed | Message | Action | StateChanged | RecordingKept | Ended | MessageUsed


class Records(Protocol):
    """Where records are written to."""

    async def apply(self, writes: Sequence[Write]) -> None:
        """Write all of them or none, in this order.

        Raises StorageUnavailable if trying again later may help, ValueError for a write that can
        never be kept.
        """


class Archive(Records, Protocol):
    """Where the records of calls that a crash ended are completed."""

    async def incomplete(self, ids: Sequence[str]) -> set[str]:
        """Those of the conversations that are not there, or not to their end."""


@dataclass(frozen=True, slots=True)
class ConversationFilter:
    """Which conversations to list."""

    persona_id: str | None = None
    user_id: str | None = None
    status: Status | None = None
    since: datetime | None = None
    """Begun then or later."""
    until: datetime | None = None
    """Begun before that."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: the last conversation on it."""

    created_at: datetime
    id: str


class Conversations(Protocol):
    """The conversations of one workspace. All raise StorageUnavailable."""

    async def list(
        self, wanted: ConversationFilter, after: Place | None = None, limit: int = 50
    ) -> Sequence[Conversation]:
        """Newest first; those behind `after`."""

    async def get(self, id: str) -> Conversation | None: ...

    async def messages(self, id: str, first: int = 0, limit: int = 1000) -> Sequence[Message]:
        """Those from number `first` on."""

    async def actions(self, id: str, first: int = 0, limit: int = 1000) -> Sequence[Action]:
        """Those from number `first` on."""

    async def merge_state(
        self, id: str, changes: Mapping[str, object]
    ) -> Mapping[str, object] | None:
        """Set some keys of the state; what it is then. None for an unknown conversation."""


class Gauge(Protocol):
    """What operators see of the writing."""

    def records_waiting(self, count: int) -> None: ...

    def record_dropped(self) -> None: ...

    def database_up(self, up: bool) -> None: ...


class Unwatched:
    """Nobody looks."""

    def records_waiting(self, count: int) -> None:
        pass

    def record_dropped(self) -> None:
        pass

    def database_up(self, up: bool) -> None:
        pass


class RecordWriter:
    """Brings writes to the database in their order, without anybody waiting for it."""

    def __init__(self, records: Records, gauge: Gauge | None = None, limit: int = _QUEUE) -> None:
        """`limit` writes wait at most; further ones are dropped, and their conversations end as
        not complete."""
        self.told: Callable[[Sequence[Write]], None] = lambda _: None
        """Is told what has been written, each time; it must return at once."""
        self._records = records
        self._gauge: Gauge = gauge or Unwatched()
        self._limit = limit
        self._waiting: deque[Write] = deque()
        self._news = asyncio.Event()
        self._lost: set[str] = set()
        """Conversations with a dropped write that have not ended yet."""
        self._queued = self._written = 0
        """Writes that were ever taken in, and that left the queue again."""
        self._progress = asyncio.Condition()
        self.up = True
        """The database took what it was last given."""

    def __len__(self) -> int:
        return len(self._waiting)

    def write(self, *writes: Write) -> None:
        """Take in writes. Never blocks and never fails: what does not fit is dropped."""
        for write in writes:
            if isinstance(write, Ended):
                # Taken even over the limit: there is one of each call.
                if write.conversation_id in self._lost:
                    self._lost.discard(write.conversation_id)
                    write = replace(write, complete=False)
            elif len(self._waiting) >= self._limit:
                self._drop(write)
                continue
            self._waiting.append(write)
            self._queued += 1
        self._news.set()

    async def keep_writing(self) -> None:
        """Write until cancelled. What waits then is left to `close`."""
        pause = _FIRST_PAUSE_S
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                try:
                    await self._write_some()
                except StorageUnavailable as problem:
                    if self.up:
                        log.warning("records_wait_for_database", reason=str(problem))
                    self._tell(up=False)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE_S)
                else:
                    if not self.up:
                        log.info("records_reach_database_again", waiting=len(self._waiting))
                    self._tell(up=True)
                    pause = _FIRST_PAUSE_S

    async def written(self, within_ms: int) -> bool:
        """Wait until what was taken in so far is in the database; False if that takes longer."""
        goal = self._queued
        try:
            async with asyncio.timeout(within_ms / 1000), self._progress:
                await self._progress.wait_for(lambda: self._written >= goal)
        except TimeoutError:
            return False
        return True

    async def close(self, within_ms: int = 3000) -> None:
        """Write what waits, once `keep_writing` has been cancelled. The rest is in the journals."""
        try:
            async with asyncio.timeout(within_ms / 1000):
                while self._waiting:
                    await self._write_some()
        except (StorageUnavailable, TimeoutError):
            log.warning("records_left_to_journals", count=len(self._waiting))

    async def _write_some(self) -> None:
        batch = [self._waiting[at] for at in range(min(len(self._waiting), _BATCH))]
        try:
            await self._records.apply(batch)
        except ValueError:
            await self._write_singly(batch)
        for _ in batch:  # Only now: a cancelled write is tried again.
            self._waiting.popleft()
        self._written += len(batch)
        self._gauge.records_waiting(len(self._waiting))
        self.told(batch)
        async with self._progress:
            self._progress.notify_all()

    async def _write_singly(self, batch: Sequence[Write]) -> None:
        """One write of the batch can never be kept; the others can."""
        for write in batch:
            try:
                await self._records.apply([write])
            except ValueError as problem:
                self._gauge.record_dropped()
                log.error("record_not_kept", kind=type(write).__name__, reason=str(problem))

    def _drop(self, write: Write) -> None:
        self._gauge.record_dropped()
        if write.conversation_id not in self._lost:
            self._lost.add(write.conversation_id)
            log.error("record_dropped", waiting=len(self._waiting))

    def _tell(self, up: bool) -> None:
        self.up = up
        self._gauge.database_up(up)
        self._gauge.records_waiting(len(self._waiting))


class Scribe:
    """One call as records: the transcript's lines and the actions, as they change.

    A resumed conversation goes on counting: `first_message` and `first_action` are the numbers of
    those that it had before.
    """

    def __init__(
        self,
        conversation_id: str,
        started: datetime,
        first_message: int = 0,
        first_action: int = 0,
    ) -> None:
        self._id = conversation_id
        self._started = started
        self._first_message = first_message
        self._first_action = first_action
        self._restored = 0
        """Lines of the transcript that are an earlier part's."""
        self._lines: list[Line] = []
        self._at: list[datetime] = []
        self._running: dict[int, Action] = {}

    def time(self, now: int) -> datetime:
        """The time of day at `now` milliseconds of the call."""
        return self._started + timedelta(milliseconds=now)

    def messages(self, lines: Sequence[Line], now: int) -> tuple[Message, ...]:
        """Those lines of the transcript that are new or changed since this was last asked."""
        # What is said of actions moves about; they are kept as actions.
        own = [line for line in lines if not line.action][self._restored :]
        changed = []
        for at, line in enumerate(own):
            if at == len(self._lines):
                self._lines.append(line)
                self._at.append(self.time(now))
            elif self._lines[at] is line:
                continue
            else:
                same = self._lines[at] == line
                self._lines[at] = line
                if same:
                    continue
            changed.append(self._message(at, line))
        return tuple(changed)

    def all_messages(self) -> tuple[Message, ...]:
        """All lines that it was asked for so far."""
        return tuple(self._message(at, line) for at, line in enumerate(self._lines))

    def _message(self, at: int, line: Line) -> Message:
        return Message(
            conversation_id=self._id,
            number=self._first_message + at,
            speaker=line.speaker,
            text=line.text,
            at=self._at[at],
            intended=line.intended,
            turn=line.turn,
            leg=line.leg,
            withdrawn=line.withdrawn,
        )

    def command(self, now: int, command: Command) -> Action | None:
        """The action that the command starts."""
        if not isinstance(command, RunAction):
            return None
        action = Action(
            conversation_id=self._id,
            number=self._first_action + command.action,
            name=command.name,
            arguments=command.arguments,
            started_at=self.time(now),
        )
        self._running[command.action] = action
        return action

    def event(self, now: int, event: Event) -> Action | None:
        """The action that the event ends. To be told every event before its lines are asked for."""
        if isinstance(event, HistoryRestored):
            self._restored += len(event.messages)
        if not isinstance(event, ActionEnded):
            return None
        if (action := self._running.pop(event.action, None)) is None:
            return None
        return replace(action, ended_at=self.time(now), result=event.result)
