"""What a call is about: decided before it begins, and fixed from then on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from voice_pipelines.conversation.commands import Message

from ..personas.persona import Persona
from .records import DEFAULT_WORKSPACE, Direction
from .records import Message as Record


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier part of the same conversation."""

    messages: tuple[Message, ...]
    """What was said, as it was heard."""
    state: Mapping[str, JsonValue] = field(default_factory=dict)
    next_message: int = 0
    """The number of the first record of a message that is to be written."""
    last_action: int = 0
    """The number of the last record of an action."""
    records: tuple[Record, ...] = ()
    """Its messages, where nobody else has them: of what is not saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """Who answers whom, and what is known beforehand. A live call keeps the version it got."""

    conversation_id: str
    persona: Persona
    persona_id: str = ""
    """Empty for the persona of the configuration."""
    persona_version: int = 0
    details: Mapping[str, JsonValue] = field(default_factory=dict)
    """For the templates and webhooks; on the telephone with `userId`, the other party's number."""
    user_id: str = ""
    """For whom messages are counted; empty if nobody knows."""
    direction: Direction = "inbound"
    timezone: str = ""
    """The conversation's; empty for the persona's."""
    workspace: str = DEFAULT_WORKSPACE
    remote: str = ""
    """The number of the other party, empty where there is none."""
    own: str = ""
    """The number that it called, or is called from."""
    saved: bool = True
    """Whether anything is kept of it: records, journal, recording. Messages are counted anyway."""
    past: Past | None = None
    note: str = ""
    """What has happened since the past, for the agent to speak of first."""
