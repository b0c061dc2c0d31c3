"""The persona: what a customer configures, as one document.

API, files, storage and calls share this shape. It is frozen and checked as a whole: text that a
database cannot keep (NUL characters), overrides of a policy that it does not know and half a
scenario are refused here, so nobody behind it has to look again. What is only *doubtful*, such as
an unknown keyword in a prompt, is a matter of `lint`.
"""

import math
import zoneinfo
from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import urlsplit

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    model_validator,
)
from pydantic.alias_generators import to_camel

from voice_pipelines.conversation.policy import (
    EndpointingPolicy,
    InterruptionPolicy,
    Phrases,
    TurnPolicy,
)

_Policy = TypeVar("_Policy", EndpointingPolicy, InterruptionPolicy, Phrases)


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("it contains a NUL character; remove it")
    return text


def _storable_json(value: JsonValue) -> JsonValue:
    """JSON that every database keeps as it is: no NUL in a text or a key, no NaN, no infinity."""
    match value:
        case str():
            _storable(value)
        case float() if not math.isfinite(value):
            raise ValueError(f"{value} is not a number that JSON has")
        case list():
            for item in value:
                _storable_json(item)
        case dict():
            for key, item in value.items():
                _storable(key)
                _storable_json(item)
    return value


def _storable_object(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    _storable_json(value)
    return value


def _time_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"there is no time zone {name!r}; write it like Europe/Berlin or UTC"
        ) from error
    return name


def _http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it must be an address such as https://api.example.com/v1")
    return url


Text = Annotated[str, AfterValidator(_storable)]
"""Any text that can be stored."""
Line = Annotated[Text, StringConstraints(max_length=200)]
Message = Annotated[Text, StringConstraints(max_length=5_000)]
"""Something that is spoken."""
Sayings = Annotated[tuple[Message, ...], Field(max_length=100)]
Document = Annotated[Text, StringConstraints(max_length=200_000)]
Name = Annotated[Text, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
E164 = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{1,14}$")]
"""A telephone number with its country code, such as +14155550123."""
Language = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)
]
"""A BCP 47 tag, such as en or pt-BR."""
TimeZone = Annotated[str, StringConstraints(max_length=100), AfterValidator(_time_zone)]
"""A name of the IANA time zone database."""
Variable = Annotated[str, StringConstraints(pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$", max_length=100)]
"""The name of an environment variable, or empty."""
Url = Annotated[Text, StringConstraints(max_length=2_000), AfterValidator(_http_url)]
JsonObject = Annotated[dict[str, JsonValue], AfterValidator(_storable_object)]


class Part(BaseModel):
    """Frozen, complete, and without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CustomLlm(Part):
    """A language model behind any OpenAI-compatible API."""

    base_url: Url
    model: Annotated[Line, StringConstraints(min_length=1)]
    """The API's name of the model; also that of a fine-tuned one. Passed on unchanged."""
    key_env: Variable = ""
    """The server's environment variable with the key, never the key; empty if none is needed."""
    parameters: JsonObject = {}
    """Further fields of each request, such as temperature."""


class Voice(Part):
    """Whose voice it is."""

    provider: Line = ""
    """Empty for the server's."""
    voice_id: Line = ""
    model: Line = ""
    settings: JsonObject = {}
    """What the provider calls its voice settings, such as stability."""


class RateLimit(Part):
    """How much one user may say to the persona, over all conversations."""

    enabled: bool = False
    count: Annotated[int, Field(ge=0, le=1_000_000)] = 200
    """Messages of one user that are answered."""
    message: Message = ""
    """What everybody hears who says more; it costs neither an LLM's answer nor a message."""


class Scenario(Part):
    """What to do in one situation. Accepts and, by alias, gives the names of the API."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )

    context: Annotated[Text, StringConstraints(max_length=10_000)] = ""
    persona_says: Sayings = ()
    user_says: Sayings = ()
    response_guidelines: Annotated[Text, StringConstraints(max_length=10_000)] = ""

    @model_validator(mode="after")
    def _has_a_saying(self) -> Self:
        if not any(says.strip() for says in (*self.persona_says, *self.user_says)):
            raise ValueError(
                "personaSays and userSays are both empty; write what one of the two may say"
            )
        return self


class Telephone(Part):
    """What the persona does on the telephone."""

    numbers: tuple[E164, ...] = ()
    """The numbers at which it answers; the first one is shown when it calls out."""
    recording: bool = False
    recording_announcement: Message = ""
    """Said before a recording begins; empty for none."""
    transfer_to: tuple[Name, ...] = ()
    """Where a call may be transferred: E.164 numbers, or names that the server knows."""
    voicemail_message: Message = ""
    """Left on an answering machine when it calls out; empty to hang up."""


def _checked(overrides: Mapping[str, Any], policy: type[Any]) -> None:
    try:
        msgspec.convert(overrides, policy)
    except msgspec.ValidationError as error:
        message, _, at = str(error).partition(" - at ")
        key = at.strip("`").removeprefix("$").removeprefix(".")
        raise ValueError(f"{key}: {message}" if key else message) from error


def _endpointing(overrides: dict[str, JsonValue]) -> dict[str, JsonValue]:
    _checked(overrides, EndpointingPolicy)
    return overrides


def _interruption(overrides: dict[str, JsonValue]) -> dict[str, JsonValue]:
    _checked(overrides, InterruptionPolicy)
    return overrides


def _phrases(overrides: dict[str, str]) -> dict[str, str]:
    if "greeting" in overrides:
        raise ValueError("greeting: write it as initial_message")
    _checked(overrides, Phrases)
    return overrides


class Persona(Part):
    """Who the agent is and what it may do."""

    name: Name
    prompt: Document = ""
    """A template, see `template`."""
    initial_message: Message = ""
    """A template: what the caller hears first; empty to wait for the caller."""
    language: Language = "en"
    timezone: TimeZone = "UTC"
    """The time zone of {{currentDatetime}} where the conversation brings none."""
    llm: Annotated[Line, StringConstraints(min_length=1)] | CustomLlm | None = None
    """A preset by name, or any OpenAI-compatible API; None for the server's."""
    voice: Voice | None = None
    """None for the server's."""
    rate_limit: RateLimit = RateLimit()
    actions_schema: JsonObject | None = None
    scenarios: Annotated[tuple[Scenario, ...], Field(max_length=10_000)] = ()
    in_call_users: bool = True
    """The owner and others may join a call. Kept for when joining is possible; until then nothing
    comes of it."""
    endpointing: Annotated[JsonObject, AfterValidator(_endpointing)] = {}
    """Some fields of `EndpointingPolicy`; the others are the server's."""
    interruption: Annotated[JsonObject, AfterValidator(_interruption)] = {}
    """Some fields of `InterruptionPolicy`; the others are the server's."""
    phrases: Annotated[dict[str, Message], AfterValidator(_phrases)] = {}
    """Some fields of `Phrases`; the others are the server's."""
    pronunciations: dict[Name, Line] = {}
    """How words are to be spoken, by word."""
    telephone: Telephone = Telephone()

    def turn_policy(self, base: TurnPolicy) -> TurnPolicy:
        """The server's policy with what this persona overrides.

        The greeting and the instructions stay the server's: they are this persona's templates once
        rendered, and the caller of this puts them in.
        """
        return msgspec.structs.replace(
            base,
            endpointing=_overridden(base.endpointing, self.endpointing),
            interruption=_overridden(base.interruption, self.interruption),
            phrases=_overridden(base.phrases, self.phrases),
        )


def _overridden(policy: _Policy, overrides: Mapping[str, Any]) -> _Policy:
    return msgspec.convert(msgspec.to_builtins(policy) | dict(overrides), type(policy))
