"""Providers that stall, drip and dawdle, and the budgets that notice."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

import pytest

from tests.pipelines.providers.heard import Heard
from voice_codecs.pcm import MULAW_8K
from voice_pipelines.conversation.commands import Message
from voice_pipelines.errors import ProviderError, ProviderTimeout, ProviderUnavailable
from voice_pipelines.ports import (
    Hypothesis,
    LanguageModel,
    Prefilling,
    ReplyDelta,
    SpeechChunk,
    SpeechToText,
    TextToSpeech,
    Tool,
    ToolCall,
    Usage,
)
from voice_pipelines.providers.budget import (
    BudgetedLanguageModel,
    BudgetedSpeechToText,
    BudgetedTextToSpeech,
    useful_delta,
)
from voice_pipelines.providers.scripted import (
    Fault,
    Outcome,
    ScriptedLanguageModel,
    ScriptedSpeechToText,
    ScriptedTextToSpeech,
)

MESSAGES = (Message("user", "Hello?"),)
HANG_S = 10
SOON_MS = 30
NEVER_MS = 60_000


class Dripping:
    """A model that says what it is given, every 10 ms; it knows whether it was closed."""

    def __init__(self, parts: Sequence[ReplyDelta], *, for_ever: bool = False) -> None:
        self.closed = False
        self._parts = parts
        self._for_ever = for_ever

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[ReplyDelta]:
        try:
            while True:
                for part in self._parts:
                    await asyncio.sleep(0.01)
                    yield part
                if not self._for_ever:
                    return
        finally:
            self.closed = True


class Awkward:
    """A model whose iterator cannot be closed, and which lets a TimeoutError of its own out."""

    def reply(
        self, messages: Sequence[Message], tools: Sequence[Tool] = ()
    ) -> AsyncIterator[ReplyDelta]:
        return self

    def __aiter__(self) -> AsyncIterator[ReplyDelta]:
        return self

    async def __anext__(self) -> ReplyDelta:
        raise TimeoutError


async def said(model: LanguageModel) -> tuple[list[ReplyDelta], ProviderError | None]:
    parts: list[ReplyDelta] = []
    try:
        async with asyncio.timeout(HANG_S):
            async for part in model.reply(MESSAGES):
                parts.append(part)
    except ProviderError as error:
        return parts, error
    return parts, None


async def spoken(tts: TextToSpeech) -> tuple[int, ProviderError | None]:
    size = 0
    try:
        async with asyncio.timeout(HANG_S):
            async for chunk in tts.speak("Hello."):
                size += len(chunk.audio)
    except ProviderError as error:
        return size, error
    return size, None


# Language


async def test_a_reply_in_time_passes_as_it_is() -> None:
    model = BudgetedLanguageModel(ScriptedLanguageModel("Yes, we are.", tokens_per_s=1000), "m")
    assert await said(model) == (["Yes,", " we", " are."], None)


async def test_an_empty_reply_is_an_answer() -> None:
    assert await said(BudgetedLanguageModel(ScriptedLanguageModel([""]), "m")) == ([""], None)
    assert await said(BudgetedLanguageModel(Dripping([]), "m")) == ([], None)


@pytest.mark.parametrize("outcome", [Outcome.STALL, Outcome.STALL_MIDWAY])
async def test_a_stall_is_a_timeout(outcome: Outcome) -> None:
    midway = outcome is Outcome.STALL_MIDWAY
    model = BudgetedLanguageModel(
        ScriptedLanguageModel([["Yes.", " No."]], faults={0: Fault(outcome)}),
        "m",
        first_ms=NEVER_MS if midway else SOON_MS,
        stall_ms=SOON_MS if midway else NEVER_MS,
    )
    parts, error = await said(model)
    assert parts == (["Yes."] if midway else [])
    assert isinstance(error, ProviderTimeout)
    assert error.provider == "m"


@pytest.mark.parametrize("start", [[], ["Well"]])
async def test_white_space_is_no_progress(start: list[ReplyDelta]) -> None:
    dripping = Dripping([" ", "\n"], for_ever=True)

    class Model:
        async def reply(
            self, messages: Sequence[Message], tools: Sequence[Tool] = ()
        ) -> AsyncGenerator[ReplyDelta]:
            for part in start:
                yield part
            async with aclosing(dripping.reply(messages)) as parts:
                async for drop in parts:
                    yield drop

    parts, error = await said(BudgetedLanguageModel(Model(), "m", first_ms=100, stall_ms=100))
    assert isinstance(error, ProviderTimeout)
    assert "".join(str(part) for part in parts).strip() == "".join(str(part) for part in start)
    assert dripping.closed


async def test_a_failure_is_passed_on() -> None:
    scripted = ScriptedLanguageModel("Yes.", faults={0: Fault(Outcome.FAIL)})
    _, error = await said(BudgetedLanguageModel(scripted, "m"))
    assert type(error) is ProviderUnavailable


async def test_only_waiting_for_the_provider_uses_up_the_budget() -> None:
    model = BudgetedLanguageModel(
        ScriptedLanguageModel([["One.", " Two."]]), "m", first_ms=NEVER_MS, stall_ms=20
    )
    parts = []
    async for part in model.reply(MESSAGES):
        parts.append(part)
        await asyncio.sleep(0.05)
    assert parts == ["One.", " Two."]


async def test_closing_it_closes_the_model() -> None:
    dripping = Dripping(["One."], for_ever=True)
    async with aclosing(BudgetedLanguageModel(dripping, "m").reply(MESSAGES)) as parts:
        assert await anext(parts) == "One."
        assert not dripping.closed
    assert dripping.closed


async def test_cancelling_it_cancels_the_model() -> None:
    dripping = Dripping(["One."], for_ever=True)
    model = BudgetedLanguageModel(dripping, "m")
    async with asyncio.timeout(HANG_S), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(said(model))
        await asyncio.sleep(0.03)
        task.cancel()
    assert task.cancelled()
    assert dripping.closed


async def test_a_timeout_that_is_not_ours_is_a_bug() -> None:
    with pytest.raises(TimeoutError):
        await said(BudgetedLanguageModel(Awkward(), "m"))


async def test_reading_ahead_is_passed_on_where_the_model_can() -> None:
    scripted = ScriptedLanguageModel("Yes.")
    model = BudgetedLanguageModel(scripted, "m")
    assert isinstance(model, Prefilling)
    await model.prefill(MESSAGES)
    assert scripted.prefills == 1
    await BudgetedLanguageModel(Dripping([]), "m").prefill(MESSAGES)


# Text to speech


async def test_speech_in_time_passes_as_it_is() -> None:
    tts = BudgetedTextToSpeech(ScriptedTextToSpeech(MULAW_8K, audio_ms=100), "t")
    assert tts.format == MULAW_8K
    assert await spoken(tts) == (800, None)


@pytest.mark.parametrize("outcome", [Outcome.STALL, Outcome.STALL_MIDWAY])
async def test_speech_that_stalls_is_a_timeout(outcome: Outcome) -> None:
    midway = outcome is Outcome.STALL_MIDWAY
    tts = BudgetedTextToSpeech(
        ScriptedTextToSpeech(audio_ms=100, faults={0: Fault(outcome)}),
        "t",
        first_ms=NEVER_MS if midway else SOON_MS,
        stall_ms=SOON_MS if midway else NEVER_MS,
    )
    size, error = await spoken(tts)
    assert size == (400 if midway else 0)
    assert isinstance(error, ProviderTimeout)


async def test_chunks_without_audio_are_no_progress() -> None:
    class Voice:
        format = MULAW_8K

        async def speak(self, text: str) -> AsyncGenerator[SpeechChunk]:
            while True:
                await asyncio.sleep(0.01)
                yield SpeechChunk(b"")

    size, error = await spoken(BudgetedTextToSpeech(Voice(), "t", first_ms=50))
    assert size == 0
    assert isinstance(error, ProviderTimeout)


# Speech to text


def ears(*faults: Outcome | None, settle_ms: int = NEVER_MS, delay_ms: int = 0) -> SpeechToText:
    plan = {n: Fault(outcome) for n, outcome in enumerate(faults) if outcome is not None}
    stt = ScriptedSpeechToText(["one", "two"], faults=plan, settle_delay_ms=delay_ms)
    return BudgetedSpeechToText(stt, "s", settle_ms=settle_ms)


async def test_answers_in_time_pass() -> None:
    heard = Heard()
    stt = ears()
    assert stt.format == MULAW_8K
    async with stt.listen(heard) as ear:
        for request, text in enumerate(["one", "two"]):
            ear.voiced(True)
            ear.feed(b"\xff" * 160)
            ear.voiced(False)
            ear.settle(request)
            assert await heard.next() == Hypothesis(text, request)
            ear.reset()


async def test_an_unanswered_request_is_reported_once() -> None:
    heard = Heard()
    async with ears(Outcome.STALL, settle_ms=SOON_MS).listen(heard) as ear:
        ear.feed(b"\xff")
        ear.settle(0)
        error = await heard.next()
        assert isinstance(error, ProviderTimeout)
        assert error.provider == "s"
        ear.settle(1)
        assert await heard.next() == Hypothesis("one", 1)
        await asyncio.sleep(2 * SOON_MS / 1000)
    assert heard.results.empty()


async def test_an_answer_that_comes_too_late_is_dropped() -> None:
    heard = Heard()
    async with ears(settle_ms=SOON_MS, delay_ms=4 * SOON_MS).listen(heard) as ear:
        ear.feed(b"\xff")
        ear.settle(0)
        assert isinstance(await heard.next(), ProviderTimeout)
        await asyncio.sleep(6 * SOON_MS / 1000)
    assert heard.results.empty()


@pytest.mark.parametrize("how", ["settle", "reset", "close"])
async def test_nobody_waits_for_what_was_overtaken(how: str) -> None:
    heard = Heard()
    async with ears(Outcome.STALL, settle_ms=100).listen(heard) as ear:
        ear.settle(0)
        if how == "settle":
            ear.settle(1)
            assert await heard.next() == Hypothesis("", 1)
        elif how == "reset":
            ear.reset()
        if how != "close":
            await asyncio.sleep(0.15)
    await asyncio.sleep(0.15)
    assert heard.results.empty()


async def test_a_reported_failure_is_the_answer() -> None:
    heard = Heard()
    async with ears(Outcome.FAIL, settle_ms=SOON_MS).listen(heard) as ear:
        ear.settle(0)
        assert type(await heard.next()) is ProviderUnavailable
        await asyncio.sleep(2 * SOON_MS / 1000)
    assert heard.results.empty()


def test_what_an_answer_costs_is_no_progress() -> None:
    assert not useful_delta(Usage(100, 0, 1))
    assert useful_delta(ToolCall("book", "{}"))
