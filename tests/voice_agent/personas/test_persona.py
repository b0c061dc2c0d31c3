"""The persona's document."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from voice_agent.personas.persona import CustomLlm, Persona, Scenario
from voice_pipelines.conversation.policy import InterruptionPolicy, TurnPolicy


def refused(**fields: Any) -> str:
    with pytest.raises(ValidationError) as refusal:
        Persona.model_validate({"name": "Anna", **fields})
    (error,) = refusal.value.errors()
    return f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"


def test_a_name_is_all_that_it_takes() -> None:
    persona = Persona(name=" Anna ")
    assert persona.name == "Anna"
    assert Persona.model_validate_json(persona.model_dump_json()) == persona


def test_the_custom_model_of_a_persona_is_passed_on_unchanged() -> None:
    """S004-01, S004-03: any OpenAI-compatible API, with the id of a fine-tuned model."""
    llm = {
        "base_url": "https://llm.example.com/v1",
        "model": "ft:gpt-4.1-mini:acme::7p4lURel",
        "key_env": "ACME_KEY",
        "parameters": {"temperature": 0.2},
    }
    persona = Persona.model_validate({"name": "Anna", "llm": llm})
    assert isinstance(persona.llm, CustomLlm)
    assert json.loads(persona.model_dump_json())["llm"] == llm


def test_a_preset_is_a_name() -> None:
    """S004-02"""
    assert Persona(name="Anna", llm="groq").llm == "groq"


def test_unknown_fields_and_nul_characters_are_refused_by_name() -> None:
    assert refused(greeting="Hi").startswith("greeting: Extra inputs")
    assert refused(prompt="a\0b").startswith("prompt: ")
    assert "NUL" in refused(actions_schema={"properties": {"a": {"_description": "x\0"}}})
    assert "NUL" in refused(actions_schema={"a\0": 1})
    assert "infinity" not in refused(actions_schema={"a": float("inf")})


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("timezone", "Mars/Olympus", "there is no time zone"),
        ("timezone", "../../etc/passwd", "there is no time zone"),
        ("language", "english!", "language"),
        ("endpointing", {"patience": 3}, "patience"),
        ("endpointing", {"min_ms": "fast"}, "min_ms"),
        ("interruption", {"sustained_ms": -1}, "sustained_ms"),
        ("phrases", {"greeting": "Hi"}, "initial_message"),
        ("phrases", {"adieu": "Bye"}, "adieu"),
        ("llm", {"base_url": "file:///etc/passwd", "model": "m"}, "https://"),
        ("telephone", {"numbers": ["0155-1"]}, "telephone.numbers.0"),
    ],
)
def test_what_is_wrong_is_said_by_name(field: str, value: object, says: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Persona.model_validate({"name": "Anna", field: value})
    assert says in str(refusal.value)


def test_it_overrides_some_of_the_servers_policy() -> None:
    base = TurnPolicy(interruption=InterruptionPolicy(retract_ms=900))
    persona = Persona(
        name="Anna",
        endpointing={"min_ms": 400},
        interruption={"sustained_ms": 800},
        phrases={"goodbye": "Ciao!"},
    )
    policy = persona.turn_policy(base)
    assert policy.endpointing.min_ms == 400
    assert policy.endpointing.max_ms == base.endpointing.max_ms
    assert policy.interruption == InterruptionPolicy(sustained_ms=800, retract_ms=900)
    assert policy.phrases.goodbye == "Ciao!"
    assert policy.phrases.filler == base.phrases.filler


def test_one_side_of_a_scenario_may_be_silent_but_not_both() -> None:
    """S004-77"""
    given = {"context": "Prices", "responseGuidelines": "From $99."}
    assert Scenario.model_validate({**given, "userSays": ["How much?"]}).persona_says == ()
    assert Scenario.model_validate({**given, "personaSays": ["Prices?"], "userSays": []})
    message = refused(scenarios=[{**given, "userSays": ["How much?"]}, given])
    assert message.startswith("scenarios.1: ") and "both empty" in message
    assert "both empty" in refused(scenarios=[{**given, "userSays": ["  "]}])


def test_a_scenario_speaks_the_names_of_the_api() -> None:
    """S004-76"""
    scenario = Scenario(context="Prices", user_says=("How much?",), response_guidelines="From $99.")
    assert scenario.model_dump(by_alias=True, mode="json") == {
        "context": "Prices",
        "personaSays": [],
        "userSays": ["How much?"],
        "responseGuidelines": "From $99.",
    }
