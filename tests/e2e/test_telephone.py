"""Whole telephone calls with the carrier's API: transferred and back again, and calling out."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree

import aiohttp
import pytest
from pydantic import JsonValue

from tests.e2e.outside import Calls, Outside, outside
from tests.voice_agent.media import TONE
from tests.voice_agent.telephony.twilio_rest import (
    ACCOUNT,
    Call,
    Callee,
    Stream,
    TwilioRest,
    twilio_rest,
)
from voice_agent.app import Server, serving
from voice_agent.calls.records import Conversation, ConversationFilter, Message
from voice_agent.personas import files
from voice_agent.personas.persona import Persona, RateLimit, Telephone
from voice_agent.settings import load
from voice_agent.storage.store import Store, opened
from voice_agent.telephony.caller import Script, Utterance
from voice_agent.telephony.carrier import CallRecord, place_call
from voice_agent.telephony.twiml import TOKEN_PARAMETER
from voice_codecs.pcm import MULAW_8K
from voice_pipelines.providers.scripted import ScriptedSpeechToText, ScriptedTextToSpeech

PUBLIC = "https://agent.example.com"
OWN, THEIRS, DESK = "+14155550100", "+14155552671", "+12125551212"
HANG_S = 90
WORDS = Utterance(TONE * 40, "words")

ACTIONS: dict[str, JsonValue] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "transfer_call_to": {"_description": "When somebody wants the desk.", "_examples": []},
        "send_sms": {"_description": "When somebody wants a message.", "_examples": []},
        "hang_up_call": {"_description": "When all was said.", "_examples": []},
    },
}
OPERATOR = Persona(
    name="Operator",
    prompt="You put people through. {{actionsSchema}} The caller is {{details.name}}.",
    initial_message="Hello {{details.name}}.",
    actions_schema=ACTIONS,
    telephone=Telephone(numbers=(OWN,), transfer_to=(DESK,)),
)


def wants(heard: str) -> tuple[str, Calls]:
    if "The line was busy" in heard and not heard.endswith(("the desk", "text me", "bye")):
        return "The desk is busy. What else can I do?", {}
    if heard.endswith("the desk"):
        return "I will put you through.", {"transfer_call_to": {"value": DESK}}
    if "(Result of send_sms" in heard and not heard.endswith("bye"):
        return "I have sent it.", {}
    if heard.endswith("text me"):
        return "I will send you a message.", {"send_sms": {"value": "Call us back."}}
    if heard.endswith("bye"):
        return "Good-bye.", {"hang_up_call": {"value": "true"}}
    return "Yes?", {}


@dataclass
class House:
    """A served persona with a carrier around it."""

    server: Server
    carrier: TwilioRest
    there: Outside
    folder: Path
    records: list[CallRecord] = field(default_factory=list)

    async def play(self, call: Call, stream: Stream, script: Script) -> None:
        """Be the carrier's media stream that some TwiML asks for."""
        assert stream.url == "wss://agent.example.com/twilio/media"
        record = await place_call(
            self.server.url.replace("http", "ws", 1) + "/twilio/media",
            script,
            token=stream.parameters[TOKEN_PARAMETER],
            auth_token=ACCOUNT.auth_token,
            signed_as=stream.url,
            call_sid=call.sid,
        )
        self.records.append(record)

    async def answered(self, call: Call) -> Stream:
        """The stream that the server asks for when somebody calls."""
        text = await self.carrier.post(f"{PUBLIC}/twilio/voice", call, {})
        connect = ElementTree.fromstring(text).find("Connect/Stream")
        assert connect is not None
        parameters = {p.get("name", ""): p.get("value", "") for p in connect}
        return Stream(connect.get("url", ""), parameters)

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        async with opened(f"sqlite:///{self.folder / 'kept.db'}") as store:
            yield store

    async def kept(self) -> tuple[Conversation, Sequence[Message]]:
        """The one conversation that there was."""
        async with self.store() as store:
            (conversation,) = await store.conversations().list(ConversationFilter())
            return conversation, await store.conversations().messages(conversation.id)


@asynccontextmanager
async def house(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *heard: str, persona: Persona = OPERATOR
) -> AsyncIterator[House]:
    monkeypatch.setenv("OPENAI_API_KEY", "oa")
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT.sid)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", ACCOUNT.auth_token)
    files.write(persona, folder / "persona.toml")
    async with asyncio.timeout(HANG_S), outside(wants) as there, twilio_rest(PUBLIC) as carrier:
        carrier.own(OWN)
        overrides = (
            "vad=energy",
            "server.port=0",
            f"server.public_url={PUBLIC}",
            "twilio.require_token=true",
            f"twilio.api_url={carrier.url}",
            f"persona={folder / 'persona.toml'}",
            f"journal.directory={folder / 'journals'}",
            f"storage.url=sqlite:///{folder / 'kept.db'}",
            f"recording.directory={folder / 'recordings'}",
            "llm.provider=openai",
            f"llm.base_url={there.url}/v1",
            "llm.model=m",
            'outgoing.countries=["US"]',
            'outgoing.calling_hours=""',
        )
        async with serving(load("scripted.toml", overrides, {})) as server:
            carrier.reach = server.url
            services = server.agents.services
            ears = ScriptedSpeechToText(heard)
            voice = ScriptedTextToSpeech(MULAW_8K, audio_ms=700)
            server.agents.services = replace(services, stt=ears, tts=voice, phrases={})
            yield House(server, carrier, there, folder)
            carrier.stop()


def script(turns: int) -> Script:
    return Script((WORDS,) * turns, pause_ms=1000, farewell_ms=2000)


async def test_who_is_transferred_to_a_busy_line_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S004-78, S004-80, S004-82, S004-84: the conversation is intact when nobody took the call."""
    async with house(tmp_path, monkeypatch, "the desk", "text me", "bye") as at:
        at.carrier.callees[DESK] = Callee(ends="busy")
        call = at.carrier.receive(OWN, THEIRS)
        back = asyncio.Event()

        async def second_part(again: Call, stream: Stream) -> None:
            assert again is call
            # The recognizer of the second stream goes on with what is said next.
            ears = ScriptedSpeechToText(("text me", "bye"))
            at.server.agents.services = replace(at.server.agents.services, stt=ears)
            await at.play(call, stream, script(2))
            back.set()

        at.carrier.on_stream = second_part
        await at.play(call, await at.answered(call), script(1))
        await back.wait()
        assert at.records[-1].hung_up_by_agent
        assert any("The line was busy" in told for told in at.there.told)
        (message,) = at.carrier.messages
        assert (message["To"], message["Body"]) == (THEIRS, "Call us back.")
        await at.server.switchboard.becomes_idle(5000)
    conversation, messages = await at.kept()
    said = [message.text for message in messages if message.speaker == "caller"]
    assert said == ["the desk", "text me", "bye"]
    assert (conversation.status, conversation.end_reason) == ("ended", "hang_up_call")
    assert conversation.user_id == THEIRS
    assert [message.number for message in messages] == list(range(len(messages)))


async def test_a_call_that_is_asked_for_over_the_api(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S004-87, S004-88: To, From and details reach the carrier and the conversation; no recording
    though the persona's calls are recorded."""
    recorded = OPERATOR.telephone.model_copy(update={"recording": True})
    ann = OPERATOR.model_copy(update={"name": "Caller", "telephone": recorded})
    async with house(tmp_path, monkeypatch, "bye") as at, at.store() as store:
        made = await store.personas().create(ann)
        await store.personas().publish(made.id)
        await wait_for_persona(at.server, made.id)
        key = (await store.keys.create("secret", "default")).text
        over = asyncio.Event()

        async def picked_up(call: Call, stream: Stream) -> None:
            await at.play(call, stream, script(1))
            over.set()

        at.carrier.on_stream = picked_up
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as http:
            url = f"{at.server.url}/api/personas/{made.id}/makecall"
            body = {"phoneNumber": THEIRS, "details": {"name": "Ann"}}
            async with http.post(url, json=body) as response:
                assert response.status == 200, await response.text()
        await over.wait()
        (call,) = at.carrier.calls.values()
        assert (call.to, call.from_) == (THEIRS, OWN)
        assert call.form.get("Record", "false") == "false"
        await at.server.switchboard.becomes_idle(5000)
    conversation, messages = await at.kept()
    assert conversation.direction == "outbound"
    assert conversation.details["name"] == "Ann"
    assert messages[0].intended == "Hello Ann."
    assert any("The caller is Ann." in prompt for prompt in at.there.prompts)
    assert conversation.recording == "" and not (tmp_path / "recordings").exists()


async def test_the_limit_holds_over_two_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S004-11, S004-13: the caller's number is tracked by itself; the message, not the model."""
    limit = RateLimit(enabled=True, count=2, message="That was all for today.")
    strict = OPERATOR.model_copy(update={"rate_limit": limit, "initial_message": ""})
    async with house(tmp_path, monkeypatch, "one", "two", persona=strict) as at:
        for _ in range(2):
            call = at.carrier.receive(OWN, THEIRS)
            await at.play(call, await at.answered(call), replace(script(2), greeting_ms=200))
        await at.server.switchboard.becomes_idle(5000)
        assert len(at.there.told) == 2, "the model was asked in the first call alone"
    async with at.store() as store:
        found = await store.conversations().list(ConversationFilter())
        messages = [await store.conversations().messages(each.id) for each in found]
        intended = [[m.intended for m in each if m.speaker == "agent"] for each in messages]
        assert sorted(intended) == [["That was all for today."] * 2, ["Yes?"] * 2]
        ((_, counted),) = await store.counters().account()
        assert counted == 2, "what is refused is not counted (S004-14)"


async def wait_for_persona(server: Server, id: str) -> None:
    """Return when calls can get the persona."""
    reception = server.reception
    reception.changed.set()
    for _ in range(HANG_S * 20):
        if reception.knows(id):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it is never published")
