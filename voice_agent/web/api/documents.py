"""The shapes of requests and answers that are not a persona."""

import base64
import binascii
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
)

from ...personas.persona import (
    E164,
    JsonObject,
    Persona,
    Text,
)

T = TypeVar("T")

Id = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,128}$")]
UserId = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
Short = Annotated[Text, StringConstraints(max_length=200)]


class Given(BaseModel):
    """What clients send: nothing that we do not know."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ById(Given):
    id: Id


class ByVersion(ById):
    version: Annotated[int, Field(ge=1, le=2**31)]


class ByUser(ById):
    user: UserId


class ByNumber(Given):
    number: E164


def encode_cursor(*place: object) -> str:
    """A place in a list, for `after`."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def decode_cursor(text: str) -> list[str]:
    """Raises ValueError."""
    try:
        raw = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        place = json.loads(raw)
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise ValueError("it is no cursor that a list gave as `next`") from error
    if not isinstance(place, list) or not all(isinstance(each, str) for each in place):
        raise ValueError("it is no cursor that a list gave as `next`")
    if any("\0" in each or any("\ud800" <= c <= "\udfff" for c in each) for each in place):
        raise ValueError("it is no cursor that a list gave as `next`")
    return place


def _cursor(text: str) -> str:
    decode_cursor(text)
    return text


Cursor = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_cursor)]
Limit = Annotated[int, Field(ge=1, le=200)]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("it is out of bounds") from error


def _as_text(given: object) -> object:
    # Pydantic would take a number for seconds since 1970.
    if not isinstance(given, str) or "T" not in given.upper():
        raise ValueError("write it like 2026-05-04T10:00:00Z")
    return given


Moment = Annotated[AwareDatetime, BeforeValidator(_as_text), AfterValidator(_in_utc)]
"""With its offset, such as ``2026-05-04T10:00:00Z``."""


class Paged(Given):
    after: Cursor | None = None
    """The `next` of the page before."""
    limit: Limit = 50

    def place(self, parts: int = 1) -> list[str]:
        """What the cursor stands for; empty texts at the beginning."""
        place = decode_cursor(self.after) if self.after else []
        return place if len(place) == parts else [""] * parts


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = None
    """Give it as `after` for the next page; null if there is none."""


class FindingOut(BaseModel):
    """Something doubtful in a persona."""

    severity: Literal["error", "warning", "note"]
    code: str
    message: str
    field: str
    line: int
    column: int


class PersonaOut(BaseModel):
    """A persona as it is kept."""

    id: str
    name: str
    version: int
    """Of what calls get; 0 before the first publication."""
    etag: str
    created_at: datetime
    updated_at: datetime
    draft: Persona
    published: Persona | None


class MeterOut(BaseModel):
    """How long the prompt is on a turn, schema and typical scenarios included."""

    tokens: int
    """An estimate."""
    level: Literal["green", "yellow", "orange", "red"]
    """Below 1,000; below 3,000; up to 4,000; more, which makes every answer late."""


class SavedPersona(PersonaOut):
    """A persona with what is doubtful in its draft."""

    findings: list[FindingOut]
    meter: MeterOut


class PersonaSummary(BaseModel):
    """A persona in a list."""

    id: str
    name: str
    version: int
    etag: str
    created_at: datetime
    updated_at: datetime
    status: Literal["draft", "published", "changed"]
    """Never published; published as it is; the draft is another one since."""
    language: str
    """Of the draft, like `numbers`."""
    numbers: list[str]


class VersionOut(BaseModel):
    version: int
    published_at: datetime


class Rollback(Given):
    version: Annotated[int, Field(ge=1, le=2**31)]


class Findings(BaseModel):
    findings: list[FindingOut]
    meter: MeterOut


class CounterOut(BaseModel):
    """How many messages of a user a persona has answered."""

    user_id: str
    used: int
    limit: int | None
    """Null where none is on."""
    updated_at: datetime


class ConversationOut(BaseModel):
    """A conversation."""

    id: str
    persona_id: str
    persona_name: str
    persona_version: int
    """0 for a draft that was tried, and for the persona of the configuration."""
    user_id: str
    direction: str
    call: str
    details: dict[str, JsonValue]
    state: dict[str, JsonValue]
    status: str
    created_at: datetime
    ended_at: datetime | None
    end_reason: str
    recording: str


class MessageOut(BaseModel):
    number: int
    speaker: str
    text: str
    """For the agent: what was heard of it."""
    intended: str
    withdrawn: bool
    at: datetime


class WebhookOut(BaseModel):
    """What a webhook was sent and what it answered, without secrets; long bodies are cut."""

    url: str
    method: str
    request: str
    status: int | None
    """Null if there was no answer."""
    response: str
    took_ms: int


class ActionOut(BaseModel):
    number: int
    name: str
    kind: str | None
    """``client``, ``update_state``, ``webhook`` or ``telephone``; null where it is not known."""
    arguments: str
    outcome: str | None
    """``done``, ``failed``, ``refused``, ``repeated`` or ``cancelled``; null while it runs."""
    result: str | None
    started_at: datetime
    ended_at: datetime | None
    webhook: WebhookOut | None


class ConversationQuery(Paged):
    persona_id: Id | None = None
    user_id: UserId | None = None
    status: Literal["live", "paused", "ended"] | None = None
    since: Moment | None = None
    """Begun then or later."""
    until: Moment | None = None
    """Begun before that."""


class PartQuery(Given):
    first: Annotated[int, Field(ge=0, le=2**31)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class StateIn(Given):
    """Keys of the state that are set; others stay."""

    state: JsonObject


class StateOut(BaseModel):
    state: dict[str, JsonValue]


class TextIn(Given):
    text: Annotated[Text, StringConstraints(min_length=1, max_length=5_000)]


class RecordingIn(Given):
    paused: bool
    """Whether silence is recorded from now on: something sensitive is being said."""


class Done(BaseModel):
    done: bool = True


class KeyIn(Given):
    kind: Literal["admin", "secret", "client"]
    workspace: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] = "default"
    label: Short = ""
    origins: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^(\*|https?://[^/\s]{1,200})$")]],
        Field(max_length=50),
    ] = []
    """Of a client key: the pages that may use it; ``*`` for all."""
    personas: Annotated[list[Id], Field(max_length=100)] = []
    """Of a client key: the personas that it may talk to; none for all."""
    days: Annotated[int, Field(ge=1, le=3650)] | None = None
    """How long it is valid; null until it is revoked."""


class KeyOut(BaseModel):
    id: str
    kind: str
    workspace: str
    label: str
    origins: list[str]
    personas: list[str]
    created_at: datetime
    expires_at: datetime | None


class NewKeyOut(KeyOut):
    key: str
    """All of it. It is shown only now."""


class SessionIn(Given):
    persona_id: Id | None = None
    user_id: UserId | None = None
    details: dict[Short, str | int | float | bool | None] = {}


class SessionOut(BaseModel):
    token: str
    expires_in: int
    """Seconds."""


class LinkIn(Given):
    link: Annotated[str, StringConstraints(max_length=200)]
    """The link that the first start printed, or what stands behind its ``#``."""


class Month(BaseModel):
    month: str
    messages: int


class AccountOut(BaseModel):
    workspace: str
    messages: int
    """Answered in all."""
    months: list[Month]


class TeamOut(BaseModel):
    name: str
    messages: int


class LlmOut(BaseModel):
    """A language model by name."""

    name: str
    """What a persona's `llm` may be."""
    model: str
    """What it asks for by that name; empty where a persona has to say: `{base_url, model}`."""
    base_url: str
    key_env: str
    """The server's variable with the key; empty if none is needed."""
    ready: bool
    """Whether the server has the key."""


class CallIn(Given):
    phoneNumber: E164
    details: JsonObject = {}


class CallOut(BaseModel):
    id: str
    callSid: str
    phoneNumber: str


class BlockedIn(Given):
    reason: Short = ""


class BlockedOut(BaseModel):
    number: str
    reason: str
    created_at: datetime


class VoiceIn(Given):
    link: Annotated[Text, StringConstraints(min_length=1, max_length=500)]
    """A link to a shared voice of ElevenLabs, or a voice's id."""
    persona: Annotated[Text, StringConstraints(min_length=1, max_length=128)]
    """Its name or id."""


_Item = TypeVar("_Item")


def page_of(items: list[_Item], limit: int, place: Callable[[_Item], str]) -> Page[_Item]:
    """A page of `limit`, where one more was asked for to see whether there is another."""
    shown = items[:limit]
    following = encode_cursor(place(shown[-1])) if len(items) > limit else None
    return Page(items=shown, next=following)
