"""What a conversation's language model is shown of each turn."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from voice_agent.calls.persona_model import PersonaLanguageModel
from voice_agent.personas.persona import Scenario
from voice_agent.personas.retrieval import HybridRetriever
from voice_agent.personas.retriever import TOP, Query
from voice_pipelines.conversation.commands import Message
from voice_pipelines.conversation.transcript import Transcript
from voice_pipelines.ports import ReplyDelta, Tool
from voice_pipelines.providers.scripted import ScriptedLanguageModel

TOOL = Tool("book", "When somebody wants a table.", {})
SYSTEM = Message("system", "Be brief.")
FIRST = (SYSTEM, Message("user", "Do you take cheques?"))
SECOND = (*FIRST, Message("assistant", "Only cards."), Message("user", "And my dog?"))
TOPICS = ("cheques", "dog", "parking", "cake", "terrace", "music", "children", "lasagna") * 3
SCENARIOS = tuple(
    Scenario(context=f"The guest asks about {topic}", user_says=(f"{topic} number {n}",))
    for n, topic in enumerate(TOPICS)
)


@dataclass
class Asked:
    """A model that says one word, and notes what it was asked."""

    messages: list[tuple[Message, ...]] = field(default_factory=list)
    tools: list[tuple[Tool, ...]] = field(default_factory=list)
    closed: int = 0

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[ReplyDelta]:
        self.messages.append(tuple(messages))
        self.tools.append(tuple(tools))
        try:
            yield "Yes."
            yield " Of course."
        finally:
            self.closed += 1


@dataclass
class Finds:
    """Finds the same for everybody, and notes what it was asked for."""

    found: Sequence[Scenario] = SCENARIOS[:2]
    prepared: list[Query] = field(default_factory=list)
    asked: list[Query] = field(default_factory=list)

    def prepare(self, query: Query) -> None:
        self.prepared.append(query)

    async def find(self, query: Query, count: int = TOP) -> Sequence[Scenario]:
        self.asked.append(query)
        return self.found[:count]


def block(found: Sequence[Scenario]) -> str:
    return "\n".join(scenario.context for scenario in found)


def of(asked: Asked, retriever: Finds | None = None, *, fold: bool = False) -> PersonaLanguageModel:
    return PersonaLanguageModel(asked, tools=True, retriever=retriever, block=block, fold=fold)


async def said(model: PersonaLanguageModel, messages: Sequence[Message]) -> str:
    return "".join([str(delta) async for delta in model.reply(messages, (TOOL,))])


async def test_scenarios_stand_before_the_callers_last_words() -> None:
    """S004-20, S004-73: they are injected in the same turn; all that precedes them stays."""
    asked, finds = Asked(), Finds()
    model = of(asked, finds)
    for messages in (FIRST, SECOND):
        assert await said(model, messages) == "Yes. Of course."
    first, second = asked.messages
    assert first == (SYSTEM, Message("system", block(SCENARIOS[:2])), FIRST[-1])
    # What a provider has cached of the history holds: it is the same, byte by byte.
    assert second[: len(SECOND) - 1] == SECOND[:-1]
    assert second[len(SECOND) - 1 :] == (first[1], SECOND[-1])


async def test_five_are_chosen_anew_for_each_turn() -> None:
    """S004-20: of two dozen scenarios five fit; S004-72: to what both have said."""
    asked = Asked()
    with ThreadPoolExecutor(1) as executor:
        model = PersonaLanguageModel(
            asked, tools=True, retriever=HybridRetriever(SCENARIOS, executor), block=block
        )
        for messages in (FIRST, SECOND):
            await said(model, messages)
        other = (*SECOND[:-2], Message("assistant", "We have parking."), SECOND[-1])
        await said(model, other)
    first, second, third = (messages[-2].text.splitlines() for messages in asked.messages)
    assert [len(lines) for lines in (first, second, third)] == [TOP] * 3
    assert "cheques" in first[0] and "dog" in second[0] and "dog" in third[0]
    assert second[:3] == third[:3], "there are three of dogs"
    assert all("parking" in line for line in third[3:]), "the persona's statement counts as well"
    assert not all("parking" in line for line in second[3:])


async def test_a_model_with_one_system_message_reads_them_with_the_callers_words() -> None:
    asked = Asked()
    await said(of(asked, Finds(), fold=True), SECOND)
    (shown,) = asked.messages
    assert shown[:-1] == SECOND[:-1]
    assert shown[-1] == Message("user", f"[{block(SCENARIOS[:2])}]\n\nAnd my dog?")


async def test_a_turn_without_scenarios_is_shown_as_it_is() -> None:
    asked = Asked()
    await said(of(asked), SECOND)
    await said(of(asked, Finds(found=())), SECOND)
    await said(of(asked, Finds()), SECOND[:-1])  # Nobody has said anything new.
    assert asked.messages == [SECOND, SECOND, SECOND[:-1]]


async def test_tools_are_for_models_that_take_them() -> None:
    asked = Asked()
    await said(of(asked), FIRST)
    await said(PersonaLanguageModel(asked, tools=False), FIRST)
    assert asked.tools == [(TOOL,), ()]


async def test_closing_a_reply_stops_the_model() -> None:
    asked = Asked()
    deltas = of(asked, Finds()).reply(FIRST)
    await anext(deltas)
    await deltas.aclose()
    assert asked.closed == 1, "it goes on writing what nobody will hear"


async def test_what_can_be_read_ahead_is() -> None:
    inner = ScriptedLanguageModel("Yes.")
    await PersonaLanguageModel(inner, tools=True, retriever=Finds(), block=block).prefill(FIRST)
    assert inner.prefills == 1 and inner.last_messages == FIRST
    await of(Asked()).prefill(FIRST)  # Nothing that it could be passed on to.


async def test_what_was_prepared_is_what_is_looked_for() -> None:
    """S004-72: the caller's current statement and the persona's last one.

    Also behind the result of an action, which the model reads with the caller's words.
    """
    asked, finds = Asked(), Finds()
    model = of(asked, finds)
    transcript = Transcript()
    transcript.agent_intends(1, "Shall I book it?")
    transcript.agent_heard(1, "Shall I book it?")
    transcript.note(0, "(The table is free.)")
    model.prepare(lambda: transcript.history("", "Yes please"))
    await said(model, transcript.history("Be brief.", "Yes please"))
    assert finds.prepared == finds.asked
    assert finds.asked[0].persona == "Shall I book it?"
    assert finds.asked[0].user.endswith("Yes please")


async def test_who_has_no_scenarios_prepares_nothing() -> None:
    looked = asyncio.Event()

    def history() -> Sequence[Message]:
        looked.set()
        return FIRST

    of(Asked()).prepare(history)
    assert not looked.is_set(), "no interim is to cost anything then"
