"""Whole calls of a scripted server, and what is kept of them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.voice_agent.actions.hooks import listening
from tests.voice_agent.actions.schemas import document
from tests.voice_agent.calls.rooms import becomes
from tests.voice_agent.media import CHEAP, calling, idle, scripted
from voice_agent.app import Server, serving
from voice_agent.calls.agent import Agents
from voice_agent.calls.live import LiveCall
from voice_agent.calls.plan import CallPlan
from voice_agent.calls.reception import Reception
from voice_agent.calls.records import Conversation, ConversationFilter, Message
from voice_agent.desk import Desk
from voice_agent.errors import CallRefused
from voice_agent.personas import files
from voice_agent.personas.persona import Persona, RateLimit, Telephone
from voice_agent.settings import load
from voice_agent.storage.store import Store, opened
from voice_agent.telephony.live import Tickets
from voice_agent.transports.memory import MemoryLeg
from voice_pipelines.engine.clock import LoopClock
from voice_pipelines.ports import ToolCall
from voice_pipelines.providers.scripted import ScriptedLanguageModel

HELLO = "Good day."
CALLER = "+15550100"
ANNA = Persona(name="Anna", prompt="Be brief.", initial_message=HELLO)


def kept_in(folder: Path, persona: Persona = ANNA) -> tuple[str, ...]:
    """The settings of a server at which `persona` answers."""
    files.write(persona, folder / "anna.toml")
    return (
        f"persona={folder / 'anna.toml'}",
        f"storage.url=sqlite:///{folder}/kept.db",
        f"recording.directory={folder}/recordings",
        "tts.audio_ms=60",
    )


@dataclass
class Kept:
    """One conversation as it was kept."""

    conversation: Conversation
    messages: list[tuple[str, str]]


async def kept(folder: Path) -> list[Kept]:
    """All conversations, the oldest first."""
    async with opened(f"sqlite:///{folder}/kept.db") as store:
        return [
            Kept(each, [_said(message) for message in await _messages(store, each.id)])
            for each in reversed(await store.conversations().list(ConversationFilter()))
        ]


async def _messages(store: Store, id: str) -> list[Message]:
    return list(await store.conversations().messages(id))


def _said(message: Message) -> tuple[str, str]:
    return message.speaker, message.text


def plan(persona: Persona = ANNA, id: str = "c", **fields: Any) -> CallPlan:
    return CallPlan(conversation_id=id, persona=persona, user_id=CALLER, remote=CALLER, **fields)


@asynccontextmanager
async def talking(
    server: Server, plan: CallPlan | None = None, call_id: str = "CA1"
) -> AsyncIterator[LiveCall]:
    """A call whose leg is in memory."""
    leg = MemoryLeg(LoopClock(asyncio.get_running_loop()))
    stop = server.agents.services.metronome.add(leg.beat)
    try:
        async with server.switchboard.caller(call_id, leg, True, plan) as line:
            leg.connect(line.acknowledged)
            live = server.switchboard.find(call_id)
            assert live is not None
            yield live
    finally:
        stop()


async def says(live: LiveCall, text: str, times: int = 1) -> None:
    """Return when the agent has been heard saying `text` so often."""

    def said() -> bool:
        assert live._call is not None
        lines = live._call.transcript.lines
        return [line.text for line in lines if line.speaker == "agent"].count(text) >= times

    await becomes(said)


def with_model(server: Server, *replies: str) -> ScriptedLanguageModel:
    llm = ScriptedLanguageModel(replies)
    server.agents.services = replace(server.agents.services, llm=llm)
    return llm


async def test_a_call_is_kept_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    """S004-09: the first words are the initial message, before the caller has said anything."""
    async with scripted(*kept_in(tmp_path)) as server:
        with_model(server, "Welcome.")
        async with calling(server) as socket:
            async with asyncio.TaskGroup() as group:
                playing = group.create_task(socket.plays())
                await becomes(lambda: server.switchboard.find(socket.call_sid) is not None)
                live = server.switchboard.find(socket.call_sid)
                assert live is not None
                await says(live, HELLO)
                live.typed("I have a question")
                await says(live, "Welcome.")
                live.merge_state({"topic": "question"})
                playing.cancel()
        await idle(server)
    (one,) = await kept(tmp_path)
    assert one.messages == [
        ("agent", HELLO),
        ("caller", "I have a question"),
        ("agent", "Welcome."),
    ]
    it = one.conversation
    assert (it.persona_name, it.persona_id, it.direction) == ("Anna", "", "inbound")
    assert (it.status, it.end_reason, it.complete) == ("ended", "caller_left", True)
    assert (it.call, it.state) == (socket.call_sid, {"topic": "question"})
    assert it.ended_at is not None and it.recording == ""


async def test_a_recorded_call_says_so_and_is_kept(tmp_path: Path) -> None:
    recorded = ANNA.model_copy(
        update={"telephone": Telephone(recording=True, recording_announcement="We record.")}
    )
    async with scripted(*kept_in(tmp_path, recorded)) as server:
        async with talking(server) as live:
            await says(live, f"We record. {HELLO}")
            assert live.recording is not None
            assert live.pause_recording(True) and live.recording.paused
            assert live.pause_recording(False) and not live.recording.paused
        await idle(server)
    (one,) = await kept(tmp_path)
    recording = Path(one.conversation.recording)
    assert recording.parent == tmp_path / "recordings"
    audio = await asyncio.to_thread(recording.read_bytes)
    assert len(audio) > 44, "there is audio behind the header"


async def test_an_outgoing_call_is_not_recorded_unless_that_was_asked_for(tmp_path: Path) -> None:
    """S004-88: the persona's wish alone is not enough."""
    recorded = ANNA.model_copy(
        update={"telephone": Telephone(recording=True, recording_announcement="We record.")}
    )
    async with scripted(*kept_in(tmp_path)) as server:
        async with talking(server, plan(recorded, direction="outbound")) as live:
            await says(live, HELLO)
            assert live.recording is None and not live.pause_recording(True)
        await idle(server)
    assert not (tmp_path / "recordings").exists()


async def test_a_conversation_goes_on_in_a_second_stream(tmp_path: Path) -> None:
    """S004-59, S004-99: the same id, history and state; no initial message again."""
    async with scripted(*kept_in(tmp_path)) as server:
        tickets = Tickets(60_000, 60_000)
        clock = LoopClock(asyncio.get_running_loop())
        desk = Desk(server.switchboard, Reception(ANNA), tickets, clock)
        llm = with_model(server, "I put you through.", "They were busy.", "Anything else?")
        async with talking(server, plan(details={"name": "Ann"})) as live:
            await says(live, HELLO)
            live.typed("My boss, please")
            await says(live, "I put you through.")
            live.merge_state({"boss": "Joe"})
            live.leaves()
            desk.learn("c", "(The line was busy.)")  # The carrier is quicker than the stream.
        assert llm.requests == 1, "nobody was there to be told"
        ticket = tickets.redeem(desk.resume_token("c"), clock.now())
        assert ticket is not None
        again = desk.plan(ticket)
        assert again.details == {"name": "Ann"}
        async with talking(server, again) as live:
            await says(live, "They were busy.")
            assert live.state.values == {"boss": "Joe"}
            shown = [message.text for message in llm.last_messages]
            assert shown[1:3] == [f"{HELLO}", "My boss, please"] and "busy" in shown[-1]
            live.merge_state({"later": True})
            live.typed("Thanks")
            await says(live, "Anything else?")
        await idle(server)
        assert len(server.switchboard.kept) == 0
    (one,) = await kept(tmp_path)
    said = [text for speaker, text in one.messages if speaker != "note"]
    assert said == [
        HELLO,
        "My boss, please",
        "I put you through.",
        "They were busy.",
        "Thanks",
        "Anything else?",
    ]
    assert one.conversation.state == {"boss": "Joe", "later": True}
    assert one.conversation.status == "ended"


async def test_no_two_actions_of_a_conversation_have_the_same_key(tmp_path: Path) -> None:
    """A receiver that knows the key of an action from before would not do what is asked now."""
    async with listening() as hook:
        book = {"_action_type": "webhook", "_webhook_constants": {"url": hook.url}}
        schema = document(book=book | {"properties": {"day": {"type": "string"}}})
        books = ANNA.model_copy(update={"prompt": "{{actionsSchema}}", "actions_schema": schema})
        allowed = f'actions.allow=["127.0.0.1:{hook.port}"]'
        async with scripted(*kept_in(tmp_path, books), allowed) as server:
            days = [("One.", ToolCall("book", f'{{"day": "{day}"}}')) for day in ("Mon", "Tue")]
            llm = ScriptedLanguageModel(days)
            server.agents.services = replace(server.agents.services, llm=llm)
            async with talking(server, plan(books)) as live:
                live.typed("Monday")
                await becomes(lambda: len(hook.received) == 1)
                await becomes(
                    lambda: live._call is not None and "Result" in str(live._call.transcript.lines)
                )
                live.leaves()
            async with talking(server, server.switchboard.kept.take("c")) as live:
                live.typed("Tuesday")
                await becomes(lambda: len(hook.received) == 2)
            await idle(server)
    keys = [request.headers["idempotency-key"] for request in hook.received]
    assert len(set(keys)) == 2 and all(key.startswith("c") for key in keys), keys
    async with opened(f"sqlite:///{tmp_path}/kept.db") as store:
        assert [each.number for each in await store.conversations().actions("c")] == [1, 2]


async def test_a_conversation_that_left_and_does_not_come_back_is_over(tmp_path: Path) -> None:
    async with scripted(*kept_in(tmp_path)) as server:
        board = server.switchboard
        async with talking(server, plan(id="away")) as live:
            live.leaves()
        async with talking(server, plan(id="early"), "CA2") as live:
            live.leaves()
            board.over("early", "transfer_connected")  # Before its stream has ended.
        assert board.kept.get("away") is not None and board.kept.get("early") is None
        board.over("away", "transfer_connected")
        assert len(board.kept) == 0
        await idle(server)
    ended = {each.conversation.id: each.conversation for each in await kept(tmp_path)}
    assert {id: each.status for id, each in ended.items()} == {"away": "ended", "early": "ended"}
    assert ended["away"].end_reason == "transfer_connected"


async def test_who_has_used_up_the_messages_hears_of_it(tmp_path: Path) -> None:
    """S004-11: no request to the model; S004-13: over two calls; S004-14: it costs no message."""
    limited = ANNA.model_copy(
        update={"rate_limit": RateLimit(enabled=True, count=2, message="That was all.")}
    )
    async with scripted(*kept_in(tmp_path)) as server:
        llm = with_model(server, "One.", "Two.", "Three.")
        async with talking(server, plan(limited)) as live:
            await says(live, HELLO)
            for text, answer in (("A", "One."), ("B", "Two."), ("C", "That was all.")):
                live.typed(text)
                await says(live, answer)
            live.typed("D")
            await says(live, "That was all.", 2)
        async with talking(server, plan(limited, "c2"), "CA2") as live:
            live.typed("Once more")
            await says(live, "That was all.")
        assert llm.requests == 2
        await idle(server)
    async with opened(f"sqlite:///{tmp_path}/kept.db") as store:
        assert [(each.user_id, each.used) for each in await store.counters().used("")] == [
            (CALLER, 2)
        ]
        assert [count for _, count in await store.counters().account()] == [2]


class Broken(Agents):
    """Nobody can be put on a call."""

    def __init__(self) -> None:
        pass

    async def agent(self, *args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError


@asynccontextmanager
async def surprised(*overrides: str) -> AsyncIterator[tuple[Server, list[Mapping[str, Any]]]]:
    """A server that may crash, and what it logs."""
    with capture_logs() as logged:
        async with serving(load("scripted.toml", (*CHEAP, *overrides), {})) as server:
            yield server, logged  # type: ignore[misc]


async def test_a_bug_in_one_call_ends_that_one_only(tmp_path: Path) -> None:
    async with surprised(*kept_in(tmp_path)) as (server, logged):
        board = server.switchboard
        async with talking(server, plan(id="fine")) as live:
            house = board.house
            assert house is not None
            board.house = replace(house, agents=Broken())
            with pytest.raises(CallRefused, match="could not be connected"):
                async with board.caller(
                    "CA2", MemoryLeg(LoopClock(asyncio.get_running_loop())), True
                ):
                    raise AssertionError("it is no call")
            board.house = house
            assert len(board) == 1 and board.find("CA2") is None
            live.say("I am still here.")
            await says(live, "I am still here.")
        async with talking(server, plan(id="later"), "CA3"):
            raise ZeroDivisionError
        assert [line["event"] for line in logged].count("call_crashed") == 2
        await idle(server)
    ended = {each.conversation.id: each.conversation.end_reason for each in await kept(tmp_path)}
    assert ended == {"fine": "caller_left", "later": "crashed"}
