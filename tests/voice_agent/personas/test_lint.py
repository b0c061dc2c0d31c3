"""What is said against a persona when it is saved."""

from typing import Any

from voice_agent.personas.findings import errors
from voice_agent.personas.lint import lint
from voice_agent.personas.persona import Persona

ACTIONS = "{{actionsSchema}}"


def found(details: dict[str, Any] | None = None, **fields: Any) -> list[tuple[str, str]]:
    persona = Persona.model_validate({"name": "Anna", "prompt": "You are Anna.", **fields})
    return [(finding.field, finding.code) for finding in lint(persona, details)]


def schema(**actions: Any) -> dict[str, Any]:
    return {"type": "object", "properties": actions}


def test_nothing_is_said_against_a_plain_persona() -> None:
    assert found() == []


def test_findings_of_templates_name_their_field() -> None:
    """S004-17"""
    assert found(prompt="{{wether}}", initial_message="{details.userId}}") == [
        ("prompt", "unknown-keyword"),
        ("initial_message", "misprint"),
    ]


def test_a_detail_is_noted_and_missing_if_the_details_are_known() -> None:
    fields: dict[str, Any] = {"prompt": "{{details.name}} {{details.name}} {{details.userId}}"}
    assert found(**fields) == [("prompt", "detail")]
    assert found({"name": "Ann"}, **fields) == []
    assert found({"nmae": "Ann"}, **fields) == [("prompt", "missing-detail")]
    persona = Persona(name="Anna", prompt="{{details.name}}")
    (finding,) = lint(persona, {"nmae": "Ann"})
    assert "did you mean nmae?" in finding.message


def test_keywords_that_do_nothing() -> None:
    """S004-18"""
    assert found(actions_schema=schema()) == [("prompt", "actions-unused")]
    assert found(prompt=ACTIONS) == [("prompt", "no-actions")]
    scenario = {"userSays": ["a"], "responseGuidelines": "b"}
    assert found(scenarios=[scenario]) == [("prompt", "scenarios-unused")]
    assert found(initial_message=ACTIONS) == [("initial_message", "not-spoken")]


def test_a_long_prompt() -> None:
    assert found(prompt="abc " * 5000) == [("prompt", "long-prompt")]


def test_scenarios_twice_or_without_a_response() -> None:
    prompt = "{{#each scenarios}}{{/each}}"
    one = {"userSays": ["a"], "responseGuidelines": "b"}
    assert found(prompt=prompt, scenarios=[one, one, {"userSays": ["c"]}]) == [
        ("scenarios.1", "same-scenario"),
        ("scenarios.2", "no-guidelines"),
    ]


def test_a_preset_that_is_not_known() -> None:
    """S004-02"""
    assert found(llm="groq") == []
    assert found(llm="grok") == [("llm", "unknown-preset")]


def test_the_limits_message_is_no_template() -> None:
    limit = {"enabled": True, "message": "Sorry, {{details.name}}."}
    assert found(rate_limit=limit) == [("rate_limit.message", "no-template")]
    assert found(rate_limit={"enabled": True}) == [("rate_limit.message", "no-limit-message")]


def test_errors_are_apart_from_warnings() -> None:
    persona = Persona(name="Anna", prompt="{{wether}} {details.name}}")
    assert [finding.code for finding in errors(lint(persona))] == ["unknown-keyword"]
