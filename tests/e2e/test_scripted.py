"""Whole calls without models: many at once, and providers that fail."""

import asyncio
from dataclasses import replace
from pathlib import Path

from tests.e2e.talk import complete, spoken
from tests.voice_agent.media import TONE, scripted
from tests.voice_agent.process import served
from voice_agent.app import Server
from voice_agent.calls.journal_file import path_of
from voice_agent.telephony.caller import Script, Utterance
from voice_agent.telephony.carrier import CallRecord, place_call
from voice_agent.telephony.pacer import Pacer
from voice_codecs.pcm import MULAW_8K
from voice_pipelines.conversation.journal import Journal, first_difference
from voice_pipelines.conversation.policy import Phrases
from voice_pipelines.providers.scripted import Fault, Outcome, ScriptedTextToSpeech

WORDS = Utterance(TONE * 30, "words")
"""600 ms that the gate takes for a voice."""
SCRIPT = Script((WORDS, WORDS), pause_ms=500, farewell_ms=500, greeting_ms=100)


async def test_ten_calls_at_once(tmp_path: Path) -> None:
    options = ("--config", "scripted", "--set", "vad=energy", "--set", "tts.audio_ms=1500")
    async with (
        served(*options, "--set", "journal.directory=calls", cwd=tmp_path) as server,
        Pacer() as pacer,
    ):
        async with asyncio.TaskGroup() as group:
            calls = [
                group.create_task(place_call(server.media_url, SCRIPT, pacer=pacer))
                for _ in range(10)
            ]
        for call in calls:
            record = call.result()
            assert len(record.turns) == 2 and not any(record.unanswered)
            assert record.underruns.over_40_ms == 0, (record.gaps, record.worst_lateness_ms)
            journal = await complete(path_of(tmp_path / "calls", record.call_sid))
            assert first_difference(journal) is None


async def call(server: Server, folder: Path, script: Script) -> tuple[CallRecord, Journal]:
    media = f"{server.url.replace('http', 'ws', 1)}/twilio/media"
    record = await place_call(media, script)
    return record, await complete(path_of(folder, record.call_sid))


async def test_a_language_model_that_stalls_for_ever(tmp_path: Path) -> None:
    """First a filler, then an apology; then the caller may try again, and in the end it is over."""
    stalled = (
        f"journal.directory={tmp_path}",
        "llm.delay_ms=86400000",
        "watchdog.filler_ms=600",
        "watchdog.reply_ms=2000",
    )
    phrases = Phrases()
    patient = Script((WORDS, WORDS, WORDS), pause_ms=1800, greeting_ms=100, farewell_ms=4000)
    async with scripted(*stalled) as server:
        record, journal = await call(server, tmp_path, patient)
    again = [phrases.filler, phrases.apology]
    assert spoken(journal) == [*again, *again, phrases.filler, phrases.failure]
    assert all(turn.latency_ms is not None and turn.latency_ms < 4000 for turn in record.turns)
    assert record.hung_up_by_agent
    assert first_difference(journal) is None


async def test_a_voice_that_fails(tmp_path: Path) -> None:
    """The speculative answer first, of which nobody learns, and then the one that is due."""
    async with scripted(f"journal.directory={tmp_path}") as server:
        services = server.agents.services
        for outcome in (Outcome.FAIL, Outcome.GARBAGE, Outcome.FAIL_MIDWAY):
            twice = {0: Fault(outcome), 1: Fault(outcome)}
            voice = ScriptedTextToSpeech(MULAW_8K, audio_ms=600, faults=twice)
            server.agents.services = replace(services, tts=voice)
            record, journal = await call(server, tmp_path, replace(SCRIPT, steps=(WORDS,)))
            assert Phrases().apology in spoken(journal), outcome
            assert all(turn.latency_ms is not None for turn in record.turns)
            assert record.turns[0].latency_ms and record.turns[0].latency_ms < 4000
            assert first_difference(journal) is None


async def test_a_voice_that_stalls(tmp_path: Path) -> None:
    quick = (f"journal.directory={tmp_path}", "watchdog.filler_ms=500", "watchdog.reply_ms=1500")
    async with scripted(*quick) as server:
        services = server.agents.services
        voice = ScriptedTextToSpeech(MULAW_8K, audio_ms=600, faults={0: Fault(Outcome.STALL)})
        server.agents.services = replace(services, tts=voice)
        script = replace(SCRIPT, pause_ms=1800)
        record, journal = await call(server, tmp_path, script)
    assert Phrases().apology in spoken(journal)
    assert all(turn.latency_ms is not None for turn in record.turns)
    assert first_difference(journal) is None
