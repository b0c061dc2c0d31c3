"""Scripted dialogues with a persona."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import msgspec
import pytest

from voice_agent.personas.files import read
from voice_agent.personas.persona import Persona
from voice_agent.rehearsal.rehearsal import Rehearsal
from voice_agent.rehearsal.script import DialogueScript, Turn, read_script
from voice_agent.settings import data_directory
from voice_pipelines.conversation.commands import Message
from voice_pipelines.ports import ReplyDelta, Tool
from voice_pipelines.providers.scripted import ScriptedLanguageModel

CONFIGS = data_directory()
DIALOGUES = read_script(CONFIGS / "dialogues" / "appointments.toml").dialogues
APPOINTMENTS = read(CONFIGS / "personas" / "appointments.toml")
MAIL = {"name": "save_email_address", "arguments": {"email_address": "ann@example.com"}}


def script(**turn: Any) -> DialogueScript:
    return msgspec.convert({"name": "x", "turns": [{"user": "Hello", **turn}]}, DialogueScript)


async def failures(persona: Persona = APPOINTMENTS, **turn: Any) -> list[str]:
    result = await Rehearsal(persona, None).play(script(**turn))
    return [failure for turn_result in result.turns for failure in turn_result.failures]


@pytest.mark.parametrize("dialogue", DIALOGUES, ids=lambda dialogue: dialogue.name)
async def test_the_appointment_persona_in_dialogue(dialogue: DialogueScript) -> None:
    """S004-64 to S004-69: its keys, dependencies, validators, and the webhook's exact body."""
    result = await Rehearsal(APPOINTMENTS, None).play(dialogue)
    assert [turn.failures for turn in result.turns] == [()] * len(result.turns)
    assert result.passed


@pytest.mark.parametrize(
    ("turn", "says"),
    [
        ({"reply": "Yes"}, "'Yes' is not in what was said: nothing"),
        ({"model": ["No."], "not_reply": ["(?i)no"]}, "The reply matches '(?i)no', which"),
        ({"model": [MAIL], "actions": []}, "Expected no action; there was save_email_address"),
        ({"actions": [MAIL]}, "Expected save_email_address (done); there was none."),
        (
            {"model": [MAIL], "actions": [{**MAIL, "arguments": {"email_address": "bob"}}]},
            'save_email_address should have {"email_address": "bob"}; it has ',
        ),
        (
            {"model": [MAIL], "state": {"email_address": "bob"}},
            "The state should have email_address = bob; it has ann@example.com.",
        ),
    ],
)
async def test_what_is_not_as_expected_is_told(turn: dict[str, Any], says: str) -> None:
    (failure,) = await failures(**turn)
    assert failure.startswith(says)


async def test_webhooks_are_answered_by_the_script_and_compared() -> None:
    actions: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "order": {
                "_action_type": "webhook",
                "_description": "When.",
                "_examples": [],
                "_webhook_constants": {
                    "url": "https://shop.example/order",
                    "body": {"phone": "{{details.userId}}", "key": "{{secret.SHOP}}"},
                },
                "type": "object",
                "properties": {"what": {"type": "string"}},
            }
        },
    }
    persona = Persona(name="A", prompt="{{actionsSchema}}", actions_schema=actions)
    wanted = [{"name": "order", "arguments": {"what": "tea"}}]
    (failure,) = await failures(persona, model=wanted)
    assert failure.startswith("order sent a request that the script has no answer for (POST http")
    body = {"phone": "+1", "key": "secret SHOP", "what": "tea"}
    for expected, passed in ((body, True), ({**body, "what": "milk"}, False)):
        raw = {
            "name": "x",
            "details": {"userId": "+1"},
            "webhooks": [{"action": "order", "expect": expected}],
            "turns": [{"user": "Tea!", "model": wanted, "after": [["Done."]], "reply": "Done"}],
        }
        result = await Rehearsal(persona, None).play(msgspec.convert(raw, DialogueScript))
        assert result.passed is passed


async def test_a_webhook_that_is_never_called_is_a_failure() -> None:
    raw = {"name": "x", "turns": [], "webhooks": [{"action": "schedule_call_with_brian"}]}
    result = await Rehearsal(APPOINTMENTS, None).play(msgspec.convert(raw, DialogueScript))
    assert result.turns[-1].failures == (
        "These webhooks were never called: schedule_call_with_brian.",
    )


class Remembering:
    """A model that keeps what it is asked."""

    def __init__(self, *replies: str) -> None:
        self.asked: list[tuple[Sequence[Message], Sequence[Tool]]] = []
        self._replies = iter(replies)

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[ReplyDelta]:
        self.asked.append((messages, tools))
        yield next(self._replies)


async def test_the_model_gets_the_persona_as_in_a_call() -> None:
    """S004-15, S004-23: the prompt, the tools whose dependencies are met, results as notes."""
    saying = '{"save_email_address": {"email_address": "ann@example.com"}}'
    model = Remembering(f"Thanks, ann at example dot com? {saying}", "Fine.")
    turns = (Turn("I am ann@example.com"), Turn("Yes"))
    result = await Rehearsal(APPOINTMENTS, model).play(DialogueScript("x", turns))
    assert [turn.reply for turn in result.turns] == ["Thanks, ann at example dot com?", "Fine."]
    (first, tools), (second, more) = model.asked
    assert first[0].role == "system" and "You are Rachel" in first[0].text
    assert "Monday, March 2, 2026, 10:00 AM" in first[0].text
    assert {"confirm_email_address"} == {t.name for t in more} - {t.name for t in tools}
    assert "(Result of save_email_address: Saved." in second[-1].text


async def test_a_model_without_tools_reads_of_actions_in_its_prompt() -> None:
    model = Remembering("Hello.")
    rehearsal = Rehearsal(APPOINTMENTS, model, tools=False)
    await rehearsal.play(script())
    messages, tools = model.asked[0]
    assert tools == ()
    assert "schedule_call_with_brian" in messages[0].text


async def test_a_language_model_judges_where_it_is_asked_to() -> None:
    for verdict, passed in (("Yes.", True), ("No, it is rude.", False)):
        judge = ScriptedLanguageModel(verdict)
        rehearsal = Rehearsal(APPOINTMENTS, ScriptedLanguageModel("Go away."), judge=judge)
        result = await rehearsal.play(script(judge="The persona is polite."))
        assert result.passed is passed
    assert "it is rude" in result.turns[0].failures[0]


async def test_scenarios_are_in_the_prompt_of_the_turn() -> None:
    """S004-71: the answer can follow the guideline."""
    persona = Persona.model_validate(
        {
            "name": "A",
            "prompt": "You are A. {{#each scenarios}}{{/each}}",
            "scenarios": [
                {"userSays": [f"Say {n}"], "responseGuidelines": f"Do {n}"} for n in range(20)
            ],
        }
    )
    model = Remembering("All right.")
    await Rehearsal(persona, model).play(script(user="Say 7"))
    prompt = model.asked[0][0][0].text
    assert "You should respond by: Do 7" in prompt
    assert prompt.count("You should respond by:") == 5
