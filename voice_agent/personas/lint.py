"""What can be said against a persona when it is saved: nothing here keeps it from being used.

Each finding has a place (field, line, column) and says how to mend it. What is doubtful in an
actions schema is known to `actions`.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..presets import PRESETS
from .findings import Finding, Severity, located
from .persona import Persona
from .prompt import Level, meter
from .template import Template, Value, resolve
from .template_parser import parse

_ALWAYS_KNOWN = "userId"
_DETAIL = re.compile(r"\{\{.*?\}\}")


def lint(persona: Persona, details: Mapping[str, Any] | None = None) -> tuple[Finding, ...]:
    """Everything that is doubtful, in the order of the fields.

    `details` are those of a conversation to check against; without them each detail is a note.
    """
    return (
        *_prompt(persona, details),
        *_initial_message(persona, details),
        *_llm(persona),
        *_rate_limit(persona),
        *_scenarios(persona),
    )


def lint_template(
    source: str, details: Mapping[str, Any] | None = None
) -> tuple[tuple[Finding, ...], Template]:
    """What is wrong with a template as such, and the template."""
    template = parse(source)
    return (*template.findings, *_details(template.details(), details)), template


def _details(values: Iterable[Value], details: Mapping[str, Any] | None) -> Iterator[Finding]:
    seen: set[tuple[str, ...]] = set()
    for value in values:
        path = value.path[1:]
        name = ".".join(path)
        if path in seen or path == (_ALWAYS_KNOWN,):
            continue
        seen.add(path)
        if details is None:
            yield Finding(
                Severity.NOTE,
                "detail",
                f"Pass the detail {name} when a conversation starts; without it this is empty.",
                value.line,
                value.column,
            )
        elif resolve(dict(details), path) is None:
            close = difflib.get_close_matches(name, [str(key) for key in details], 1)
            hint = f"did you mean {close[0]}?" if close else "pass it, or take this away."
            yield Finding(
                Severity.WARNING,
                "missing-detail",
                f"There is no detail {name}, so this is empty; {hint}",
                value.line,
                value.column,
            )


def _prompt(persona: Persona, details: Mapping[str, Any] | None) -> Iterator[Finding]:
    findings, template = lint_template(persona.prompt, details)
    yield from located(findings, "prompt")
    if persona.actions_schema and not template.uses("actionsSchema"):
        yield Finding(
            Severity.WARNING,
            "actions-unused",
            "The persona has actions and never takes one: write {{actionsSchema}} into the prompt.",
            field="prompt",
        )
    if template.uses("actionsSchema") and not persona.actions_schema:
        yield Finding(
            Severity.WARNING,
            "no-actions",
            "{{actionsSchema}} stands for nothing: the persona has no actions_schema.",
            field="prompt",
        )
    if persona.scenarios and not template.uses("scenarios"):
        yield Finding(
            Severity.WARNING,
            "scenarios-unused",
            "The persona has scenarios and never sees one: "
            "write {{#each scenarios}}{{/each}} into the prompt.",
            field="prompt",
        )
    if not persona.prompt.strip():
        yield Finding(
            Severity.WARNING,
            "no-prompt",
            "The prompt is empty: say who the persona is and what it is to do.",
            field="prompt",
        )
    length = meter(persona)
    if length.level is Level.RED:
        yield Finding(
            Severity.WARNING,
            "long-prompt",
            f"The prompt has about {length.tokens} tokens, which makes every answer late; "
            "move what is needed now and then into scenarios.",
            field="prompt",
        )


def _initial_message(persona: Persona, details: Mapping[str, Any] | None) -> Iterator[Finding]:
    findings, template = lint_template(persona.initial_message, details)
    yield from located(findings, "initial_message")
    for keyword in ("actionsSchema", "scenarios"):
        if template.uses(keyword):
            yield Finding(
                Severity.ERROR,
                "not-spoken",
                f"{keyword} is for the prompt; it is left out of what is spoken.",
                field="initial_message",
            )


def _llm(persona: Persona) -> Iterator[Finding]:
    wanted = persona.llm
    if isinstance(wanted, str) and wanted not in PRESETS:
        close = difflib.get_close_matches(wanted, PRESETS, 1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(PRESETS))}."
        yield Finding(
            Severity.ERROR, "unknown-preset", f"There is no preset {wanted}; {hint}", field="llm"
        )


def _rate_limit(persona: Persona) -> Iterator[Finding]:
    limit = persona.rate_limit
    if limit.enabled and not limit.message:
        yield Finding(
            Severity.NOTE,
            "no-limit-message",
            "The limit has no message of its own, so a usual one is said.",
            field="rate_limit.message",
        )
    if _DETAIL.search(limit.message):
        yield Finding(
            Severity.WARNING,
            "no-template",
            "This message is spoken as it is: keywords have no meaning in it.",
            field="rate_limit.message",
        )


def _scenarios(persona: Persona) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for number, scenario in enumerate(persona.scenarios):
        field = f"scenarios.{number}"
        if not scenario.response_guidelines.strip():
            yield Finding(
                Severity.WARNING,
                "no-guidelines",
                "It does not say how to respond: write responseGuidelines.",
                field=field,
            )
        first = seen.setdefault(scenario.model_dump_json(), number)
        if first != number:
            yield Finding(
                Severity.WARNING,
                "same-scenario",
                f"It is the same as scenario {first}; take one of them away.",
                field=field,
            )
