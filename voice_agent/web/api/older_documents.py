"""The shapes of older integrations."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, StringConstraints

from ...personas.persona import E164, CustomLlm, Message, Scenario, Text
from .documents import Given, Short


class PromptIn(Given):
    prompt: Annotated[Text, StringConstraints(max_length=200_000)]


class InitialMessageIn(Given):
    initialMessage: Message


class RateLimitMessageIn(Given):
    rateLimitMessage: Message
    rateLimit: Annotated[int, Field(ge=0, le=1_000_000)] | None = None


class ToggleIn(Given):
    enabled: bool


class ScenariosIn(Given):
    scenarios: Annotated[list[Scenario], Field(max_length=10_000)]


class LlmIn(Given):
    llm: Annotated[Text, StringConstraints(min_length=1, max_length=200)] | CustomLlm | None


def _digits(text: Any) -> Any:
    return text.replace(" ", "") if isinstance(text, str) else text


class TwilioIn(Given):
    phoneNumber: Annotated[E164, BeforeValidator(_digits)]
    accountSid: Short = ""
    """Ignored: accounts are the server's, see `[outgoing]`."""
    authToken: Short = ""
    """Ignored and not kept."""


class LegacyPersona(BaseModel):
    """A persona as older integrations know it."""

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)

    id: str = Field(serialization_alias="_id")
    name: str
    currentVoicePrompt: str
    currentVoiceSchema: dict[str, JsonValue] | None
    initialMessage: str
    rateLimitMessage: str
    rateLimit: int
    rateLimitEnabled: bool
    scenarios: list[Scenario]
    llm: str | CustomLlm | None
    voiceId: str | None
    phoneNumber: str | None
