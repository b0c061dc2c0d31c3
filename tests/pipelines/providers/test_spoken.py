"""A voice that is given what is said; the rest of the program keeps what is written."""

from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from voice_codecs.pcm import MULAW_8K, AudioFormat
from voice_pipelines.audio.playout import Played, Playout
from voice_pipelines.errors import ProviderError, ProviderUnavailable
from voice_pipelines.ports import SpeechChunk, TextToSpeech
from voice_pipelines.providers.spoken import SpokenTextToSpeech
from voice_pipelines.speech_text.english import normalizer
from voice_pipelines.speech_text.segments import Spoken

WORD_MS = 100


class TimedVoice:
    """Speaks each word for a tenth of a second, and says when each ends."""

    format: AudioFormat = MULAW_8K

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.closed = 0

    async def speak(self, text: str) -> AsyncGenerator[SpeechChunk]:
        self.texts.append(text)
        samples = WORD_MS * MULAW_8K.rate // 1000
        try:
            for number, word in enumerate(text.split(), 1):
                if word == "fail":
                    raise ProviderUnavailable("timed", "failed")
                part = word if number == 1 else f" {word}"
                yield SpeechChunk(b"\xff" * samples, ((part, number * samples),))
        finally:
            self.closed += 1


def voice() -> tuple[TimedVoice, TextToSpeech]:
    timed = TimedVoice()
    return timed, SpokenTextToSpeech(timed, normalizer("en", {"Siobhan": "shi vawn"}))


async def collect(chunks: AsyncIterator[SpeechChunk]) -> list[SpeechChunk]:
    return [chunk async for chunk in chunks]


async def test_the_voice_gets_what_is_said_and_the_words_are_those_written() -> None:
    timed, tts = voice()
    chunks = await collect(tts.speak("Siobhan, it is $16."))
    assert timed.texts == ["shi vawn, it is sixteen dollars."]
    assert tts.format == MULAW_8K
    assert len(chunks) == 6
    words = [word for chunk in chunks for word in chunk.words]
    assert words == [("Siobhan,", 1600), (" it", 2400), (" is", 3200), (" $16.", 4800)]


@pytest.mark.parametrize(
    ("heard_ms", "heard"),
    [
        (350, "It costs"),
        (450, "It costs $16,"),
        (799, "It costs $16, until"),
        (900, "It costs $16, until 8:30 p.m. today."),
    ],
)
async def test_the_ledger_tells_what_was_heard_as_it_was_written(heard_ms: int, heard: str) -> None:
    """A price is heard when it was said to its end, and stays as it was written."""
    text = "It costs $16, until 8:30 p.m. today."
    playout = Playout(MULAW_8K, lead_ms=5_000)
    playout.piece(1, 0, text)
    async for chunk in voice()[1].speak(text):
        playout.audio(1, 0, chunk.audio, chunk.words)
    playout.piece_ended(1, 0)
    playout.finish(1)
    playout.release(1)
    playout.pump(0)
    playout.acknowledged(f"0.{heard_ms * 8}", heard_ms)
    told = [fact.text for fact in playout.facts() if isinstance(fact, Played)]
    assert told[-1] == heard


async def test_words_that_are_written_as_they_are_said_pass_unchanged() -> None:
    timed, tts = voice()
    text = "Nothing to be rewritten."
    assert await collect(tts.speak(text)) == await collect(timed.speak(text))


async def test_errors_come_through_and_leaving_closes_the_voice() -> None:
    timed, tts = voice()
    with pytest.raises(ProviderError):
        await collect(tts.speak("$5 fail"))
    async for _ in (stream := tts.speak("$5 and more")):
        break
    assert isinstance(stream, AsyncGenerator)
    await stream.aclose()
    assert timed.closed == 2


@pytest.mark.parametrize("fault", ["raises", "silent"])
async def test_a_text_that_cannot_be_normalized_is_spoken_as_it_is_written(fault: str) -> None:
    def normalize(_: str) -> Spoken:
        if fault == "raises":
            raise ValueError("a bug")
        return Spoken(())

    timed = TimedVoice()
    await collect(SpokenTextToSpeech(timed, normalize).speak("It is $5"))
    assert timed.texts == ["It is $5"]
