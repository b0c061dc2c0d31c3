"""A call over the vendors' protocols, on loopback: the audio of both sides stays untouched."""

import asyncio

import pytest

from bench.cloud import Voice, settings_for
from bench.spelling import spell
from bench.vendors.running import vendors
from bench.vendors.service import Delays
from voice_agent.app import serving
from voice_agent.settings import load
from voice_agent.telephony.caller import Script, Utterance
from voice_agent.telephony.carrier import place_call

QUESTION = "how much is the lasagna?"
ANSWER = "It costs sixteen dollars."
SOON = Delays(stt_final_ms=20, llm_first_ms=20, llm_tokens_per_s=1000, tts_first_ms=20)


@pytest.mark.parametrize("voice", ["deepgram", "elevenlabs"])
async def test_the_carriers_audio_passes_through_unchanged(
    monkeypatch: pytest.MonkeyPatch, voice: Voice
) -> None:
    """Mu-law goes to the recognizer and comes from the voice byte by byte as it was."""
    for name, key in (("DEEPGRAM", "dg"), ("OPENAI", "oa"), ("ELEVENLABS", "el")):
        monkeypatch.setenv(f"{name}_API_KEY", key)
    said = spell(QUESTION)
    async with asyncio.timeout(60), vendors(SOON, lambda _: ANSWER) as there:
        overrides = ("server.port=0", *settings_for(voice, there.url))
        async with serving(load("scripted.toml", overrides, {})) as server:
            record = await place_call(
                server.url.replace("http", "ws", 1) + "/twilio/media",
                Script((Utterance(said, "how much"),), greeting_ms=500),
            )
    assert said in there.heard
    assert spell(ANSWER) in record.heard_mulaw
    assert there.asked[-1][-1]["content"] == QUESTION
    assert {"Token dg", "Bearer oa"} < there.keys | {"el"}
    assert record.unanswered == ("",), "there is no greeting; all else was answered"
    assert record.underruns.over_40_ms == 0
