"""A call in which the model writes numbers and the voice is given words."""

import asyncio

import pytest

from bench.cloud import settings_for
from bench.spelling import spell
from bench.vendors.running import vendors
from bench.vendors.service import Delays
from voice_agent.app import serving
from voice_agent.settings import load
from voice_agent.telephony.caller import Script, Utterance
from voice_agent.telephony.carrier import place_call

QUESTION = "how much is the lasagna?"
MORE = "how much is the wine?"
ANSWER = "The lasagna costs $16.50."
SAID = "The luh zahn yuh costs sixteen dollars and fifty cents."
SOON = Delays(stt_final_ms=20, llm_first_ms=20, llm_tokens_per_s=1000, tts_first_ms=20)


async def test_the_caller_hears_words_and_the_model_reads_what_it_wrote(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The voice tells when each word ends, and what was heard is told as it was written."""
    for name in ("DEEPGRAM", "OPENAI", "ELEVENLABS"):
        monkeypatch.setenv(f"{name}_API_KEY", "key")
    questions = (spell(QUESTION), spell(MORE))
    async with asyncio.timeout(60), vendors(SOON, lambda _: ANSWER) as there:
        overrides = (
            "server.port=0",
            *settings_for("elevenlabs", there.url),
            "tts.pronunciations.lasagna=luh zahn yuh",
        )
        async with serving(load("scripted.toml", overrides, {})) as server:
            record = await place_call(
                server.url.replace("http", "ws", 1) + "/twilio/media",
                Script(
                    (Utterance(questions[0], "one"), Utterance(questions[1], "two")),
                    greeting_ms=500,
                ),
            )
    assert spell(SAID) in record.heard_mulaw
    assert [message["content"] for message in there.asked[-1][-3:]] == [QUESTION, ANSWER, MORE]
