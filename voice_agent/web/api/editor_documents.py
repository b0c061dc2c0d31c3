"""The shapes of what the editor of personas asks."""

from typing import Annotated, Literal

from pydantic import BaseModel, JsonValue, StringConstraints

from ...personas.persona import Persona, Scenario, Text
from .documents import FindingOut, Given, SessionOut, Short, UserId


class TemplateOut(BaseModel):
    """A persona to begin with."""

    id: str
    """`own` for the one that answers the server's calls where no other does."""
    persona: Persona


class TemplatesOut(BaseModel):
    items: list[TemplateOut]


class DefaultsOut(BaseModel):
    """What a persona has where it says nothing: the server's."""

    llm: str
    """Provider and model, for people."""
    voice: str
    """Provider and voice, for people."""
    endpointing: dict[str, JsonValue]
    interruption: dict[str, JsonValue]
    phrases: dict[str, str]
    """Without the greeting: that is `initial_message`."""


class TryIn(Given):
    """What the conversation begins with, as with `POST /api/sessions`."""

    persona: Persona | None = None
    """Tried in place of the draft, and not saved."""
    user_id: UserId | None = None
    details: dict[Short, str | int | float | bool | None] = {}


class TryOut(SessionOut):
    """A session token for what is tried, and what is doubtful in it."""

    findings: list[FindingOut]


class VoiceOut(BaseModel):
    """A voice that a persona can have."""

    provider: str
    voice_id: str
    name: str
    description: str
    sample: bool
    """Whether `GET /api/voices/{id}/sample` gives one."""


class ProviderProblem(BaseModel):
    """Why the voices of a provider are not listed, or not all of them."""

    provider: str
    message: str


class VoicesOut(BaseModel):
    items: list[VoiceOut]
    problems: list[ProviderProblem]


class KeywordOut(BaseModel):
    """A keyword of prompts."""

    name: str
    text: str
    """As it is written."""
    description: str
    place: Literal["anywhere", "prompt", "scenarios", "sayings"]
    """Where it has a meaning: everywhere; in the prompt; within `{{#each scenarios}}`; within
    `{{#each userSays}}` or `{{#each personaSays}}`."""


class KeywordsOut(BaseModel):
    items: list[KeywordOut]


class MatchIn(Given):
    text: Annotated[Text, StringConstraints(max_length=5_000)]
    """What the user says."""
    persona_text: Annotated[Text, StringConstraints(max_length=5_000)] = ""
    """What the persona said before that."""


class MatchOut(BaseModel):
    index: int
    """Of the scenario, from 0."""
    score: float
    """1 for the first by words and by meaning of both statements, 0 for an unrelated one."""
    scenario: Scenario


class MatchesOut(BaseModel):
    """The scenarios that the prompt of such a turn has, the best first."""

    items: list[MatchOut]
    by_meaning: bool
    """False where words alone were compared: without the model for it, or until it has read the
    scenarios."""


class CheckOut(BaseModel):
    """What was looked at, and what is to be mended."""

    name: str
    """Of the check, for programs."""
    ok: bool
    message: str


class AccountNumberOut(BaseModel):
    """A number of the carrier's account."""

    number: str
    webhook: str
    """What the carrier asks when it is called; empty for nothing."""
    here: bool
    """Whether that is this server."""


class TelephoneOut(BaseModel):
    """Whether calls reach a persona."""

    webhook_url: str
    """What the number's voice webhook is to be (POST); empty where the server has no public
    address."""
    numbers: list[AccountNumberOut]
    findings: list[CheckOut]
