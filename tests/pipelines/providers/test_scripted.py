"""The providers that follow a script: what they say, when, and how they fail when told to."""

import asyncio
from contextlib import aclosing

import pytest

from tests.pipelines.providers.heard import Heard
from voice_codecs.g711 import decode
from voice_codecs.level import rms_dbfs
from voice_codecs.pcm import MULAW_8K, PCM16_16K
from voice_pipelines.conversation.commands import Message
from voice_pipelines.errors import ProviderError, ProviderGarbled, ProviderUnavailable
from voice_pipelines.ports import (
    Hypothesis,
    LanguageModel,
    Prefilling,
    ReplyDelta,
    SpeechChunk,
    SpeechToText,
    TextToSpeech,
    ToolCall,
)
from voice_pipelines.providers.scripted import (
    Fault,
    Outcome,
    ScriptedLanguageModel,
    ScriptedSpeechToText,
    ScriptedTextToSpeech,
)

HANG_S = 10
ERRORS = [
    (Outcome.FAIL, ProviderUnavailable),
    (Outcome.GARBAGE, ProviderGarbled),
    (Outcome.FAIL_MIDWAY, ProviderUnavailable),
]
STALLS = [Outcome.STALL, Outcome.STALL_MIDWAY]


def history(*texts: str) -> tuple[Message, ...]:
    """A system prompt, then user and assistant in turn."""
    lines = (Message("assistant" if n % 2 else "user", text) for n, text in enumerate(texts))
    return (Message("system", "Be brief."), *lines)


async def test_they_satisfy_the_ports() -> None:
    stt: SpeechToText = ScriptedSpeechToText("yes")
    llm: LanguageModel = ScriptedLanguageModel("yes")
    tts: TextToSpeech = ScriptedTextToSpeech()
    assert stt.format == tts.format == MULAW_8K
    assert isinstance(llm, Prefilling)


# Speech to text


async def test_each_utterance_has_its_text_and_then_they_begin_again() -> None:
    heard = Heard()
    async with ScriptedSpeechToText(["one", "two"]).listen(heard) as ear:
        for request, text in enumerate(["one", "two", "one"]):
            ear.feed(b"\xff" * 160)
            ear.settle(request)
            assert heard.results.empty(), "the answer must not arrive inside the question"
            assert await heard.next() == Hypothesis(text, request)
            ear.reset()


async def test_settling_twice_hears_the_same_and_silence_hears_nothing() -> None:
    heard = Heard()
    async with ScriptedSpeechToText(["one", "two"]).listen(heard) as ear:
        ear.settle(0)
        assert await heard.next() == Hypothesis("", 0)
        ear.reset()
        ear.feed(b"\xff")
        for request in (1, 2):
            ear.settle(request)
            assert await heard.next() == Hypothesis("one", request)


async def test_legs_are_apart() -> None:
    stt = ScriptedSpeechToText(["one", "two"])
    mine, theirs = Heard(), Heard()
    async with stt.listen(mine) as my_ear, stt.listen(theirs) as their_ear:
        for ear in (my_ear, their_ear):
            ear.feed(b"\xff")
            ear.settle(0)
        assert await mine.next() == await theirs.next() == Hypothesis("one", 0)
    assert stt.requests == 2


async def test_a_newer_request_replaces_a_delayed_one() -> None:
    heard = Heard()
    async with ScriptedSpeechToText("yes", settle_delay_ms=5).listen(heard) as ear:
        ear.feed(b"\xff")
        ear.settle(0)
        ear.settle(1)
        assert await heard.next() == Hypothesis("yes", 1)
        await asyncio.sleep(0.01)
    assert heard.results.empty()


async def test_interims_grow_while_the_leg_is_voiced() -> None:
    heard = Heard()
    async with ScriptedSpeechToText("a table please", interim_delay_ms=1).listen(heard) as ear:
        ear.feed(b"\xff")
        ear.voiced(True)
        for text in ("a", "a table", "a table please"):
            assert await heard.next() == Hypothesis(text, None)
        ear.voiced(False)
        ear.reset()
        ear.voiced(True)
        assert await heard.next() == Hypothesis("a", None)
        ear.voiced(False)
        await asyncio.sleep(0.01)
    assert heard.results.empty()


async def test_a_closed_ear_is_silent() -> None:
    heard = Heard()
    async with ScriptedSpeechToText("yes", interim_delay_ms=1).listen(heard) as ear:
        ear.feed(b"\xff")
        ear.voiced(True)
        ear.settle(0)
    await asyncio.sleep(0.01)
    assert heard.results.empty()


@pytest.mark.parametrize(("outcome", "error"), ERRORS)
async def test_recognition_fails_where_it_is_told_to(
    outcome: Outcome, error: type[ProviderError]
) -> None:
    heard = Heard()
    stt = ScriptedSpeechToText("yes", faults={1: Fault(outcome)})
    async with stt.listen(heard) as ear:
        ear.feed(b"\xff")
        for request in range(3):
            ear.settle(request)
            assert type(await heard.next()) is (error if request == 1 else Hypothesis)


async def test_recognition_may_stall_or_stop_midway() -> None:
    heard = Heard()
    faults = {0: Fault(Outcome.STALL), 1: Fault(Outcome.STALL_MIDWAY)}
    async with ScriptedSpeechToText("for four people please", faults=faults).listen(heard) as ear:
        ear.feed(b"\xff")
        ear.settle(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert heard.results.empty()
        ear.settle(1)
        assert await heard.next() == Hypothesis("for four", 1)


# Language


async def said(model: ScriptedLanguageModel, *texts: str) -> list[ReplyDelta]:
    return [delta async for delta in model.reply(history(*texts))]


async def test_the_history_tells_which_reply_is_due() -> None:
    model = ScriptedLanguageModel(["One.", "Two."])
    assert await said(model, "a") == ["One."]
    assert await said(model, "a") == ["One."], "asked again, answered alike"
    assert await said(model, "a", "One.", "b") == ["Two."]
    assert await said(model, "a", "One.", "b", "Two.", "c") == ["One."]
    assert model.requests == 4
    assert model.last_messages == history("a", "One.", "b", "Two.", "c")


async def test_a_single_text_is_every_reply() -> None:
    model = ScriptedLanguageModel("Yes.")
    assert await said(model, "a") == await said(model, "a", "Yes.", "b") == ["Yes."]


async def test_tool_calls_come_in_their_place() -> None:
    parts: list[ReplyDelta] = ["Goodbye.", ToolCall("hang_up", "{}")]
    assert await said(ScriptedLanguageModel([parts]), "bye") == parts


async def test_a_pace_cuts_the_text_into_words() -> None:
    model = ScriptedLanguageModel("We are  open.", tokens_per_s=1000, first_token_ms=1)
    assert await said(model, "a") == ["We", " are", "  open."]


async def test_prefill_is_counted() -> None:
    model = ScriptedLanguageModel("Yes.")
    await model.prefill(history("half a"))
    assert (model.prefills, model.requests) == (1, 0)


@pytest.mark.parametrize(("outcome", "error"), ERRORS)
async def test_the_model_fails_where_it_is_told_to(
    outcome: Outcome, error: type[ProviderError]
) -> None:
    model = ScriptedLanguageModel("Yes.", faults={0: Fault(outcome, reason="why not")})
    with pytest.raises(error, match="why not"):
        await said(model, "a")
    assert await said(model, "a") == ["Yes."]


async def test_half_of_a_reply_and_then_an_error() -> None:
    fault = Fault(Outcome.FAIL_MIDWAY)
    model = ScriptedLanguageModel("a b c d", tokens_per_s=10_000, faults={0: fault})
    heard: list[ReplyDelta] = []
    with pytest.raises(ProviderUnavailable):
        async for delta in model.reply(history("a")):
            heard.append(delta)
    assert heard == ["a", " b"]


@pytest.mark.parametrize("outcome", STALLS)
async def test_a_stalled_model_says_nothing_and_can_be_cancelled(outcome: Outcome) -> None:
    model = ScriptedLanguageModel("Yes.", faults={0: Fault(outcome)})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await said(model, "a")


# Text to speech


async def spoken(tts: ScriptedTextToSpeech, text: str) -> list[SpeechChunk]:
    return [chunk async for chunk in tts.speak(text)]


async def test_speech_lasts_as_long_as_it_is_told_to() -> None:
    fixed = ScriptedTextToSpeech(audio_ms=250)
    (chunk,) = await spoken(fixed, "Hello")
    (again,) = await spoken(fixed, "Something else altogether")
    assert MULAW_8K.duration_ms(chunk.audio) == 250
    assert again.audio is chunk.audio, "cut once"
    (by_length,) = await spoken(ScriptedTextToSpeech(PCM16_16K, ms_per_character=100), "Hi" * 20)
    assert PCM16_16K.duration_ms(by_length.audio) == 4000
    assert await spoken(fixed, "") == []


async def test_it_is_a_tone_that_can_be_heard() -> None:
    (chunk,) = await spoken(ScriptedTextToSpeech(audio_ms=1500), "Hello")
    assert -18 < rms_dbfs(decode(chunk.audio, MULAW_8K.encoding)) < -12


async def test_word_timings_end_with_the_audio() -> None:
    tts = ScriptedTextToSpeech(ms_per_character=10, word_timings=True)
    (chunk,) = await spoken(tts, "We are open.")
    assert chunk.words == (("We", 160), (" are", 480), (" open.", 960))
    assert MULAW_8K.samples(chunk.audio) == 960


@pytest.mark.parametrize(("outcome", "error"), ERRORS)
async def test_speech_fails_where_it_is_told_to(
    outcome: Outcome, error: type[ProviderError]
) -> None:
    tts = ScriptedTextToSpeech(audio_ms=100, faults={0: Fault(outcome)})
    with pytest.raises(error):
        await spoken(tts, "Hello")
    assert len(await spoken(tts, "Hello")) == 1
    assert tts.requests == 2


async def test_speech_may_stop_midway() -> None:
    fault = Fault(Outcome.STALL_MIDWAY)
    tts = ScriptedTextToSpeech(audio_ms=100, word_timings=True, faults={0: fault})
    async with aclosing(tts.speak("Yes indeed")) as chunks:
        chunk = await anext(chunks)
        assert MULAW_8K.duration_ms(chunk.audio) == 50
        assert [word for word, _ in chunk.words] == ["Yes"]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await anext(chunks)


async def test_without_delays_nothing_waits() -> None:
    """A reply and its speech are had without giving way to the event loop."""
    reply = ScriptedLanguageModel("Yes.").reply(history("a"))
    speech = ScriptedTextToSpeech(audio_ms=20).speak("Yes.")
    for stream in (reply, speech):
        with pytest.raises(StopIteration):
            stream.__anext__().send(None)
        await stream.aclose()
