"""Scenarios as the language model reads them."""

from collections.abc import Sequence

from pydantic import JsonValue

from .persona import Scenario


def as_value(scenario: Scenario) -> JsonValue:
    """What a template's block sees, by the names of the API."""
    return {
        "context": scenario.context,
        "personaSays": list(scenario.persona_says),
        "userSays": list(scenario.user_says),
        "responseGuidelines": scenario.response_guidelines,
    }


def block(scenario: Scenario) -> str:
    """The four sections in the usual form; those that are empty are left out."""
    lines = []
    if scenario.context:
        lines.append(f"Given the context: {scenario.context}")
    if scenario.persona_says:
        lines.append(f"When you have said something like: {_quoted(scenario.persona_says)}")
    if scenario.user_says:
        lines.append(f"When the user says something like: {_quoted(scenario.user_says)}")
    lines.append(f"You should respond by: {scenario.response_guidelines}")
    return "\n".join(lines)


def listing(scenarios: Sequence[Scenario]) -> str:
    """Several of them, apart by an empty line."""
    return "\n\n".join(block(scenario) for scenario in scenarios)


def _quoted(sayings: Sequence[str]) -> str:
    return " / ".join(f'"{saying}"' for saying in sayings if saying.strip())
