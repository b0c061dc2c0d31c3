"""What is kept of a conversation, and what changes it.

Every write but a `MessageUsed` can be applied twice without harm.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

DEFAULT_WORKSPACE = "default"

Direction = Literal["inbound", "outbound", "web"]
Status = Literal["live", "paused", "ended"]

_EPOCH = datetime.fromtimestamp(0, UTC)


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
