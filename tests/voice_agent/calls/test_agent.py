"""A persona as it is put on a call."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.voice_agent.actions.hooks import webhooks
from tests.voice_agent.actions.schemas import document
from tests.voice_agent.calls.rooms import services
from voice_agent.actions.dispatch import Guards
from voice_agent.actions.state import State
from voice_agent.calls import agent as agents_module
from voice_agent.calls.agent import Agent, Agents, beginning
from voice_agent.calls.live import LiveCall
from voice_agent.calls.plan import CallPlan
from voice_agent.personas.persona import Persona
from voice_agent.personas.retriever import Query, Retriever
from voice_pipelines.conversation.commands import Message
from voice_pipelines.conversation.policy import TurnPolicy
from voice_pipelines.ports import LanguageModel, TextToSpeech
from voice_pipelines.providers.scripted import ScriptedLanguageModel, ScriptedTextToSpeech

NOW = datetime(2026, 11, 22, 23, 5, tzinfo=UTC)
SCHEMA = document(book={"type": "object", "properties": {"day": {"type": "string"}}})
SCENARIO = {"context": "A dog", "userSays": ["my dog"], "responseGuidelines": "Welcome it"}


@dataclass
class Brought:
    """What a persona brings along."""

    own_llm: LanguageModel | None = None
    own_tts: TextToSpeech | None = None
    tools: bool = True
    asked: list[str] = field(default_factory=list)
    """Whose model was wanted."""

    async def llm(self, persona: Persona) -> LanguageModel | None:
        self.asked.append(persona.name)
        return self.own_llm

    async def tts(self, persona: Persona) -> TextToSpeech | None:
        return self.own_tts

    def takes_tools(self, persona: Persona) -> bool:
        return self.tools or persona.llm is not None

    def one_system_message(self, persona: Persona) -> bool:
        return False


class Found:
    def prepare(self, query: Query) -> None:
        pass

    async def find(self, query: Query, count: int = 5) -> Sequence[Any]:
        return ()


@dataclass
class Office:
    """Personas are put on calls here."""

    agents: Agents
    indexed: list[Persona] = field(default_factory=list)

    async def agent(
        self,
        persona: Persona,
        details: Mapping[str, Any] | None = None,
        *,
        version: int = 1,
        timezone: str = "",
    ) -> Agent:
        plan = CallPlan(
            conversation_id="c",
            persona=persona,
            persona_id="p",
            persona_version=version,
            details=details or {},
            timezone=timezone,
        )
        return await self.agents.agent(plan, State(), LiveCall(plan), now=lambda: 0)


@asynccontextmanager
async def office(brought: Brought | None = None) -> AsyncIterator[Office]:
    async with webhooks() as hooks, services() as served:
        indexed: list[Persona] = []

        def retriever(persona: Persona) -> Retriever:
            indexed.append(persona)
            return Found()

        agents = Agents(
            replace(served, phrases={"Sorry?": b"\x00"}),
            TurnPolicy(),
            brought or Brought(),
            hooks,
            Guards(),
            retriever=retriever,
            now=lambda: NOW,
        )
        yield Office(agents, indexed)


def persona(prompt: str = "Be brief.", **fields: object) -> Persona:
    return Persona.model_validate({"name": "Anna", "prompt": prompt, **fields})


async def test_a_persona_has_a_policy_of_its_own() -> None:
    async with office() as here:
        agent = await here.agent(
            persona(
                endpointing={"mode": "fixed", "fixed_ms": 321},
                interruption={"enabled": False},
                phrases={"goodbye": "Ciao."},
            )
        )
    base = TurnPolicy()
    assert agent.policy.endpointing.fixed_ms == 321
    assert agent.policy.endpointing.max_turn_ms == base.endpointing.max_turn_ms
    assert not agent.policy.interruption.enabled
    assert agent.policy.phrases.goodbye == "Ciao."
    assert agent.policy.phrases.apology == base.phrases.apology


async def test_the_greeting_knows_the_details() -> None:
    """S004-09, S004-10: a missing one leaves nothing behind, no brace is spoken."""
    greets = persona(initial_message="Hello {{details.name}}")
    async with office() as here:
        known = await here.agent(greets, {"name": "Ann"})
        unknown = await here.agent(greets)
        silent = await here.agent(persona())
    assert known.policy.phrases.greeting == "Hello Ann"
    assert unknown.policy.phrases.greeting == "Hello"
    assert silent.policy.phrases.greeting == ""


async def test_the_instructions_know_details_and_the_time_of_the_conversation() -> None:
    """S004-15, S004-19, S004-21"""
    told = persona("Talk to {{details.name}}. It is {{currentDatetime}}.", timezone="Asia/Tokyo")
    async with office() as here:
        at_home = await here.agent(told, {"name": "Ann"})
        elsewhere = await here.agent(told, {"name": "Ann"}, timezone="Europe/Berlin")
    assert at_home.policy.instructions.startswith("Talk to Ann. It is Monday, November 23, 2026, 8")
    assert "2026-11-23T00:05, time zone Europe/Berlin" in elsewhere.policy.instructions


async def test_only_the_keyword_gives_actions() -> None:
    """S004-18"""
    async with office() as here:
        without = await here.agent(persona("Be brief.", actions_schema=SCHEMA))
        with_it = await here.agent(persona("Do: {{actionsSchema}}", actions_schema=SCHEMA))
    assert without.dispatcher is None and without.services.actions is None
    assert with_it.dispatcher is not None and with_it.services.actions is with_it.dispatcher
    assert [tool.name for tool in with_it.dispatcher.tools()] == ["book"]


@pytest.mark.parametrize("tools", [True, False])
async def test_a_model_without_tools_reads_of_actions_in_its_prompt(tools: bool) -> None:
    async with office(Brought(tools=tools)) as here:
        agent = await here.agent(persona("Do: {{actionsSchema}}", actions_schema=SCHEMA))
    assert ("<tools>" in agent.policy.instructions) is not tools
    assert ("book" in agent.policy.instructions) is not tools, "tools are not told of twice"


async def test_a_model_that_cannot_be_had_is_not_taken_for_the_one_that_answers() -> None:
    wants = persona("Do: {{actionsSchema}}", actions_schema=SCHEMA, llm="openai")
    async with office(Brought(tools=False)) as here:
        agent = await here.agent(wants)
        assert "<tools>" in agent.policy.instructions, "the server's reads of actions"
    async with office(Brought(ScriptedLanguageModel("Yes."), tools=False)) as here:
        agent = await here.agent(wants)
        assert "<tools>" not in agent.policy.instructions


async def test_actions_that_cannot_be_read_are_logged_and_the_call_goes_on() -> None:
    broken = persona("Do: {{actionsSchema}}", actions_schema={"type": "array"})
    async with office() as here:
        with capture_logs() as logged:
            agent = await here.agent(broken)
            await here.agent(broken)
    assert agent.dispatcher is None
    assert [(line["event"], line["persona"]) for line in logged] == [
        ("persona_actions_invalid", "Anna")
    ]


async def test_another_voice_does_not_say_the_servers_phrases() -> None:
    voice = ScriptedTextToSpeech(audio_ms=10)
    speaks = persona(initial_message="Good day.", phrases={"goodbye": "Ciao."})
    async with office() as here:
        agent = await here.agent(speaks)
        assert agent.services.phrases["Sorry?"] == b"\x00"
    async with office(Brought(own_tts=voice)) as here:
        before = await here.agent(speaks)
        assert before.services.tts is voice and "Sorry?" not in before.services.phrases
        await here.agents.speak_ahead(speaks)
        agent = await here.agent(speaks)
        assert {"Good day.", "Ciao."} <= set(agent.services.phrases)
        assert agent.services.phrases["Ciao."], "and there is audio of it"


async def test_the_model_is_made_before_the_first_call() -> None:
    brought = Brought(own_llm=ScriptedLanguageModel("It is me."))
    async with office(brought) as here:
        await here.agents.speak_ahead(persona())
    assert brought.asked == [persona().name]


async def test_a_greeting_with_details_is_not_spoken_ahead() -> None:
    voice = ScriptedTextToSpeech(audio_ms=10)
    async with office(Brought(own_tts=voice)) as here:
        greets = persona(initial_message="Hello {{details.name}}")
        await here.agents.speak_ahead(greets)
        agent = await here.agent(greets)
    assert not any(text.startswith("Hello") for text in agent.services.phrases)


async def test_sounds_belong_to_one_call() -> None:
    async with office() as here:
        one, other = await here.agent(persona()), await here.agent(persona())
    one.sounds["(sound 1)"] = b"\x01"
    assert one.services.phrases["(sound 1)"] == b"\x01"
    assert "(sound 1)" not in other.services.phrases


async def test_a_persona_brings_its_own_model() -> None:
    """S004-02: the next call has the model that the persona wants."""
    own = ScriptedLanguageModel("It is me.")
    async with office(Brought(own_llm=own)) as here:
        agent = await here.agent(persona())
        assert [delta async for delta in agent.services.llm.reply(())] == ["It is me."]
    assert own.requests == 1


async def test_a_persona_is_read_once_for_each_version() -> None:
    template = "You are {{details.role}}. {{#each scenarios}}{{/each}}"
    first = persona(template, scenarios=[SCENARIO])
    async with office() as here:
        for _ in range(3):
            await here.agent(first)
        await here.agent(first.model_copy(deep=True))  # Read anew from the database.
        assert here.indexed == [first]
        changed = persona(template, scenarios=[{**SCENARIO, "context": "A cat"}])
        await here.agent(changed, version=2)
        assert here.indexed == [first, changed]
        await here.agent(first)  # A call that began before keeps what it has.
        assert here.indexed == [first, changed]


async def test_a_draft_under_the_same_number_is_noticed() -> None:
    """The persona of a configuration file has no versions."""
    async with office() as here:
        one = await here.agent(persona("One."), version=0)
        two = await here.agent(persona("Two."), version=0)
    assert (one.policy.instructions, two.policy.instructions) == ("One.", "Two.")


async def test_not_every_persona_is_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents_module, "_KEPT", 2)
    async with office() as here:
        for version in range(5):
            await here.agent(persona(), version=version)
        assert len(here.agents._read) == 2


def test_what_every_conversation_begins_with_can_be_read_ahead() -> None:
    persona = Persona(name="Anna", prompt="You are Anna.\n", initial_message="Hello!")
    assert beginning(TurnPolicy(), persona, datetime(2026, 11, 22, tzinfo=UTC)) == (
        Message("system", "You are Anna."),
        Message("assistant", "Hello!"),
    )
