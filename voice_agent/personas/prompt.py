"""What the language model is told, and what the caller hears first.

What changes from turn to turn, the scenarios, is taken out of the prompt and comes last: so the
long part in front stays the same, byte by byte, over a conversation, and what a provider or a local
model has cached of it holds.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from .persona import Persona, Scenario
from .scenarios import as_value, listing
from .template import Each, Listing, Node, render
from .template_parser import parse

Details = Mapping[str, JsonValue]
"""What was passed for this conversation, `userId` among them. Data, never a template."""

_POINTER = "(what fits at this moment is listed at the end)"
_BRACES = str.maketrans("", "", "{}")
_NEVER_SHOWN = ("_webhook_constants",)
"""Parts of an action that hold addresses and keys; the model has no use for them."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The system prompt in two parts."""

    static: str
    """The same during the whole conversation."""
    dynamic: str
    """Of this turn; empty if nothing changes."""

    def __str__(self) -> str:
        return f"{self.static}\n\n{self.dynamic}" if self.dynamic else self.static


@dataclass(frozen=True, slots=True)
class InitialMessage:
    """What the caller hears first."""

    text: str
    """Empty to wait for the caller."""
    personal: bool
    """It may be another one in the next conversation, so it is not synthesized ahead."""


class PersonaPrompt:
    """A persona's prompt, parsed once for all its conversations."""

    def __init__(self, persona: Persona) -> None:
        self._persona = persona
        template = parse(persona.prompt)
        self._static, self._dynamic = _split(template.nodes)
        self.uses_actions = template.uses("actionsSchema")
        """The keyword is what gives a persona its actions."""
        self.uses_scenarios = bool(self._dynamic)

    def render(
        self,
        details: Details,
        now: datetime,
        scenarios: Sequence[Scenario] = (),
        *,
        timezone: str | None = None,
        actions: str | None = None,
    ) -> Prompt:
        """The prompt of one turn; see `static` and `dynamic`."""
        static = self.static(details, now, timezone=timezone, actions=actions)
        return Prompt(static, self.dynamic(scenarios, details, now, timezone=timezone))

    def static(
        self,
        details: Details,
        now: datetime,
        *,
        timezone: str | None = None,
        actions: str | None = None,
    ) -> str:
        """What stays. `now` is when the conversation began, with any time zone of its own.

        `timezone` is the conversation's, None for the persona's. `actions` replaces the schema's
        text, for a model that gets its actions in another way.
        """
        values = self._values(details, now, timezone)
        values["actionsSchema"] = self.actions_text() if actions is None else actions
        return render(self._static, values).strip()

    def dynamic(
        self,
        scenarios: Sequence[Scenario],
        details: Details,
        now: datetime,
        *,
        timezone: str | None = None,
    ) -> str:
        """What changes: the scenarios that fit, each block as the prompt wants it."""
        if not scenarios:
            return ""
        values = self._values(details, now, timezone)
        values["scenarios"] = [as_value(scenario) for scenario in scenarios]
        blocks = (
            listing(scenarios) if isinstance(node, Listing) else render((node,), values)
            for node in self._dynamic
        )
        return "\n\n".join(block.strip() for block in blocks).strip()

    def actions_text(self) -> str:
        """The schema as the model reads it; empty if there is none."""
        schema = self._persona.actions_schema
        return "" if schema is None else actions_text(schema)

    def _values(
        self, details: Details, now: datetime, timezone: str | None
    ) -> dict[str, JsonValue]:
        zone = ZoneInfo(timezone or self._persona.timezone)
        return {"details": dict(details), "currentDatetime": datetime_text(now, zone)}


def initial_message(
    persona: Persona, details: Details, now: datetime, *, timezone: str | None = None
) -> InitialMessage:
    """What `persona` says first in a conversation with these `details`. No brace is ever in it."""
    template = parse(persona.initial_message)
    zone = ZoneInfo(timezone or persona.timezone)
    values: dict[str, JsonValue] = {
        "details": dict(details),
        "currentDatetime": datetime_text(now, zone, spoken=True),
    }
    text = " ".join(render(template.nodes, values).translate(_BRACES).split())
    return InitialMessage(text, template.uses("details") or template.uses("currentDatetime"))


def datetime_text(now: datetime, zone: ZoneInfo, *, spoken: bool = False) -> str:
    """``Sunday, November 22, 2026, 6:12 AM``; with the ISO form and the zone unless `spoken`."""
    local = now.astimezone(zone)
    half = "AM" if local.hour < 12 else "PM"
    text = (
        f"{local:%A}, {local:%B} {local.day}, {local.year}, "
        f"{local.hour % 12 or 12}:{local.minute:02} {half}"
    )
    return text if spoken else f"{text} ({local:%Y-%m-%dT%H:%M}, time zone {zone.key})"


def actions_text(schema: Mapping[str, JsonValue]) -> str:
    """An actions schema without what the model has no use for, in one line of JSON."""
    properties = schema.get("properties")
    if isinstance(properties, dict):
        shown: dict[str, JsonValue] = {
            name: {key: part for key, part in action.items() if key not in _NEVER_SHOWN}
            if isinstance(action, dict)
            else action
            for name, action in properties.items()
        }
        schema = {**schema, "properties": shown}
    return json.dumps(schema, ensure_ascii=False)


def _split(nodes: Sequence[Node]) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """What stays and what changes. A block with text behind it leaves a pointer in its place."""
    static: list[Node] = []
    dynamic: list[Node] = []
    text_until = max(
        (number for number, node in enumerate(nodes) if not isinstance(node, str) or node.strip()),
        default=-1,
    )
    for number, node in enumerate(nodes):
        if not isinstance(node, Each | Listing):
            static.append(node)
            continue
        empty = isinstance(node, Each) and all(
            isinstance(part, str) and not part.strip() for part in node.body
        )
        dynamic.append(Listing() if empty else node)
        if number < text_until:
            static.append(_POINTER)
    return tuple(static), tuple(dynamic)


# How long it is ----------------------------------------------------------------------------------


class Level(StrEnum):
    """How much a prompt's length costs in latency, as traffic lights show it."""

    GREEN = "green"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Meter:
    """The estimated length of a prompt."""

    tokens: int
    level: Level


_ASCII_PER_TOKEN = 4.0
_OTHERS_PER_TOKEN = 1.6
"""Characters outside ASCII are letters with accents at best, and whole words at worst."""
_TYPICAL = 5
"""So many scenarios are in the prompt of a turn."""


def tokens(text: str) -> int:
    """About how many tokens a language model makes of `text`; within a third of most tokenizers."""
    ascii_only = sum(character < "\x80" for character in text)
    return round(ascii_only / _ASCII_PER_TOKEN + (len(text) - ascii_only) / _OTHERS_PER_TOKEN)


def meter(persona: Persona) -> Meter:
    """How long `persona`'s prompt is on a turn, schema and typical scenarios included."""
    prompt = PersonaPrompt(persona)
    longest = sorted(persona.scenarios, key=lambda scenario: len(listing((scenario,))))
    middle = longest[len(longest) // 2 :][:1] * min(_TYPICAL, len(longest))
    if not prompt.uses_scenarios:
        middle = []
    total = tokens(persona.prompt) + tokens(listing(middle))
    if prompt.uses_actions:
        total += tokens(prompt.actions_text())
    return Meter(total, _level(total))


def _level(total: int) -> Level:
    if total < 1000:
        return Level.GREEN
    if total < 3000:
        return Level.YELLOW
    return Level.ORANGE if total <= 4000 else Level.RED
