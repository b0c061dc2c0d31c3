"""What can be said against a persona when it is saved: nothing here keeps it from being used.

Each finding has a place (field, line, column) and says how to mend it.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .findings import Finding, Severity, located
from .persona import Persona
from .prompt import Level, meter
from .template import Template, Value, parse, resolve

_ALWAYS_KNOWN = "userId"
_PLACEHOLDER = re.compile(r"<([A-Za-z_][\w-]*)>")
_DETAIL = re.compile(r"\{\{.*?\}\}")


def lint(persona: Persona, details: Mapping[str, Any] | None = None) -> tuple[Finding, ...]:
    """Everything that is doubtful, in the order of the fields.

    `details` are those of a conversation to check against; without them each detail is a note.
    """
    return (
        *_prompt(persona, details),
        *_initial_message(persona, details),
        *_rate_limit(persona),
        *_schema(persona),
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


# Names in the schema that nothing defines --------------------------------------------------------


def _schema(persona: Persona) -> Iterator[Finding]:
    actions = (persona.actions_schema or {}).get("properties")
    if not isinstance(actions, dict):
        return
    stored = _stored(actions)
    for name, action in actions.items():
        if isinstance(action, dict):
            yield from located(_action(name, action, stored), f"actions_schema.properties.{name}")


def _action(name: str, action: Mapping[str, Any], stored: set[str]) -> Iterator[Finding]:
    defined = _defined(name, action)
    required = action.get("required")
    for wanted in required if isinstance(required, list) else ():
        if isinstance(wanted, str) and wanted not in defined:
            yield Finding(
                Severity.WARNING,
                "unknown-required",
                f"`required` names {wanted}, which no property, example or validator of the "
                f"action has{_did_you_mean(wanted, defined)}",
            )
    constants = action.get("_webhook_constants")
    url = constants.get("url") if isinstance(constants, dict) else None
    for wanted in _PLACEHOLDER.findall(url) if isinstance(url, str) else ():
        if wanted not in defined:
            yield Finding(
                Severity.WARNING,
                "unknown-placeholder",
                f"The address has <{wanted}>, which no property, example or validator of the "
                f"action has{_did_you_mean(wanted, defined)}",
            )
    depends = action.get("_depends_on")
    for path in depends if isinstance(depends, list) else ():
        key = path.removeprefix("state.").partition(".")[0] if isinstance(path, str) else ""
        if key and key not in stored:
            yield Finding(
                Severity.NOTE,
                "unknown-dependency",
                f"No update_state action is seen to set {key}, so only the client can"
                f"{_did_you_mean(key, stored)}",
            )


def _stored(actions: Mapping[str, Any]) -> set[str]:
    """Keys that some update_state action puts into the state, as far as can be seen."""
    return {
        key
        for name, action in actions.items()
        if isinstance(action, dict) and action.get("_action_type") == "update_state"
        for key in (*_defined(name, action), *_strings(action.get("required")))
    }


def _defined(name: str, action: Mapping[str, Any]) -> set[str]:
    """Value names that the action's properties, examples or validators mention."""
    names: set[str] = set()
    for part in ("properties", "_validators"):
        if isinstance(action.get(part), dict):
            names |= set(action[part])
    examples = action.get("_examples")
    for example in examples if isinstance(examples, list) else ():
        included = example.get("assistant action includes") if isinstance(example, dict) else None
        body = included.get(name) if isinstance(included, dict) else None
        if isinstance(body, dict):
            names |= set(body)
    return names


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), 1)
    return f"; did you mean {close[0]}?" if close else "."
