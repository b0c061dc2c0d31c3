"""Everything that can be said against a persona's file."""

from pathlib import Path

import pytest

from voice_agent.actions.schema import load
from voice_agent.persona_check import check
from voice_agent.personas.files import read
from voice_agent.settings import data_directory

PERSONAS = data_directory() / "personas"


@pytest.mark.parametrize("path", sorted(PERSONAS.glob("*.toml")), ids=lambda path: path.stem)
def test_nothing_is_wrong_with_the_included_personas(path: Path) -> None:
    report = check(path)
    assert report.findings == ()
    assert not report.failed


def test_prompt_and_schema_are_checked_together(tmp_path: Path) -> None:
    """S004-17, S004-56: `required` names what nothing defines."""
    path = tmp_path / "a.json"
    path.write_text(
        """{"name": "A", "prompt": "{{actionsSchemas}}{{actionsSchema}}", "actions_schema": {
        "$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {
        "look": {"_description": "When.", "type": "object", "required": ["citys"], "_examples":
        [{"user says": "x", "assistant action includes": {"look": {"city": "Oslo"}}}]}}}}"""
    )
    report = check(path)
    assert [(finding.severity, finding.field) for finding in report.findings] == [
        ("error", "prompt"),
        ("warning", "actions_schema.properties.look.required"),
    ]
    assert "'city'" in report.findings[1].message
    assert report.verdict == "1 error, 1 warning"
    assert report.failed


def test_a_schema_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("name = 'A'\nprompt = '{{actionsSchema}}'\n[actions_schema]\ntype = 'list'")
    assert check(path).failed


def test_a_file_that_is_no_persona(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("mood = 'good'")
    report = check(path)
    assert [finding.message for finding in report.findings] == [
        "`name`: Field required.",
        "`mood`: Extra inputs are not permitted.",
    ]
    assert report.failed and report.meter is None


def test_the_appointment_persona_has_exactly_these_actions() -> None:
    """S004-64 to S004-70: names, kinds, dependencies, required values and validators."""
    persona = read(PERSONAS / "appointments.toml")
    assert persona.actions_schema is not None
    actions = load(persona.actions_schema)
    assert {
        action.name: (
            action.kind.value,
            action.depends_on,
            set(action.parameters.get("required", ())),
            {name: validator.name for name, validator in action.validators.items()},
        )
        for action in actions
    } == {
        "hang_up_call": ("telephone", (), set(), {}),
        "press_phone_keys": ("telephone", (), set(), {}),
        "save_email_address": ("update_state", (), {"email_address"}, {"email_address": "email"}),
        "save_time_for_call": (
            "update_state",
            (),
            {"followup-datetime"},
            {"followup-datetime": "datetimeiso"},
        ),
        "confirm_email_address": (
            "update_state",
            ("state.email_address",),
            {"email_address_confirmed"},
            {},
        ),
        "schedule_call_with_brian": (
            "webhook",
            ("state.email_address", "state.email_address_confirmed", "state.followup-datetime"),
            {"firstName", "company", "datetime", "email_address"},
            {"email_address": "email", "datetime": "datetimeiso"},
        ),
    }
    # Her duties are in what she is told of the actions.
    told = " ".join(action.description for action in actions)
    for duty in ("read it back", "yyyy-MM-ddTHH:mm", "whether the invitation has arrived"):
        assert duty in told
