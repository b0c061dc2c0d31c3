"""What the language model is told, and what the caller hears first."""

import json
from datetime import UTC, datetime

import pytest

from voice_agent.personas.persona import Persona, Scenario
from voice_agent.personas.prompt import (
    Level,
    PersonaPrompt,
    Prompt,
    initial_message,
    meter,
    tokens,
)

NOW = datetime(2026, 11, 22, 23, 5, tzinfo=UTC)
SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "book": {
            "_action_type": "webhook",
            "_webhook_constants": {"url": "https://x.example/", "body": {"apiKey": "abc-123"}},
            "_description": "When the guest wants a table.",
            "_examples": [{"user says": "A table", "assistant action includes": {"book": {}}}],
        }
    },
}
FIVE = tuple(
    Scenario(context=f"Case {n}", user_says=(f"Say {n}",), response_guidelines=f"Do {n}")
    for n in range(5)
)


def prompt(source: str, **fields: object) -> PersonaPrompt:
    return PersonaPrompt(Persona.model_validate({"name": "Anna", "prompt": source, **fields}))


def test_the_prompt_reaches_the_model_with_its_details() -> None:
    """S004-15, S004-19"""
    text = prompt("You are {{details.role}}.").render({"role": "a host"}, NOW)
    assert text == Prompt("You are a host.", "")


def test_the_time_is_that_of_the_conversations_zone() -> None:
    """S004-21"""
    it = prompt("Now: {{currentDatetime}}", timezone="America/New_York")
    new_york = "Now: Sunday, November 22, 2026, 6:05 PM (2026-11-22T18:05, time zone "
    assert it.static({}, NOW) == f"{new_york}America/New_York)"
    berlin = it.static({}, NOW, timezone="Europe/Berlin")
    assert berlin.startswith("Now: Monday, November 23, 2026, 12:05 AM (2026-11-23T00:05, ")


def test_the_schema_is_in_the_prompt_where_the_keyword_stands() -> None:
    """S004-18, S004-29, S004-30: the schema as JSON, and none without the keyword."""
    it = prompt("Do: {{actionsSchema}}", actions_schema=SCHEMA)
    assert it.uses_actions
    shown = json.loads(it.static({}, NOW).removeprefix("Do: "))
    book = shown["properties"]["book"]
    assert book["_description"] == "When the guest wants a table."
    assert book["_examples"] == SCHEMA["properties"]["book"]["_examples"]  # type: ignore[index]
    without = prompt("Do nothing.", actions_schema=SCHEMA)
    assert not without.uses_actions
    assert "book" not in without.static({}, NOW)


def test_addresses_and_keys_of_webhooks_are_not_told_to_the_model() -> None:
    text = prompt("{{actionsSchema}}", actions_schema=SCHEMA).static({}, NOW)
    assert "abc-123" not in text and "x.example" not in text


def test_what_changes_per_turn_comes_last() -> None:
    """S004-20, S004-73: the scenarios of the turn, behind what stays the same."""
    it = prompt("You are Anna.\n{{#each scenarios}}- {{context}}: {{this.userSays}}\n{{/each}}Bye.")
    first = it.render({}, NOW, FIVE)
    second = it.render({}, NOW, FIVE[:1])
    assert first.static == second.static
    assert first.static.startswith("You are Anna.") and first.static.endswith("Bye.")
    assert "Case" not in first.static and "at the end" in first.static
    assert first.dynamic == "\n".join(f"- Case {n}: Say {n}" for n in range(5))
    assert second.dynamic == "- Case 0: Say 0"
    assert str(second).endswith("\n\n- Case 0: Say 0")
    assert it.render({}, NOW).dynamic == ""


@pytest.mark.parametrize("source", ["{{#each scenarios}} {{/each}}", "***SCENARIOS_LIST***"])
def test_a_block_without_a_form_of_its_own_gets_the_usual_one(source: str) -> None:
    """S004-75: the four sections of a scenario."""
    scenario = Scenario(
        context="If you talk about prices",
        persona_says=("Would you like to know the price?",),
        user_says=("What is it?", "How much?"),
        response_guidelines="say that it is $99",
    )
    assert prompt(source).render({}, NOW, (scenario,)).dynamic == (
        "Given the context: If you talk about prices\n"
        'When you have said something like: "Would you like to know the price?"\n'
        'When the user says something like: "What is it?" / "How much?"\n'
        "You should respond by: say that it is $99"
    )


def test_a_prompt_without_the_keyword_has_no_scenarios() -> None:
    it = prompt("You are Anna.")
    assert not it.uses_scenarios
    assert it.render({}, NOW, FIVE) == Prompt("You are Anna.", "")


def test_details_are_data() -> None:
    evil = {"name": "{{actionsSchema}}{{#each scenarios}}{{context}}{{/each}}"}
    it = prompt("Guest: {{details.name}} {{#each scenarios}}x{{/each}}", actions_schema=SCHEMA)
    text = it.static(evil, NOW)
    assert text == f"Guest: {evil['name']}"


def test_the_initial_message_greets_by_name() -> None:
    """S004-09, S004-10: no braces, whatever the details are."""
    persona = Persona(name="Anna", initial_message="Hello {{details.name}}, this is Anna.")
    assert initial_message(persona, {"name": "Ann"}, NOW).text == "Hello Ann, this is Anna."
    assert initial_message(persona, {}, NOW).text == "Hello , this is Anna."
    assert initial_message(persona, {"name": "{{x}}"}, NOW).text == "Hello x, this is Anna."
    for broken in ("{{weather}}Hello", "{{details.name Hello", "Hello }}", "Hello {details.x}}"):
        text = initial_message(Persona(name="Anna", initial_message=broken), {}, NOW).text
        assert "{" not in text and "}" not in text and "Hello" in text


def test_an_initial_message_without_details_can_be_spoken_ahead() -> None:
    """S004-09"""
    assert not initial_message(Persona(name="A", initial_message="Hello!"), {}, NOW).personal
    for source in ("{{details.name}}", "It is {{currentDatetime}}.", "***DETAILS.name***"):
        assert initial_message(Persona(name="A", initial_message=source), {}, NOW).personal


def test_the_time_is_spoken_as_people_say_it() -> None:
    persona = Persona(name="A", initial_message="{{currentDatetime}}", timezone="Europe/Berlin")
    assert initial_message(persona, {}, NOW).text == "Monday, November 23, 2026, 12:05 AM"


@pytest.mark.parametrize(
    ("words", "level"),
    [(10, Level.GREEN), (1000, Level.YELLOW), (3000, Level.ORANGE), (4001, Level.RED)],
)
def test_the_meter_is_a_traffic_light(words: int, level: Level) -> None:
    it = meter(Persona(name="Anna", prompt="abc " * words))
    assert it.tokens == words
    assert it.level is level


def test_the_meter_counts_the_schema_and_typical_scenarios() -> None:
    parts = {"name": "Anna", "actions_schema": SCHEMA, "scenarios": FIVE}
    plain = meter(Persona.model_validate({**parts, "prompt": "abc"})).tokens
    full = "abc {{actionsSchema}} {{#each scenarios}}{{/each}}"
    assert meter(Persona.model_validate({**parts, "prompt": full})).tokens > plain + 100


def test_tokens_of_other_scripts_are_counted_dearer() -> None:
    assert tokens("你好你好你好你好") > tokens("abcdefgh")
