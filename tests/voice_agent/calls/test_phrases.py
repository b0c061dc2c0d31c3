"""Phrases that are spoken ahead."""

import asyncio

import pytest

from voice_agent.calls import phrases
from voice_agent.calls.phrases import PhraseBook
from voice_codecs.pcm import MULAW_8K
from voice_pipelines.errors import ProviderTimeout, ProviderUnavailable
from voice_pipelines.providers.scripted import Fault, Outcome, ScriptedTextToSpeech

HANG_S = 10


async def test_what_could_be_spoken_is_there() -> None:
    book = PhraseBook(ScriptedTextToSpeech(MULAW_8K, audio_ms=100))
    assert await book.add(["Hello.", "Goodbye."]) == []
    assert len(book) == 2 and set(book) == {"Hello.", "Goodbye."}
    assert len(book["Hello."]) == 800


async def test_half_a_phrase_is_none() -> None:
    faults = {0: Fault(Outcome.FAIL_MIDWAY)}
    book = PhraseBook(ScriptedTextToSpeech(MULAW_8K, audio_ms=100, faults=faults))
    (error,) = await book.add(["Hello.", "Goodbye."])
    assert isinstance(error, ProviderUnavailable)
    assert set(book) == {"Goodbye."}


async def test_a_voice_that_stalls_is_not_waited_for() -> None:
    faults = {0: Fault(Outcome.STALL)}
    book = PhraseBook(ScriptedTextToSpeech(MULAW_8K, faults=faults), phrase_ms=30)
    (error,) = await book.add(["Hello."])
    assert isinstance(error, ProviderTimeout)


async def test_what_failed_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phrases, "_RETRY_S", 0.01)
    faults = {0: Fault(Outcome.FAIL), 1: Fault(Outcome.FAIL)}
    book = PhraseBook(ScriptedTextToSpeech(MULAW_8K, faults=faults))
    assert len(await book.add(["Hello."])) == 1
    async with asyncio.timeout(HANG_S), asyncio.TaskGroup() as group:
        trying = group.create_task(book.keep_trying())
        for _ in range(HANG_S * 100):
            if "Hello." in book:
                break
            await asyncio.sleep(0.01)
        trying.cancel()
    assert "Hello." in book
