"""Somebody calls by telephone, for the pages that show calls."""

import json
import time
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import Future
from typing import Any
from xml.etree import ElementTree

import aiohttp

from voice_agent.telephony.caller import Script, Utterance
from voice_agent.telephony.carrier import CallRecord, place_call
from voice_agent.telephony.twiml import TOKEN_PARAMETER
from voice_codecs import wav
from voice_codecs.convert import convert
from voice_codecs.pcm import MULAW_8K, AudioFormat, Encoding
from voice_pipelines.ports import SpeechChunk, ToolCall
from voice_pipelines.providers.scripted import (
    Fault,
    ScriptedLanguageModel,
    ScriptedSpeechToText,
    ScriptedTextToSpeech,
)

from .demo import Demo
from .place import AUDIO, Place

CALLER, CALLED = "+15550100", "+15550199"


async def ring(at: Place, script: Script, caller: str = CALLER, persona: str = "") -> CallRecord:
    """The carrier asks what to do with a call, connects it, and `script` is played to its end."""
    told = {"From": caller, "To": CALLED}
    query = {"persona": persona} if persona else {}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{at.url}/twilio/voice", data=told, params=query) as answer,
    ):
        stream = ElementTree.fromstring(await answer.text()).find("Connect/Stream")
    assert stream is not None
    parameters = {each.get("name"): each.get("value") for each in stream}
    media = f"{at.url.replace('http', 'ws', 1)}/twilio/media"
    return await place_call(media, script, from_number=caller, token=parameters[TOKEN_PARAMETER])


def recorded(*parts: str | int) -> bytes:
    """Mu-law at 8 kHz: recordings of `tests/audio` by name, and milliseconds of silence."""
    return b"".join(
        b"\xff" * (8 * part) if isinstance(part, int) else _recording(part) for part in parts
    )


def _recording(name: str) -> bytes:
    pcm, rate = wav.read(AUDIO / f"{name}.wav")
    return convert(pcm, AudioFormat(Encoding.PCM16, rate), MULAW_8K)


class LifelikeTextToSpeech(ScriptedTextToSpeech):
    """Speaks in a human voice, as long as the text would take, and says something else."""

    def __init__(self, first_byte_ms: int) -> None:
        super().__init__(first_byte_ms=first_byte_ms)
        self._voice = recorded("leisure", "married", "selfish", "amiable")
        self._at = 0

    async def speak(self, text: str) -> AsyncGenerator[SpeechChunk]:
        async for chunk in super().speak(text):
            long = len(chunk.audio)
            self._at = self._at if self._at + long <= len(self._voice) else 0
            yield SpeechChunk(self._voice[self._at : self._at + long])
            self._at += long


SUNDAY = (
    "No, on Sunday we are closed. We are open from Tuesday to Saturday, from five in the evening "
    "until eleven at night."
)
PARTY = json.dumps({"guests": 4, "day": "Friday"})
ANSWERS: tuple[Any, ...] = (
    SUNDAY,
    "On Friday we are open until eleven. The lasagna is sixteen dollars.",
    ("With pleasure, I take that down. ", ToolCall("note_party", PARTY)),
    ("One moment, please. ", ToolCall("book_table", PARTY)),
    "Your table for four is booked for Friday at seven.",
    "We look forward to seeing you. Good-bye.",
)
SAID = (
    "Are you open on Sunday?",
    "And on Friday? How much is the lasagna?",
    "A table for four on Friday, please.",
    "Yes, book it.",
    "Thank you, good-bye.",
)
STEPS = (
    Utterance(recorded("goforward"), SAID[0]),
    Utterance(recorded("goforward", 150, "disposed"), SAID[1], barge_in_after_ms=3400),
    Utterance(recorded("disposed"), SAID[2]),
    Utterance(recorded("goforward"), SAID[3]),
    Utterance(recorded("disposed"), SAID[4]),
)


def _ears(said: Sequence[str]) -> ScriptedSpeechToText:
    return ScriptedSpeechToText(said, settle_delay_ms=110, interim_delay_ms=350)


def _model(answers: Sequence[Any]) -> ScriptedLanguageModel:
    # Nobody is always equally fast.
    slow = {number: Fault(delay_ms=(number * 271) % 640) for number in range(500)}
    return ScriptedLanguageModel(answers, first_token_ms=190, tokens_per_s=60, faults=slow)


class Guests:
    """Callers of a persona that records its calls: lifelike ones, for pictures."""

    def __init__(self, demo: Demo) -> None:
        self._at = demo.place
        known = demo.api("GET", f"/api/personas/{demo.persona}")["draft"]
        telephone = {"recording": True, "recording_announcement": "This call is recorded."}
        wanted = {**known, "name": "Anna, Bella Roma", "telephone": telephone}
        made = demo.api("POST", "/api/personas", wanted)
        demo.api("POST", f"/api/personas/{made['id']}/publish")
        self._persona = made["id"]
        self._calls: list[Future[CallRecord]] = []
        self._recorded = ""
        voice = LifelikeTextToSpeech(first_byte_ms=140)
        self._at.serve_with(tts=voice, stt=_ears(SAID), llm=_model(ANSWERS))

    def recorded(self) -> str:
        """The id of a conversation that was recorded from its beginning to its end."""
        if not self._recorded:
            script = Script(STEPS, pause_ms=700, farewell_ms=900, greeting_ms=5000)
            self._at.loop.begin(ring(self._at, script, "+15550142", self._persona)).result(180)
            self._recorded = self._at.records()[-1].conversation.id
        return self._recorded

    def live(self) -> None:
        """Two callers are on the line from now on."""
        if not self._calls:
            # They go on without an end.
            self._at.serve_with(stt=_ears(SAID[:-1]), llm=_model(ANSWERS[:-1]))
            for caller in ("+15550173", "+15550118"):
                script = Script(STEPS[:-1] * 9, pause_ms=900, greeting_ms=5000)
                work = ring(self._at, script, caller, self._persona)
                self._calls.append(self._at.loop.begin(work))
                time.sleep(4)  # They do not speak in unison.

    def close(self) -> None:
        """They hang up."""
        for call in self._calls:
            call.cancel()
        self._at.idle()
