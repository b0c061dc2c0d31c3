"""What the API needs of the rest of the server."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from voice_pipelines.conversation.policy import TurnPolicy

from ...access.keys import Keys
from ...access.sign_in import Entry
from ...access.tokens import Tokens
from ...calls.limits import Counters
from ...calls.numbers import DoNotCall
from ...calls.recorded import RecordedCalls
from ...calls.records import Conversations
from ...errors import VoiceAgentError
from ...personas.persona import Persona
from ...personas.repository import Personas, StoredPersona
from ...personas.retriever import Matches, Query
from ...sections import PriceSettings
from .visitor import Networks


class EditedPersonas(Personas, Protocol):
    """Personas with what only the API needs."""

    async def change(self, id: str, update: Callable[[Persona], Persona]) -> StoredPersona:
        """Change the draft and what calls get alike, at once."""

    async def versions(
        self, id: str, before: int | None = None, limit: int = 100
    ) -> Sequence[tuple[int, datetime]]:
        """The numbers of what was published and when, the newest first."""


class LiveCalls(Protocol):
    """The calls that are live now. Each returns False (None) if the conversation is not."""

    async def end(self, conversation_id: str) -> bool:
        """Pause the conversation; its caller hears a good-bye no more."""

    async def unsaved(self, conversation_id: str, workspace: str) -> bool:
        """Whether it is one of `workspace` of which nothing is saved."""

    async def merge_state(
        self, conversation_id: str, changes: Mapping[str, object]
    ) -> Mapping[str, object] | None:
        """Set some keys of the state; what it is then.

        Raises VoiceAgentError if the state cannot take them.
        """

    async def say(self, conversation_id: str, text: str) -> bool:
        """The agent says exactly this."""

    async def react(self, conversation_id: str, text: str) -> bool:
        """The agent learns of this and speaks of it."""

    async def user_text(self, conversation_id: str, text: str) -> bool:
        """The user wrote this instead of speaking."""

    async def pause_recording(self, conversation_id: str, paused: bool) -> bool:
        """Record silence from now on, or voices again. False also if nothing is recorded."""


class NoLiveCalls:
    """For a server that has none yet."""

    async def end(self, conversation_id: str) -> bool:
        return False

    async def unsaved(self, conversation_id: str, workspace: str) -> bool:
        return False

    async def merge_state(
        self, conversation_id: str, changes: Mapping[str, object]
    ) -> Mapping[str, object] | None:
        return None

    async def say(self, conversation_id: str, text: str) -> bool:
        return False

    async def react(self, conversation_id: str, text: str) -> bool:
        return False

    async def user_text(self, conversation_id: str, text: str) -> bool:
        return False

    async def pause_recording(self, conversation_id: str, paused: bool) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Dialed:
    """An outgoing call that the carrier has taken."""

    id: str
    call_sid: str
    to: str


class CallRefusedBy(VoiceAgentError):
    """The call was not placed: by our own limits, or (`carrier`) by the carrier."""

    def __init__(self, message: str, carrier: bool = False) -> None:
        super().__init__(message)
        self.carrier = carrier


class Dialer(Protocol):
    """Places outgoing calls."""

    async def dial(
        self,
        persona: StoredPersona,
        number: str,
        details: Mapping[str, object],
        asked_by: str,
    ) -> Dialed:
        """Raises CallRefusedBy."""


@dataclass(frozen=True, slots=True)
class ListedVoice:
    """A voice that can be picked."""

    provider: str
    voice_id: str
    name: str
    description: str = ""
    sample: bool = False
    """Whether there is something to listen to."""


@dataclass(frozen=True, slots=True)
class VoicesFound:
    """The voices, and by provider why there are not more of them."""

    voices: Sequence[ListedVoice]
    problems: Mapping[str, str]


class Voices(Protocol):
    """The voices of the voice provider. Both raise VoiceAgentError."""

    async def add_shared(self, owner: str, voice_id: str, name: str) -> str:
        """Take a shared voice into the account; its id there."""

    async def sample(self, voice_id: str) -> bytes | None:
        """MP3 of the voice; None for an unknown one."""


class Scenarios(Protocol):
    """Finds scenarios as calls do."""

    async def match(self, key: str, persona: Persona, query: Query) -> Matches:
        """What a call of the persona would find; `key` tells personas apart."""


class Checked(Protocol):
    """What a check has found."""

    @property
    def name(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class AccountNumber:
    """A number of the carrier's account."""

    number: str
    webhook: str
    """What the carrier asks when it is called; empty for nothing."""
    here: bool
    """Whether that is this server."""


@dataclass(frozen=True, slots=True)
class TelephoneFound:
    """Whether calls reach a persona."""

    webhook_url: str
    """What the carrier is to ask; empty where the server has no public address."""
    numbers: Sequence[AccountNumber]
    findings: Sequence[Checked]


class TelephoneCheck(Protocol):
    """Finds out whether calls reach a persona."""

    async def check(self, persona: StoredPersona) -> TelephoneFound:
        """Never fails: what cannot be found out is a finding."""


class VoiceCatalog(Protocol):
    """The voices that can be picked."""

    async def voices(self) -> VoicesFound:
        """Of all providers that can be used; what cannot be asked is told."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a persona has where it says nothing."""

    policy: TurnPolicy = TurnPolicy()
    llm: str = ""
    """For people, like `voice`."""
    voice: str = ""


class Trials(Protocol):
    """Documents that are tried without having been saved."""

    def keep(self, persona: Persona) -> str:
        """An id for a session token."""


class Idempotency(Protocol):
    """Answers that are given again."""

    async def begin(
        self, workspace: str, key: str, request: str
    ) -> tuple[str, int | None, str | None] | None:
        """None if the request is new; else (request, status, answer) of the one before."""

    async def finish(self, workspace: str, key: str, status: int, response: str) -> None: ...

    async def forget(self, workspace: str, key: str) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Dependencies:
    """All of it. The callables give what belongs to a workspace."""

    keys: Keys
    entry: Entry
    tokens: Tokens
    personas: Callable[[str], EditedPersonas]
    conversations: Callable[[str], Conversations]
    counters: Callable[[str], Counters]
    do_not_call: Callable[[str], DoNotCall]
    idempotency: Idempotency
    live: LiveCalls
    recorded: RecordedCalls = field(default_factory=RecordedCalls)
    trials: Trials
    scenarios: Scenarios
    dialer: Dialer | None = None
    voices: Voices | None = None
    catalog: VoiceCatalog | None = None
    telephone: TelephoneCheck | None = None
    defaults: Defaults = Defaults()
    prices: PriceSettings = PriceSettings()
    templates: Mapping[str, Persona] = field(default_factory=dict)
    """Personas to begin with."""
    keys_set: Collection[str] = ()
    """The environment variables that hold a key of some vendor."""
    requests_per_minute: int = 600
    public_url: str = ""
    """The origin at which it is reached; empty for wherever it is asked."""
    proxies: Networks = ()
    """Those that are believed when they say for whom they ask."""
