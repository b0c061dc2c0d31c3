"""What an action is: the types behind a persona's schema."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from ..errors import VoiceAgentError
from .validators import Validator

VALUE = "value"
"""The argument of a tool whose action takes no object, but a text, a number or a list."""


class Kind(Enum):
    """Who carries an action out."""

    CLIENT = "client"
    STATE = "update_state"
    WEBHOOK = "webhook"
    TELEPHONE = "telephone"


HANG_UP, TRANSFER, SEND_SMS, PRESS_KEYS = (
    *("hang_up_call", "transfer_call_to"),
    *("send_sms", "press_phone_keys"),
)
TELEPHONE_ACTIONS = frozenset({HANG_UP, TRANSFER, SEND_SMS, PRESS_KEYS})
"""Known by name; with an `_action_type` they are what that says."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong or doubtful in a schema."""

    path: str
    """Where, such as ``$.properties.save_email._validators.email``."""
    message: str
    """A sentence that says what to change."""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class SchemaInvalid(VoiceAgentError):
    """The schema cannot be used; `findings` has every reason."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class Example:
    """When somebody says this, the action looks like that."""

    user_says: str
    action_includes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a webhook action goes, and what is always sent."""

    url: str
    """With ``<name>`` where an argument goes; never in the host."""
    method: Literal["GET", "POST"]
    body: Mapping[str, Any]
    """Wins over what the language model decides."""
    headers: Mapping[str, str]
    reacts: bool
    """Whether the agent speaks of the answer."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` times within any `seconds`."""

    count: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that the persona can do."""

    name: str
    kind: Kind
    description: str
    examples: tuple[Example, ...]
    parameters: Mapping[str, Any]
    """JSON Schema of the arguments, draft-07, without references and `_` keys."""
    validators: Mapping[str, Validator] = field(default_factory=dict)
    """By name of the value."""
    depends_on: tuple[str, ...] = ()
    """Paths such as ``state.email_address``, all of which must be there."""
    webhook: Webhook | None = None
    confirm: bool | frozenset[str] | None = None
    """The values that the caller must confirm: all, these, or (None) those often misheard."""
    rate: Rate | None = None
    fields: frozenset[str] = frozenset()
    """The names of its values, as far as anything in the schema tells."""

    @property
    def takes_object(self) -> bool:
        """False if its argument is a bare value such as ``"true"`` or ``[5]``."""
        if "type" in self.parameters:
            kinds = self.parameters["type"]
            return "object" in ([kinds] if isinstance(kinds, str) else kinds)
        return bool(self.fields) or not any(self.name in e.action_includes for e in self.examples)


@dataclass(frozen=True, slots=True)
class Actions:
    """All actions of a persona, by name."""

    by_name: Mapping[str, Action]
    findings: tuple[Finding, ...] = ()
    """What is doubtful in them."""

    def __iter__(self) -> Iterator[Action]:
        return iter(self.by_name.values())

    def __len__(self) -> int:
        return len(self.by_name)


NO_ACTIONS = Actions({})
