"""Which scenarios fit at a moment of a conversation."""

import asyncio
import gc
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from voice_agent.calls.persona_model import PersonaLanguageModel
from voice_agent.personas.embeddings import MiniLm, Remembered, Vectors
from voice_agent.personas.persona import Scenario
from voice_agent.personas.retrieval import HybridRetriever, ScenarioIndex
from voice_agent.personas.retriever import TOP, Query
from voice_pipelines.conversation.commands import Message
from voice_pipelines.providers.scripted import ScriptedLanguageModel

MEANINGS = [
    {"price", "cost", "expensive", "money"},
    {"dog", "pet", "animal"},
    {"open", "hours", "close", "late"},
    {"parking", "car", "garage"},
]


class Concepts:
    """An embedder that knows four concepts; it can be made to wait, and counts its texts."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.go = threading.Event()
        self.go.set()

    def embed(self, texts: Sequence[str]) -> Vectors:
        assert self.go.wait(10)
        self.texts += texts
        return np.array([self._vector(text) for text in texts], np.float32)

    def _vector(self, text: str) -> Vectors:
        words = set(text.split())
        known = [float(len(words & meaning)) for meaning in MEANINGS]
        noise = np.random.default_rng(list(text.encode())).normal(size=60) / 40
        vector = np.array([*known, *noise], np.float32)
        return vector / np.float32(np.linalg.norm(vector))


def scenario(context: str, *user_says: str, persona_says: tuple[str, ...] = ()) -> Scenario:
    return Scenario(
        context=context,
        user_says=user_says,
        persona_says=persona_says or (() if user_says else ("-",)),
        response_guidelines=f"Do {context}",
    )


SCENARIOS = (
    scenario("price", "What does it cost?"),
    scenario("dogs", "Can I bring my dog?"),
    scenario("hours", "When do you open?"),
    scenario("parking", "Where can I leave my car?"),
    scenario("wine", "Which wines are there?", persona_says=("Would you like a drink?",)),
    scenario("water", "Is there water?", persona_says=("Would you like a drink?",)),
    scenario("dessert", persona_says=("Would you like the tiramisu?",)),
)
MANY = SCENARIOS + tuple(scenario(f"case {n}", f"Say {n}") for n in range(13))


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def contexts(found: Sequence[Scenario]) -> list[str]:
    return [scenario.context for scenario in found]


def test_exactly_five_of_twenty_are_found_again_on_each_turn() -> None:
    """S004-20, S004-73"""
    index = ScenarioIndex(MANY, Concepts())
    first = index.search(Query("May I bring my dog?"))
    second = index.search(Query("Where can I park my car?"))
    assert len(MANY) == 20
    assert len(first) == len(second) == 5
    assert contexts(first)[0] == "dogs"
    assert contexts(second)[0] == "parking"


def test_fewer_than_five_are_all_found() -> None:
    assert len(ScenarioIndex(SCENARIOS[:3]).search(Query("anything"))) == 3


def test_both_statements_change_what_is_found() -> None:
    """S004-72: the caller's current statement and the persona's most recent one."""
    index = ScenarioIndex(MANY)
    by_user = contexts(index.search(Query("Which water?")))
    assert by_user != contexts(index.search(Query("Which wine?")))
    yes_to_drink = contexts(index.search(Query("Yes please", "Would you like a drink?")))
    yes_to_sweet = contexts(index.search(Query("Yes please", "Would you like the tiramisu?")))
    assert set(yes_to_drink[:2]) == {"wine", "water"}
    assert yes_to_sweet[0] == "dessert"


def test_what_is_meant_is_found_without_a_common_word() -> None:
    query = Query("Is it expensive?")
    assert contexts(ScenarioIndex(MANY, Concepts()).search(query))[0] == "price"
    assert contexts(ScenarioIndex(SCENARIOS[::-1]).search(Query("expensive")))[0] != "price"


async def test_what_was_prepared_on_an_interim_costs_nothing_at_the_end(
    executor: ThreadPoolExecutor,
) -> None:
    """S004-74: capitals and punctuation of the final transcript make no difference."""
    embedder = Concepts()
    retriever = HybridRetriever(MANY, executor, Remembered(embedder), patience_s=10)
    await retriever.update()
    retriever.prepare(Query("is it expensive", "Hello, how can I help?"))
    await asyncio.to_thread(executor.submit(lambda: None).result)
    embedder.go.clear()
    embedder.texts.clear()
    found = await retriever.find(Query("Is it expensive?", "Hello, how can I help?"))
    assert contexts(found)[0] == "price"
    assert embedder.texts == []


async def test_a_last_word_more_uses_the_meaning_of_those_before(
    executor: ThreadPoolExecutor,
) -> None:
    embedder = Concepts()
    retriever = HybridRetriever(MANY, executor, Remembered(embedder), patience_s=10)
    await retriever.update()
    retriever.prepare(Query("is it expensive"))
    await asyncio.to_thread(executor.submit(lambda: None).result)
    embedder.go.clear()
    try:
        assert contexts(await retriever.find(Query("Is it expensive there?")))[0] == "price"
    finally:
        embedder.go.set()


async def test_a_model_that_takes_too_long_is_not_waited_for(executor: ThreadPoolExecutor) -> None:
    """S004-74: then the words alone decide."""
    embedder = Concepts()
    retriever = HybridRetriever(MANY, executor, Remembered(embedder), patience_s=0.001)
    await retriever.update()
    embedder.go.clear()
    try:
        found = await retriever.find(Query("Can I bring my dog?"))
    finally:
        embedder.go.set()
    assert contexts(found)[0] == "dogs"
    assert len(found) == 5


async def test_interims_do_not_pile_up(executor: ThreadPoolExecutor) -> None:
    embedder = Concepts()
    retriever = HybridRetriever(MANY, executor, Remembered(embedder), patience_s=10)
    await retriever.update()
    embedder.texts.clear()
    embedder.go.clear()
    for number in range(1000):
        retriever.prepare(Query(f"words of {number} callers"))
    embedder.go.set()
    await retriever.find(Query("the final words"))
    assert 0 < len(embedder.texts) < 20


async def test_a_change_is_searchable_when_its_index_is_built_and_stops_no_call(
    executor: ThreadPoolExecutor,
) -> None:
    """S004-76: until then the old scenarios are found; nothing waits."""
    embedder = Concepts()
    retriever = HybridRetriever(SCENARIOS[:1], executor, Remembered(embedder), patience_s=0.001)
    embedder.go.clear()
    update = asyncio.ensure_future(retriever.update(SCENARIOS[1:2]))  # noqa: TID251  # a test's own
    await asyncio.sleep(0)
    assert contexts(await retriever.find(Query("dog"))) == ["price"]
    embedder.go.set()
    await update
    assert contexts(await retriever.find(Query("dog"))) == ["dogs"]


async def test_the_last_of_several_changes_holds(executor: ThreadPoolExecutor) -> None:
    retriever = HybridRetriever((), executor)
    await asyncio.gather(*(retriever.update((scenario,)) for scenario in SCENARIOS))
    assert contexts(await retriever.find(Query("dog"))) == ["dessert"]


async def test_an_embedder_that_fails_leaves_the_words(executor: ThreadPoolExecutor) -> None:
    lost: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(context))

    class Broken(Concepts):
        def embed(self, texts: Sequence[str]) -> Vectors:
            if "dog" in texts[0] and len(texts) == 1:
                raise RuntimeError("out of memory")
            return super().embed(texts)

    retriever = HybridRetriever(MANY, executor, Remembered(Broken()), patience_s=10)
    await retriever.update()
    assert contexts(await retriever.find(Query("bring my dog")))[0] == "dogs"
    await asyncio.sleep(0)
    gc.collect()
    assert lost == []


async def test_after_the_shutdown_words_are_enough() -> None:
    executor = ThreadPoolExecutor(1)
    retriever = HybridRetriever(MANY, executor, Remembered(Concepts()))
    await retriever.update()
    executor.shutdown()
    retriever.prepare(Query("dog"))
    assert contexts(await retriever.find(Query("my dog")))[0] == "dogs"


async def test_without_scenarios_there_is_nothing_to_find(executor: ThreadPoolExecutor) -> None:
    for embedder in (None, Remembered(Concepts())):
        retriever = HybridRetriever((), executor, embedder)
        await retriever.update()
        retriever.prepare(Query("dog"))
        assert await retriever.find(Query("dog")) == ()


async def test_anything_can_stand_behind_the_interface() -> None:
    """S004-104: another retrieval takes the place of ours."""

    class Own:
        def prepare(self, query: Query) -> None: ...

        async def find(self, query: Query, count: int = TOP) -> Sequence[Scenario]:
            return (scenario(f"{query.user} after {query.persona}", "x"),)

    llm = ScriptedLanguageModel("Fine.")
    model = PersonaLanguageModel(
        llm, tools=False, retriever=Own(), block=lambda found: found[0].context
    )
    said = (Message("system", "You."), Message("assistant", "Wine?"), Message("user", "Yes"))
    assert [delta async for delta in model.reply(said)] == ["Fine."]
    assert Message("system", "Yes after Wine?") in llm.last_messages


def test_a_text_is_embedded_once_while_it_is_remembered() -> None:
    embedder = Concepts()
    remembered = Remembered(embedder, capacity=2)
    remembered.embed(["dog", "car", "dog"])
    assert remembered.embed(["dog"]).shape == (1, 64)
    assert embedder.texts == ["dog", "car"]
    remembered.embed(["price"])  # "car" was used least lately.
    remembered.embed(["dog"])
    remembered.embed(["car"])
    assert embedder.texts == ["dog", "car", "price", "car"]


@pytest.mark.models
def test_the_model_knows_what_is_meant() -> None:
    from voice_agent.models.store import Store

    model = MiniLm(Store().path("minilm"))
    facts = (
        "We are open Monday to Friday from nine to five.",
        "The return window is thirty days with a receipt.",
        "Parking is free behind the building.",
        "Our dental cleaning costs eighty dollars.",
        "You can pay by card, cash or bank transfer.",
    )
    questions = (
        "what time do you close",
        "can I bring it back",
        "where do I leave my car",
        "how much is a cleaning",
        "do you take visa",
    )
    alone = np.concatenate([model.embed([fact]) for fact in facts])
    together = model.embed(facts)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-4)
    assert (np.sum(alone * together, axis=1) > 0.97).all()  # Padding changes next to nothing.
    assert list(np.argmax(model.embed(questions) @ together.T, axis=1)) == [0, 1, 2, 3, 4]
