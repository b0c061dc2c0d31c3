"""What a script says of dialogues.

A script is a TOML or JSON file::

    persona = "../personas/appointments.toml"  # relative to the script

    [[dialogues]]
    name = "saves the address"
    details = { userId = "+14155550123" }
    webhooks = [{ action = "book", status = 200, body = { ok = true } }]

    [[dialogues.turns]]
    user = "It's ann at example dot com"
    model = ["One moment.", { name = "save_email", arguments = { email = "ann@example.com" } }]
    actions = [{ name = "save_email", arguments = { email = "ann@example.com" } }]
    reply = "(?i)ann"                          # a regular expression that matches somewhere
    judge = "The persona reads the address back."

`model` is what a scripted model answers, so that a script can also test the schema alone; a reply
that follows on the results of actions is `after`. `judge` asks a language model.
"""

import json
import re
import tomllib
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..errors import VoiceAgentError


class ScriptError(VoiceAgentError):
    """The script cannot be used; the text says where it is wrong."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Wanted(_Part, frozen=True):
    """An action."""

    name: str
    arguments: Any = None
    """Those that matter, others may be there, too; None for any."""
    outcome: Literal["done", "failed", "refused", "repeated"] = "done"


class ModelAction(_Part, frozen=True):
    """An action that the scripted model wants."""

    name: str
    arguments: Any = {}


class WebhookAnswer(_Part, frozen=True):
    """What a webhook answers, and what it must have been sent."""

    action: str
    status: int = 200
    body: Any = {}
    expect: dict[str, Any] | None = None
    """The exact JSON body of the request; None for any."""


ModelReply = tuple[str | ModelAction, ...]


class Turn(_Part, frozen=True):
    """What the user says, and what is expected then."""

    user: str
    model: ModelReply = ()
    after: tuple[ModelReply, ...] = ()
    """What the scripted model answers to the results of actions, in turn."""
    actions: tuple[Wanted, ...] | None = None
    """Exactly these, in this order; None for any."""
    reply: str | tuple[str, ...] = ()
    """Regular expressions, each of which matches somewhere in what is said."""
    not_reply: str | tuple[str, ...] = ()
    """None of which does."""
    state: dict[str, Any] = {}
    """Values that must be in the state afterwards."""
    judge: str | tuple[str, ...] = ()
    """Criteria that a language model finds met."""


class DialogueScript(_Part, frozen=True):
    """A conversation from its beginning."""

    name: str
    turns: tuple[Turn, ...]
    details: dict[str, Any] = {}
    state: dict[str, Any] = {}
    """What is known at the beginning."""
    now: datetime = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
    """When it takes place: always at the same time, so that dates come out the same."""
    initial: str | tuple[str, ...] = ()
    """Regular expressions for the initial message."""
    webhooks: tuple[WebhookAnswer, ...] = ()
    """Answers in the order in which the requests come; others are not answered."""


class Script(_Part, frozen=True):
    """A file."""

    dialogues: tuple[DialogueScript, ...]
    persona: str = ""
    """The persona's file, relative to the script."""


def read_script(path: Path) -> Script:
    """Raises ScriptError."""
    try:
        text = path.read_text("utf-8")
        jsonc: Any = import_module("jsonc")  # It ships no types.
        raw = tomllib.loads(text) if path.suffix == ".toml" else jsonc.loads(text)
        script = msgspec.convert(raw, Script)
    except OSError as error:
        raise ScriptError(f"{path} cannot be read: {error.strerror}.") from error
    except (msgspec.ValidationError, ValueError) as error:
        raise ScriptError(f"{path}: {error}.") from error
    for dialogue in script.dialogues:
        for turn in dialogue.turns:
            for pattern in (*texts(dialogue.initial), *texts(turn.reply), *texts(turn.not_reply)):
                try:
                    re.compile(pattern)
                except re.error as error:
                    raise ScriptError(
                        f"{path}: {dialogue.name}: {pattern!r} is no regular expression: {error}."
                    ) from error
    return script


def texts(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """One text or several, as several."""
    return (value,) if isinstance(value, str) else value


def as_text(value: Any) -> str:
    """Text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
