"""An appointment is made in a whole telephone call: saved, confirmed, booked by a webhook, once."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.outside import Calls, Outside, outside
from tests.e2e.talk import complete
from tests.voice_agent.media import TONE
from voice_agent.app import Server, serving
from voice_agent.calls.journal_file import path_of
from voice_agent.calls.records import ConversationFilter
from voice_agent.personas import files
from voice_agent.settings import load
from voice_agent.storage.store import opened
from voice_agent.telephony.caller import Script, Utterance
from voice_agent.telephony.carrier import CallRecord, place_call
from voice_codecs.pcm import MULAW_8K
from voice_pipelines.conversation.commands import CancelReply, HangUp, RunAction, StartReply
from voice_pipelines.conversation.journal import Journal, first_difference
from voice_pipelines.providers.scripted import ScriptedSpeechToText, ScriptedTextToSpeech

HANG_S = 90
EMAIL, WHEN = "ann@example.com", "2026-11-24T15:00"
BOOKED = {
    "firstName": "Ann",
    "company": "Acme",
    "datetime": WHEN,
    "email_address": EMAIL,
}
SAID = (
    "My name is Ann from Acme and my address is ann at example dot com",
    "Yes that is right",
    "Next Tuesday at three in the afternoon please",
    "Yes please book it",
    "Yes it has arrived that was all",
)

INTERRUPTION = "Oh wait my boss will come too"


def wants(heard: str) -> tuple[str, Calls]:
    """What a sensible model answers to the last thing that it was told: (words, actions)."""
    if heard.endswith(INTERRUPTION):
        return "Your boss is welcome.", {}
    if "(Result of schedule_call_with_brian:" in heard and not heard.endswith(SAID[4]):
        return "It is booked. Has the invitation arrived?", {}
    if heard.endswith(SAID[0]):
        return "Is it ann at example dot com?", {"save_email_address": {"email_address": EMAIL}}
    if heard.endswith(SAID[1]):
        confirmed = {"confirm_email_address": {"email_address_confirmed": "true"}}
        return "Good. When shall Brian call you?", confirmed
    if heard.endswith(SAID[2]):
        return "Tuesday at three, right?", {"save_time_for_call": {"followup-datetime": WHEN}}
    if heard.endswith(SAID[3]):
        return "Let me book that.", {"schedule_call_with_brian": BOOKED}
    if heard.endswith(SAID[4]):
        return "Then good-bye, Ann.", {"hang_up_call": {"value": "true"}}
    return "Sorry?", {}


@asynccontextmanager
async def rachel(
    there: Outside, folder: Path, heard: Sequence[str] = SAID
) -> AsyncIterator[Server]:
    """A server at which the appointment persona answers, with scripted ears and voice."""
    persona = files.read(Path("configs/personas/appointments.toml"))
    schema = json.loads(
        json.dumps(persona.actions_schema).replace("https://hooks.example.com", there.url)
    )
    files.write(persona.model_copy(update={"actions_schema": schema}), folder / "rachel.toml")
    overrides = (
        "vad=energy",
        "server.port=0",
        f"persona={folder / 'rachel.toml'}",
        f"journal.directory={folder}",
        f"storage.url=sqlite:///{folder / 'kept.db'}",
        "llm.provider=openai",
        f"llm.base_url={there.url}/v1",
        "llm.model=m",
        f'actions.allow=["{there.url.removeprefix("http://")}"]',
    )
    async with serving(load("scripted.toml", overrides, {})) as server:
        voice = ScriptedTextToSpeech(MULAW_8K, audio_ms=900)
        services = server.agents.services
        ears = ScriptedSpeechToText(heard)
        server.agents.services = replace(services, stt=ears, tts=voice, phrases={})
        yield server


async def called(
    server: Server, folder: Path, interrupting: int | None = None
) -> tuple[CallRecord, Journal]:
    """The whole call; words of that number are spoken over the answer before them."""
    steps = [Utterance(TONE * 30, text) for text in SAID]
    if interrupting is not None:
        steps.insert(interrupting, Utterance(TONE * 40, INTERRUPTION, barge_in_after_ms=300))
    record = await place_call(
        server.url.replace("http", "ws", 1) + "/twilio/media",
        Script(tuple(steps), pause_ms=1000, farewell_ms=4000),
    )
    return record, await complete(path_of(folder, record.call_sid))


def results(journal: Journal) -> str:
    """What the model was told in the end."""
    last = [command for _, command in journal.commands() if isinstance(command, StartReply)][-1]
    return " ".join(message.text for message in last.history)


def started(journal: Journal) -> Sequence[str]:
    return [command.name for _, command in journal.commands() if isinstance(command, RunAction)]


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "oa")


ALL_FIVE = [
    "save_email_address",
    "confirm_email_address",
    "save_time_for_call",
    "schedule_call_with_brian",
    "hang_up_call",
]


async def test_an_appointment_is_made(key: None, tmp_path: Path) -> None:
    """S004-22, S004-64, S004-66, S004-67, S004-68, S004-69: the whole of it in one call."""
    async with asyncio.timeout(HANG_S), outside(wants) as there, rachel(there, tmp_path) as server:
        record, journal = await called(server, tmp_path)
        assert there.bookings == [(BOOKED, there.bookings[0][1])], "exactly this, and once"
        assert started(journal) == ALL_FIVE
        assert "booked" in results(journal)
        (hung_up,) = [c for _, c in journal.commands() if isinstance(c, HangUp)]
        assert hung_up.reason == "hang_up_call" and record.hung_up_by_agent
        assert first_difference(journal) is None
    # What depends on the state is offered when that is there, and not before.
    assert "schedule_call_with_brian" not in there.tools[0]
    assert "confirm_email_address" not in there.tools[0]
    assert "schedule_call_with_brian" in there.tools[-1]
    (prompt,) = there.prompts
    assert "{{" not in prompt and "hooks.example.com" not in prompt and there.url not in prompt
    async with opened(f"sqlite:///{tmp_path / 'kept.db'}") as store:
        (kept,) = await store.conversations().list(ConversationFilter())
        assert kept.status == "ended" and kept.end_reason == "hang_up_call"
        assert kept.state == {
            "email_address": EMAIL,
            "email_address_confirmed": "true",
            "followup-datetime": WHEN,
        }
        messages = await store.conversations().messages(kept.id)
        assert [m.text for m in messages if m.speaker == "caller"] == list(SAID)
        actions = await store.conversations().actions(kept.id)
        assert [action.name for action in actions] == ALL_FIVE
        assert all(action.result for action in actions)


async def test_it_is_booked_once_though_the_caller_interrupts(key: None, tmp_path: Path) -> None:
    """S004-69: once, also when the caller speaks while the webhook is on its way."""
    heard = (*SAID[:4], INTERRUPTION, SAID[4])
    async with (
        asyncio.timeout(HANG_S),
        outside(wants) as there,
        rachel(there, tmp_path, heard) as server,
    ):
        there.booking_takes_s = 2.0
        _, journal = await called(server, tmp_path, interrupting=4)
        assert [body for body, _ in there.bookings] == [BOOKED]
        assert started(journal) == ALL_FIVE
        told = results(journal)
        assert INTERRUPTION in told and "(Result of schedule_call_with_brian:" in told
        assert any(isinstance(command, CancelReply) for _, command in journal.commands())
        assert first_difference(journal) is None
