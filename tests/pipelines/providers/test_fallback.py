"""Several providers as one, of which some fail, stall or are slow."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import pytest

from tests.pipelines.providers.heard import Heard
from voice_codecs.pcm import MULAW_8K, PCM16_8K, PCM16_16K, AudioFormat
from voice_pipelines.conversation.commands import Message
from voice_pipelines.errors import (
    ProviderBusy,
    ProviderError,
    ProviderGarbled,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from voice_pipelines.ports import (
    Hypothesis,
    HypothesisSink,
    LanguageModel,
    Prefilling,
    Recognizer,
    ReplyDelta,
    SpeechChunk,
    SpeechToText,
    TextToSpeech,
    Tool,
    ToolCall,
)
from voice_pipelines.providers.breaker import Breaker, State
from voice_pipelines.providers.budget import BudgetedLanguageModel, BudgetedSpeechToText
from voice_pipelines.providers.fallback.candidate import Candidate
from voice_pipelines.providers.fallback.language import FallbackLanguageModel
from voice_pipelines.providers.fallback.recognition import FallbackSpeechToText
from voice_pipelines.providers.fallback.speech import FallbackTextToSpeech
from voice_pipelines.providers.health import Health
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
ALWAYS = range(50)


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.ms = 0

    def now(self) -> int:
        return self.ms


def faults(outcome: Outcome | None, requests: Sequence[int] = ALWAYS) -> dict[int, Fault]:
    return {} if outcome is None else {number: Fault(outcome) for number in requests}


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
    breaker = Breaker(failures=failures, rest_ms=1_000)
    return Candidate(name, model, breaker, Health(name, breaker))


def health(candidate: Candidate[object]) -> tuple[int, int]:
    """(requests that went well, that failed)."""
    assert isinstance(candidate.health, Health)
    seen = candidate.health.snapshot(0)
    return seen.ok, seen.failed


async def said(model: LanguageModel) -> list[ReplyDelta]:
    async with asyncio.timeout(HANG_S):
        return [part async for part in model.reply(MESSAGES)]


HEDGES = pytest.mark.parametrize("hedge_ms", [None, 60_000])

# Language


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


# Text to speech


def a_voice(name: str, tts: TextToSpeech) -> Candidate[TextToSpeech]:
    breaker = Breaker(failures=2, rest_ms=1_000)
    return Candidate(name, tts, breaker, Health(name, breaker))


def voice(
    outcome: Outcome | None = None, audio_format: AudioFormat = MULAW_8K, audio_ms: int = 100
) -> ScriptedTextToSpeech:
    return ScriptedTextToSpeech(
        audio_format, audio_ms=audio_ms, word_timings=True, faults=faults(outcome)
    )


async def spoken(tts: TextToSpeech, text: str = "Hello there.") -> list[SpeechChunk]:
    async with asyncio.timeout(HANG_S):
        return [chunk async for chunk in tts.speak(text)]


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.GARBAGE])
async def test_the_next_voice_speaks(outcome: Outcome) -> None:
    broken = voice(outcome)
    voices = [a_voice("a", broken), a_voice("b", voice())]
    tts = FallbackTextToSpeech(voices, Hand())
    for _ in range(4):
        assert await spoken(tts) == await spoken(voice())
    assert broken.requests == 2
    assert [health(candidate) for candidate in voices] == [(0, 2), (4, 0)]


async def test_after_the_first_audio_the_error_is_passed_on() -> None:
    other = voice()
    voices = [a_voice("a", voice(Outcome.FAIL_MIDWAY)), a_voice("b", other)]
    tts = FallbackTextToSpeech(voices, Hand())
    for _ in range(2):
        size = 0
        with pytest.raises(ProviderUnavailable):
            async for chunk in tts.speak("Hello."):
                size += len(chunk.audio)
        assert size == 400
    assert other.requests == 0
    assert len((await spoken(tts))[0].audio) == 800, "by then the breaker is open"


@pytest.mark.parametrize("source", [PCM16_16K, PCM16_8K, MULAW_8K])
async def test_all_speak_in_the_format_of_the_first(source: AudioFormat) -> None:
    voices = [a_voice("a", voice(Outcome.FAIL)), a_voice("b", voice(None, source))]
    tts = FallbackTextToSpeech(voices, Hand())
    assert tts.format == MULAW_8K
    chunks = await spoken(tts)
    assert sum(len(chunk.audio) for chunk in chunks) == 800
    words = [word for chunk in chunks for word in chunk.words]
    assert words == [("Hello", 333), (" there.", 800)]


class Mute:
    format = MULAW_8K

    async def speak(self, text: str) -> AsyncGenerator[SpeechChunk]:
        yield SpeechChunk(b"")


@pytest.mark.parametrize(("text", "size"), [("Hello.", 800), ("...", 0)])
async def test_no_audio_for_words_is_for_the_next_to_say(text: str, size: int) -> None:
    voices = [a_voice("a", Mute()), a_voice("b", voice())]
    tts = FallbackTextToSpeech(voices, Hand())
    for _ in range(4):
        assert sum(len(chunk.audio) for chunk in await spoken(tts, text)) == size
    assert voices[0].breaker.state(0) is State.CLOSED
    assert health(voices[0]) == (0, 0)


async def test_when_nobody_speaks_it_is_silent_or_says_why() -> None:
    assert await spoken(FallbackTextToSpeech([a_voice("a", Mute())], Hand())) == []
    voices = [a_voice("a", voice(Outcome.GARBAGE)), a_voice("b", Mute())]
    with pytest.raises(ProviderGarbled):
        await spoken(FallbackTextToSpeech(voices, Hand()))


async def test_closing_the_speech_closes_the_provider() -> None:
    closed = asyncio.Event()

    class Endless:
        format = PCM16_16K

        async def speak(self, text: str) -> AsyncGenerator[SpeechChunk]:
            try:
                while True:
                    yield SpeechChunk(bytes(640))
            finally:
                closed.set()

    voices = [a_voice("a", voice(Outcome.FAIL)), a_voice("b", Endless())]
    async with aclosing(FallbackTextToSpeech(voices, Hand()).speak("Hello.")) as chunks:
        await anext(chunks)
        assert not closed.is_set()
    assert closed.is_set()


# Speech to text


class Recording:
    """A recognizer that writes down what it is told, and reports what the test says."""

    def __init__(
        self,
        audio_format: AudioFormat = MULAW_8K,
        opens: bool | None = True,
        fails_to_close: bool = False,
    ) -> None:
        self.format = audio_format
        self.log: list[object] = []
        self.opened = asyncio.Event()
        self.open_ears = 0
        self.report: HypothesisSink
        self._opens = opens
        self._fails_to_close = fails_to_close

    @asynccontextmanager
    async def listen(self, report: HypothesisSink) -> AsyncIterator[Recognizer]:
        self.log.append("open")
        if self._opens is None:
            await asyncio.sleep(HANG_S)
        if not self._opens:
            raise ProviderUnavailable("recording", "no connection")
        self.report = report
        self.open_ears += 1
        self.opened.set()
        try:
            yield self
        finally:
            self.open_ears -= 1
            if self._fails_to_close:
                raise ProviderUnavailable("recording", "no good-bye")

    def feed(self, audio: bytes) -> None:
        self.log.append(audio)

    def voiced(self, speaking: bool) -> None:
        self.log.append(speaking)

    def settle(self, request: int) -> None:
        self.log.append(("settle", request))

    def reset(self) -> None:
        self.log.append("reset")


def an_ear(name: str, stt: SpeechToText, failures: int = 2) -> Candidate[SpeechToText]:
    breaker = Breaker(failures=failures, rest_ms=1_000)
    return Candidate(name, stt, breaker, Health(name, breaker))


DOWN = ProviderUnavailable("a", "down")


async def test_answers_of_the_first_pass_while_it_serves() -> None:
    heard = Heard()
    ears = [an_ear("a", ScriptedSpeechToText(["one", "two"])), an_ear("b", Recording())]
    stt = FallbackSpeechToText(ears, Hand())
    assert stt.format == MULAW_8K
    async with stt.listen(heard) as ear:
        for request, text in enumerate(["one", "two"]):
            ear.feed(b"\xff" * 160)
            ear.settle(request)
            assert await heard.next() == Hypothesis(text, request)
            ear.reset()
    assert [health(candidate) for candidate in ears] == [(2, 0), (0, 0)]


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.GARBAGE, Outcome.STALL])
async def test_the_next_answers_in_place_of_one_that_fails(outcome: Outcome) -> None:
    heard = Heard()
    broken = ScriptedSpeechToText("never", faults=faults(outcome))
    budgeted = BudgetedSpeechToText(broken, "a", settle_ms=SOON_MS)
    ears = [an_ear("a", budgeted), an_ear("b", ScriptedSpeechToText("yes"))]
    stt = FallbackSpeechToText(ears, Hand())
    for call in range(3):
        async with stt.listen(heard) as ear:
            ear.feed(b"\xff" * 160)
            ear.settle(7)
            assert await heard.next() == Hypothesis("yes", 7)
            ear.settle(8)
            assert await heard.next() == Hypothesis("yes", 8)
        assert broken.requests == min(call + 1, 2), "a call stays with whom it went to"
    assert heard.results.empty()
    assert [health(candidate) for candidate in ears] == [(0, 2), (6, 0)]


async def test_the_next_hears_the_utterance_again() -> None:
    heard = Heard()
    first, second = Recording(), Recording()
    stt = FallbackSpeechToText([an_ear("a", first), an_ear("b", second)], Hand())
    async with asyncio.timeout(HANG_S), stt.listen(heard) as ear:
        ear.feed(b"early")
        await first.opened.wait()
        ear.feed(b"turn one")
        ear.reset()
        for step in (b"pre", True, b"words", False, b"pause"):
            ear.voiced(step) if isinstance(step, bool) else ear.feed(step)
        ear.settle(3)
        first.report(DOWN)
        ear.feed(b"meanwhile")
        await second.opened.wait()
        await asyncio.sleep(0)
        first.report(Hypothesis("too late", 3))
        second.report(Hypothesis("words", 3))
        assert await heard.next() == Hypothesis("words", 3)
        assert first.open_ears == 0
    words = [b"pre", True, b"words", False, b"pause"]
    assert first.log == ["open", b"early", b"turn one", "reset", *words, ("settle", 3)]
    assert second.log == ["open", *words, b"meanwhile", ("settle", 3)]
    assert second.open_ears == 0
    assert heard.results.empty()


async def test_what_is_kept_is_bounded_and_begins_as_it_was() -> None:
    first, second = Recording(), Recording(PCM16_8K)
    ears = [an_ear("a", first), an_ear("b", second)]
    stt = FallbackSpeechToText(ears, Hand(), keep_ms=100)
    async with asyncio.timeout(HANG_S), stt.listen(Heard()) as ear:
        await first.opened.wait()
        ear.voiced(True)
        for _ in range(50):
            ear.feed(b"\xff" * 160)
        first.report(DOWN)
        await second.opened.wait()
        await asyncio.sleep(0)
    assert second.log == ["open", True, *[bytes(320)] * 5]


@pytest.mark.parametrize("opens", [False, None])
async def test_one_that_does_not_open_is_passed_over(opens: bool | None) -> None:
    heard = Heard()
    closed = Recording(opens=opens)
    ears = [an_ear("a", closed), an_ear("b", ScriptedSpeechToText("yes"))]
    async with FallbackSpeechToText(ears, Hand(), open_ms=SOON_MS).listen(heard) as ear:
        ear.feed(b"\xff")
        ear.settle(0)
        assert await heard.next() == Hypothesis("yes", 0)
    assert closed.log == ["open"]
    assert health(ears[0]) == (0, 1)


async def test_leaving_does_not_wait_for_one_that_opens() -> None:
    async with asyncio.timeout(HANG_S / 2):
        stt = FallbackSpeechToText([an_ear("a", Recording(opens=None))], Hand(), open_ms=60_000)
        async with stt.listen(Heard()):
            await asyncio.sleep(0.01)


async def test_when_all_fail_it_is_reported_once_and_tried_again_when_asked() -> None:
    heard = Heard()
    clock = Hand()
    first = ScriptedSpeechToText("one", faults=faults(Outcome.FAIL, [0]))
    second = ScriptedSpeechToText("two", faults=faults(Outcome.GARBAGE, [0]))
    ears = [an_ear("a", first), an_ear("b", second)]
    async with FallbackSpeechToText(ears, clock).listen(heard) as ear:
        ear.feed(b"\xff")
        ear.settle(0)
        assert type(await heard.next()) is ProviderGarbled
        ear.settle(1)
        assert await heard.next() == Hypothesis("one", 1)
    assert heard.results.empty()


async def test_when_all_are_left_alone_it_says_for_how_long() -> None:
    heard = Heard()
    clock = Hand()
    broken = ScriptedSpeechToText("yes", faults=faults(Outcome.FAIL, [0]))
    async with FallbackSpeechToText([an_ear("a", broken, 1)], clock).listen(heard) as ear:
        ear.feed(b"\xff")
        ear.settle(0)
        assert type(await heard.next()) is ProviderUnavailable
        clock.ms = 400
        ear.settle(1)
        assert heard.results.empty(), "not inside the question"
        busy = await heard.next()
        assert isinstance(busy, ProviderBusy)
        assert busy.retry_after_ms == 600
        ear.settle(2)
        ear.reset()
        await asyncio.sleep(0.01)
        assert heard.results.empty(), "nobody asks any more"
        clock.ms = 1_000
        ear.feed(b"\xff")
        ear.voiced(True)
        ear.settle(3)
        assert await heard.next() == Hypothesis("yes", 3)


async def test_an_ear_that_dies_unasked_is_replaced_in_silence() -> None:
    heard = Heard()
    first, second = Recording(fails_to_close=True), Recording()
    ears = [an_ear("a", first), an_ear("b", second)]
    async with asyncio.timeout(HANG_S), FallbackSpeechToText(ears, Hand()).listen(heard) as ear:
        await first.opened.wait()
        ear.feed(b"")
        first.report(DOWN)
        await second.opened.wait()
        second.report(Hypothesis("hm", None))
        assert await heard.next() == Hypothesis("hm", None)
        second.report(DOWN)
        assert second.log == ["open"]
        first.opened.clear()
        ear.voiced(True)
        await first.opened.wait()
        await asyncio.sleep(0)
        assert first.log == ["open", b"", "open", True]
    assert heard.results.empty()
    assert [health(candidate) for candidate in ears] == [(0, 1), (0, 1)]


async def test_one_that_others_found_ill_is_left_before_it_is_asked() -> None:
    heard = Heard()
    first = Recording()
    ears = [an_ear("a", first, 1), an_ear("b", ScriptedSpeechToText("yes"))]
    async with asyncio.timeout(HANG_S), FallbackSpeechToText(ears, Hand()).listen(heard) as ear:
        await first.opened.wait()
        ear.feed(b"\xff")
        ticket = ears[0].breaker.admit(0)
        assert ticket is not None
        ears[0].breaker.failed(ticket, 0, ProviderTimeout("a", "slow"))
        ear.settle(0)
        assert await heard.next() == Hypothesis("yes", 0)
    assert first.log == ["open", b"\xff"]


async def test_hearing_nothing_counts_for_nothing() -> None:
    heard = Heard()
    ears = [an_ear("a", ScriptedSpeechToText("yes"))]
    async with FallbackSpeechToText(ears, Hand()).listen(heard) as ear:
        ear.settle(0)
        assert await heard.next() == Hypothesis("", 0)
    assert health(ears[0]) == (0, 0)


async def test_what_goes_wrong_around_an_ear_comes_out_as_it_is() -> None:
    with pytest.raises(LookupError):
        async with FallbackSpeechToText([an_ear("a", Recording())], Hand()).listen(Heard()):
            raise LookupError
