"""Several language models as one, of which some fail, stall or are slow."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest

from tests.pipelines.providers.fallback.candidates import HANG_S, Hand, candidate, faults, health
from voice_pipelines.conversation.commands import Message
from voice_pipelines.errors import ProviderBusy, ProviderError, ProviderRefused, ProviderUnavailable
from voice_pipelines.ports import LanguageModel, Prefilling, ReplyDelta, Tool, ToolCall
from voice_pipelines.providers.breaker import State
from voice_pipelines.providers.budget import BudgetedLanguageModel
from voice_pipelines.providers.fallback.candidate import Candidate
from voice_pipelines.providers.fallback.language import FallbackLanguageModel
from voice_pipelines.providers.health import Health
from voice_pipelines.providers.scripted import Outcome, ScriptedLanguageModel

MESSAGES = (Message("user", "Hello?"),)
SOON_MS = 30


class Model:
    """Says `parts`, then does what `end` says; remembers how it was treated."""

    def __init__(
        self,
        parts: Sequence[ReplyDelta] = (),
        *,
        end: ProviderError | None = None,
        stall: bool = False,
        wait_ms: int = 0,
    ) -> None:
        self.begun = 0
        self.closed = 0
        self._parts = parts
        self._end = end
        self._stall = stall
        self._wait_ms = wait_ms

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[ReplyDelta]:
        self.begun += 1
        try:
            await asyncio.sleep(self._wait_ms / 1000)
            for part in self._parts:
                yield part
            if self._stall:
                await asyncio.sleep(HANG_S)
            if self._end is not None:
                raise self._end
        finally:
            self.closed += 1


def a_model(name: str, model: LanguageModel, failures: int = 2) -> Candidate[LanguageModel]:
    return candidate(name, model, failures)


async def said(model: LanguageModel) -> list[ReplyDelta]:
    async with asyncio.timeout(HANG_S):
        return [part async for part in model.reply(MESSAGES)]


HEDGES = pytest.mark.parametrize("hedge_ms", [None, 60_000])


@HEDGES
async def test_the_first_is_taken_while_it_serves(hedge_ms: int | None) -> None:
    first, second = Model(["A", "B"]), Model(["C"])
    models = [a_model("a", first), a_model("b", second)]
    llm = FallbackLanguageModel(models, Hand(), hedge_ms=hedge_ms)
    assert [await said(llm) for _ in range(3)] == [["A", "B"]] * 3
    assert (first.begun, first.closed, second.begun) == (3, 3, 0)
    assert health(models[0]) == (3, 0)


@HEDGES
@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.GARBAGE])
async def test_the_next_is_asked_and_the_broken_one_left_alone(
    outcome: Outcome, hedge_ms: int | None
) -> None:
    broken = ScriptedLanguageModel("Never.", faults=faults(outcome, range(2)))
    models = [a_model("a", broken), a_model("b", ScriptedLanguageModel("Yes."))]
    clock = Hand()
    llm = FallbackLanguageModel(models, clock, hedge_ms=hedge_ms)
    for _ in range(5):
        assert await said(llm) == ["Yes."]
    assert broken.requests == 2, "its breaker is open"
    clock.ms = 1_000
    assert await said(llm) == ["Never."], "the probe finds it well again"
    assert [health(model) for model in models] == [(1, 2), (5, 0)]


@HEDGES
async def test_half_an_answer_is_never_said_again(hedge_ms: int | None) -> None:
    first = Model([" ", "We are"], end=ProviderUnavailable("a", "gone"))
    models = [a_model("a", first), a_model("b", Model(["We"]))]
    llm = FallbackLanguageModel(models, Hand(), hedge_ms=hedge_ms)
    parts: list[ReplyDelta] = []
    with pytest.raises(ProviderUnavailable, match="a: gone"):
        async for part in llm.reply(MESSAGES):
            parts.append(part)
    assert parts == [" ", "We are"]
    assert health(models[0]) == (0, 1)


@HEDGES
async def test_white_space_is_not_yet_an_answer(hedge_ms: int | None) -> None:
    first = Model(["\n", " "], end=ProviderUnavailable("a", "gone"))
    llm = FallbackLanguageModel(
        [a_model("a", first), a_model("b", Model(["\n", "Yes"]))], Hand(), hedge_ms=hedge_ms
    )
    assert await said(llm) == ["\n", "Yes"]


@HEDGES
async def test_a_tool_call_is_an_answer(hedge_ms: int | None) -> None:
    call = ToolCall("hang_up", "{}")
    models = [a_model("a", Model([call])), a_model("b", Model(["No"]))]
    assert await said(FallbackLanguageModel(models, Hand(), hedge_ms=hedge_ms)) == [call]


@HEDGES
async def test_an_empty_answer_is_an_answer_and_counts_for_nothing(hedge_ms: int | None) -> None:
    models = [a_model("a", Model([""])), a_model("b", Model(["No"]))]
    llm = FallbackLanguageModel(models, Hand(), hedge_ms=hedge_ms)
    assert [await said(llm) for _ in range(4)] == [[""]] * 4
    assert health(models[0]) == (0, 0)
    assert models[0].breaker.state(0) is State.CLOSED


@HEDGES
async def test_when_all_fail_the_last_error_tells(hedge_ms: int | None) -> None:
    models = [
        a_model("a", Model(end=ProviderRefused("a", "bad key"))),
        a_model("b", Model(end=ProviderBusy("b", "later", 4_000))),
    ]
    clock = Hand()
    llm = FallbackLanguageModel(models, clock, hedge_ms=hedge_ms)
    with pytest.raises(ProviderBusy, match="b: later"):
        await said(llm)
    clock.ms = 1_000
    with pytest.raises(ProviderBusy, match="left alone") as busy:
        await said(llm)
    assert busy.value.retry_after_ms == 3_000
    assert models[0].breaker.wait_ms(1_000) > 3_000, "a refusal rests for long"


async def test_interruptions_say_nothing_of_a_provider() -> None:
    stalled = Model(stall=True)
    model = a_model("a", stalled, failures=1)
    for hedge_ms in (None, 60_000):
        for _ in range(3):
            llm = FallbackLanguageModel([model, model], Hand(), hedge_ms=hedge_ms)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await said(llm)
    assert stalled.begun == stalled.closed == 6
    assert model.breaker.state(0) is State.CLOSED
    assert health(model) == (0, 0)


@HEDGES
async def test_an_interrupted_probe_makes_room_for_the_next(hedge_ms: int | None) -> None:
    clock = Hand()
    model = a_model("a", Model(["Yes", " sir"]), failures=1)
    ticket = model.breaker.admit(0)
    assert ticket is not None
    model.breaker.failed(ticket, 0, ProviderUnavailable("a", "down"))
    clock.ms = 1_000
    llm = FallbackLanguageModel([model], clock, hedge_ms=hedge_ms)
    async with aclosing(llm.reply(MESSAGES)) as parts:
        assert await anext(parts) == "Yes"
        with pytest.raises(ProviderBusy):
            await said(llm)
    assert await said(llm) == ["Yes", " sir"]
    assert model.breaker.state(1_000) is State.CLOSED


@HEDGES
async def test_closing_it_closes_the_provider_at_once(hedge_ms: int | None) -> None:
    first = Model(["One"], stall=True)
    models = [a_model("a", first), a_model("b", Model())]
    llm = FallbackLanguageModel(models, Hand(), hedge_ms=hedge_ms)
    async with aclosing(llm.reply(MESSAGES)) as parts:
        assert await anext(parts) == "One"
        assert first.closed == 0
    assert first.closed == 1


async def test_a_slow_model_is_overtaken_and_stopped() -> None:
    slow, quick = Model(stall=True), Model(["Quick", "ly"], wait_ms=5)
    models = [a_model("a", slow), a_model("b", quick), a_model("c", Model(["No"]))]
    llm = FallbackLanguageModel(models, Hand(), hedge_ms=5)
    assert await said(llm) == ["Quick", "ly"]
    assert (slow.begun, slow.closed) == (1, 1)
    assert isinstance(models[0].health, Health)
    assert models[0].health.snapshot(0).overtaken == 1
    assert [health(model) for model in models] == [(0, 0), (1, 0), (0, 0)]


async def test_a_hedge_that_is_slower_is_stopped() -> None:
    first, hedge = Model(["First"], wait_ms=250), Model(stall=True)
    llm = FallbackLanguageModel([a_model("a", first), a_model("b", hedge)], Hand(), hedge_ms=5)
    assert await said(llm) == ["First"]
    assert (hedge.begun, hedge.closed) == (1, 1)


async def test_one_hedge_is_enough_but_a_failed_one_is_replaced() -> None:
    stalled = Model(stall=True)
    failing = Model(end=ProviderUnavailable("b", "down"), wait_ms=5)
    third = Model(["Third"])
    models = [a_model("a", stalled), a_model("b", failing), a_model("c", third)]
    llm = FallbackLanguageModel(models, Hand(), hedge_ms=5)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.4):
            await said(llm)
    assert (failing.begun, third.begun) == (1, 0), "two at once, not three"
    budgeted = a_model("a", BudgetedLanguageModel(stalled, "a", first_ms=30))
    llm = FallbackLanguageModel([budgeted, *models[1:]], Hand(), hedge_ms=5)
    assert await said(llm) == ["Third"]
    assert stalled.begun == stalled.closed


class Gated:
    """Yields when the gate opens; counts how often it began and ended."""

    def __init__(self, gate: asyncio.Event) -> None:
        self.begun = asyncio.Event()
        self.closed = False
        self._gate = gate

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[ReplyDelta]:
        self.begun.set()
        try:
            await self._gate.wait()
            yield "Yes"
        finally:
            self.closed = True


@pytest.mark.parametrize("cancelled", [False, True])
async def test_of_two_that_answer_at_once_one_is_taken_and_both_are_closed(cancelled: bool) -> None:
    gate = asyncio.Event()
    gated = [Gated(gate), Gated(gate)]
    models = [a_model(name, model) for name, model in zip("ab", gated, strict=True)]
    llm = FallbackLanguageModel(models, Hand(), hedge_ms=1)
    async with asyncio.timeout(HANG_S), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(said(llm))
        for model in gated:
            await model.begun.wait()
        gate.set()
        if cancelled:
            task.cancel()
    assert task.cancelled() if cancelled else task.result() == ["Yes"]
    assert [model.closed for model in gated] == [True, True]
    assert [health(model) for model in models] == [(0 if cancelled else 1, 0), (0, 0)]


async def test_a_bug_in_a_provider_is_not_hidden() -> None:
    class Buggy:
        async def reply(
            self, messages: Sequence[Message], tools: Sequence[Tool] = ()
        ) -> AsyncGenerator[ReplyDelta]:
            raise LookupError("bug")
            yield ""

    for hedge_ms, kind in ((None, LookupError), (1, ExceptionGroup)):
        models = [a_model("a", Buggy()), a_model("b", Model(["No"]))]
        with pytest.raises(kind):
            await said(FallbackLanguageModel(models, Hand(), hedge_ms=hedge_ms))


async def test_the_model_that_would_be_asked_reads_ahead() -> None:
    first, second = ScriptedLanguageModel("A"), ScriptedLanguageModel("B")
    models = [a_model("a", first, failures=1), a_model("b", second), a_model("c", Model())]
    clock = Hand()
    llm = FallbackLanguageModel(models, clock)
    assert isinstance(llm, Prefilling)
    await llm.prefill(MESSAGES)
    for model in models[:2]:
        ticket = model.breaker.admit(0)
        assert ticket is not None
        model.breaker.failed(ticket, 0, ProviderRefused("x", "bad key"))
        await llm.prefill(MESSAGES)
    assert (first.prefills, second.prefills) == (1, 1)


def test_nobody_is_no_fallback() -> None:
    with pytest.raises(ValueError, match="at least one"):
        FallbackLanguageModel([], Hand())
