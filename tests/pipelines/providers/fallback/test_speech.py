"""Several voices as one, of which some fail or are mute."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from tests.pipelines.providers.fallback.candidates import HANG_S, Hand, candidate, faults, health
from voice_codecs.pcm import MULAW_8K, PCM16_8K, PCM16_16K, AudioFormat
from voice_pipelines.errors import ProviderGarbled, ProviderUnavailable
from voice_pipelines.ports import SpeechChunk, TextToSpeech
from voice_pipelines.providers.breaker import State
from voice_pipelines.providers.fallback.candidate import Candidate
from voice_pipelines.providers.fallback.speech import FallbackTextToSpeech
from voice_pipelines.providers.scripted import Outcome, ScriptedTextToSpeech


def a_voice(name: str, tts: TextToSpeech) -> Candidate[TextToSpeech]:
    return candidate(name, tts)


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
    assert [health(each) for each in voices] == [(0, 2), (4, 0)]


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
