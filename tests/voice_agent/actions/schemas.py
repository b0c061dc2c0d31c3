"""Schemas for the tests of actions."""

from pathlib import Path
from typing import Any

from voice_agent.actions.action import Action, Actions
from voice_agent.actions.schema import DRAFT_07, load
from voice_agent.actions.source import parse

APPOINTMENT = Path(__file__).with_name("appointment.json")


def document(**actions: dict[str, Any]) -> dict[str, Any]:
    """A schema of these actions, each with a description and an example if it has none."""
    return {
        "$schema": DRAFT_07,
        "type": "object",
        "properties": {
            name: {"_description": f"When {name} should be done.", "_examples": [], **given}
            for name, given in actions.items()
        },
    }


def loaded(**actions: dict[str, Any]) -> Actions:
    return load(document(**actions))


def only(**actions: dict[str, Any]) -> Action:
    """The single action of such a schema."""
    (action,) = loaded(**actions)
    return action


def appointment() -> dict[str, Any]:
    return parse(APPOINTMENT.read_text("utf-8"))
