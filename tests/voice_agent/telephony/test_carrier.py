"""Short calls in real time against tiny agents; all bounds are generous."""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from voice_agent.telephony import carrier
from voice_agent.telephony.caller import Keys, Script, Utterance
from voice_agent.telephony.carrier import (
    CallEvent,
    CallRefused,
    Happening,
    ServerStuck,
    ServerUnreachable,
    place_call,
)
from voice_agent.telephony.pacer import Pacer
from voice_agent.telephony.signature import valid_handshake

TONE = b"\x10" * 8
"""A millisecond."""


class Agent:
    """The server's end of one call."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.heard: list[dict[str, Any]] = []
        self.sid = ""

    async def next(self, event: str) -> dict[str, Any]:
        """The next message of that kind; all messages on the way are kept."""
        while True:
            message = await self.socket.receive(timeout=20)
            if message.type is not WSMsgType.TEXT:
                raise EOFError(event)
            self.heard.append(json.loads(message.data))
            if self.heard[-1]["event"] == event:
                return self.heard[-1]

    async def begin(self) -> None:
        self.sid = (await self.next("start"))["streamSid"]

    async def voiced(self, value: bool = True) -> None:
        """Wait for a frame with a voice in it, or without."""
        while (b"\x10" in b64decode((await self.next("media"))["media"]["payload"])) != value:
            pass

    async def say(self, ms: int) -> None:
        await self.send("media", payload=b64encode(TONE * ms).decode())

    async def send(self, event: str, **body: str) -> None:
        message: dict[str, object] = {"event": event, "streamSid": self.sid}
        await self.socket.send_json(message | ({event: body} if body else {}))

    async def rest(self) -> None:
        """Listen until the carrier is gone."""
        try:
            await self.next("nothing")
        except EOFError:
            return


Behavior = Callable[[Agent], Awaitable[None]]


@asynccontextmanager
async def serving(behavior: Behavior) -> AsyncIterator[tuple[str, list[Agent], list[web.Request]]]:
    """A media socket that behaves so: its URL, its calls and their handshakes."""
    agents: list[Agent] = []
    requests: list[web.Request] = []

    async def media(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        requests.append(request)
        agents.append(Agent(socket))
        await behavior(agents[-1])
        return socket

    app = web.Application()
    app.router.add_get("/media", media)
    async with TestServer(app) as server:
        yield str(server.make_url("/media")).replace("http", "ws", 1), agents, requests


def words(ms: int, label: str = "words", barge_in_after_ms: int | None = None) -> Utterance:
    return Utterance(TONE * ms, label, barge_in_after_ms)


def times(events: tuple[CallEvent, ...], what: Happening) -> list[float]:
    return [event.at_ms for event in events if event.what is what]


def details(events: tuple[CallEvent, ...], what: Happening) -> list[str]:
    return [event.detail for event in events if event.what is what]


async def test_a_conversation_from_greeting_to_hang_up() -> None:
    async def behavior(agent: Agent) -> None:
        await agent.begin()
        await agent.say(200)
        await agent.send("mark", name="greeted")
        await agent.next("mark")
        await agent.voiced()
        await agent.voiced(False)
        await agent.say(200)
        await agent.rest()

    seen: list[CallEvent] = []
    async with serving(behavior) as (url, agents, requests):
        record = await place_call(
            url,
            Script((words(300), Keys("4#", "pin", gap_ms=40)), pause_ms=200, patience_ms=300),
            from_number="+4930901820",
            custom_parameters={"persona": "night"},
            token="secret",
            auth_token="12345",
            call_sid="CA1",
            report=seen.append,
        )
    heard = agents[0].heard
    assert valid_handshake(url, requests[0].headers["X-Twilio-Signature"], "12345")

    assert heard[0] == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    start = heard[1]["start"]
    assert heard[1]["sequenceNumber"] == "1"
    assert (start["callSid"], start["streamSid"]) == ("CA1", record.stream_sid)
    assert start["customParameters"] == {
        "from": "+4930901820",
        "persona": "night",
        "token": "secret",
    }
    media = [message["media"] for message in heard if message["event"] == "media"]
    assert [m["chunk"] for m in media] == [str(n + 1) for n in range(len(media))]
    assert [m["timestamp"] for m in media] == [str(20 * n + 20) for n in range(len(media))]
    audio = b"".join(b64decode(m["payload"]) for m in media)
    assert record.sent_mulaw.startswith(audio)
    assert len(audio) == 160 * len(media)
    assert [m["dtmf"]["digit"] for m in heard if m["event"] == "dtmf"] == ["4", "#"]
    assert [m["mark"]["name"] for m in heard if m["event"] == "mark"] == ["greeted"]
    assert heard[-1]["event"] == "stop"
    assert heard[-1]["stop"]["callSid"] == "CA1"
    numbers = [int(m["sequenceNumber"]) for m in heard[1:]]
    assert numbers == list(range(1, len(numbers) + 1))

    assert record.events == tuple(seen)
    assert len(record.sent) == len(record.heard) == 2 * len(record.heard_mulaw)
    assert record.heard_mulaw.count(b"\x10") == 400 * 8
    assert record.sent_mulaw.count(b"\x10") == 300 * 8
    assert [spoken.label for spoken in record.spoken] == ["words", "pin"]
    answered, keyed = record.turns
    assert answered.latency_ms is not None
    assert 0 <= answered.latency_ms < 1000
    assert keyed.latency_ms is None
    assert record.unanswered == ("pin",)
    assert record.greeting_ms is not None
    assert not record.hung_up_by_agent
    assert record.barge_ins == ()
    assert record.underruns.count == 0
    (echoed,), (first,) = (
        times(record.events, h) for h in (Happening.MARK_ECHOED, Happening.FIRST_MEDIA)
    )
    assert echoed - first >= 199


async def test_barge_in_is_cleared_and_all_marks_come_back() -> None:
    async def behavior(agent: Agent) -> None:
        await agent.begin()
        await agent.say(5000)
        await agent.send("mark", name="a")
        await agent.say(5000)
        await agent.send("mark", name="b")
        await agent.voiced()
        await agent.send("clear")
        assert (await agent.next("mark"))["mark"]["name"] == "a"
        assert (await agent.next("mark"))["mark"]["name"] == "b"
        await agent.voiced(False)
        await agent.say(100)
        await agent.rest()

    async with serving(behavior) as (url, _, _):
        record = await place_call(
            url, Script((words(300, "stop", barge_in_after_ms=300),), farewell_ms=100)
        )
    (clear,) = times(record.events, Happening.CLEAR)
    assert details(record.events, Happening.MARK_ECHOED) == ["a", "b"]
    (barge_in,) = record.barge_ins
    assert barge_in.label == "stop"
    assert barge_in.clear_after_ms == pytest.approx(clear - barge_in.at_ms)
    assert barge_in.silence_after_ms == pytest.approx(barge_in.clear_after_ms, abs=1)
    assert record.turns[0].answered_ms is not None
    assert record.greeting_ms is not None
    assert barge_in.at_ms - record.greeting_ms == pytest.approx(300, abs=41)


async def test_the_agent_hangs_up() -> None:
    async def behavior(agent: Agent) -> None:
        await agent.begin()
        await agent.next("media")
        await agent.socket.close(code=4001, message=b"enough")

    async with serving(behavior) as (url, _, _):
        record = await place_call(url, Script())
    assert record.hung_up_by_agent
    assert (record.close_code, record.close_reason) == (4001, "enough")
    assert record.events[-1].what is Happening.CLOSED
    assert record.events[-1].detail == "4001"
    assert record.greeting_ms is None


async def test_a_server_that_closes_or_dies_at_once() -> None:
    async def closes(agent: Agent) -> None:
        await agent.socket.close(code=1008)

    async def dies(agent: Agent) -> None:
        assert agent.socket._req is not None
        assert agent.socket._req.transport is not None
        agent.socket._req.transport.abort()
        await agent.rest()

    for behavior, code in ((closes, 1008), (dies, 1006)):
        async with serving(behavior) as (url, _, _):
            record = await place_call(url, Script())
        assert record.hung_up_by_agent
        assert record.close_code == code


async def test_garbage_is_reported_and_survived() -> None:
    async def behavior(agent: Agent) -> None:
        await agent.begin()
        await agent.socket.send_str("{")
        await agent.socket.send_str('{"event":"dance"}')
        await agent.socket.send_bytes(b"\x00")
        sid, agent.sid = agent.sid, "MZ-another"
        await agent.say(100)
        agent.sid = sid
        await agent.say(100)
        await agent.rest()

    async with serving(behavior) as (url, _, _):
        record = await place_call(url, Script(farewell_ms=60))
    assert len(details(record.events, Happening.MALFORMED)) == 4
    assert record.heard_mulaw.count(b"\x10") == 800
    assert not record.hung_up_by_agent


async def test_many_calls_share_a_pacer() -> None:
    async def behavior(agent: Agent) -> None:
        await agent.begin()
        await agent.say(100)
        await agent.rest()

    async with (
        serving(behavior) as (url, agents, _),
        Pacer() as pacer,
        asyncio.TaskGroup() as calls,
    ):
        placed = [
            calls.create_task(place_call(url, Script((words(100),), patience_ms=200), pacer=pacer))
            for _ in range(12)
        ]
    records = [call.result() for call in placed]
    assert len({record.call_sid for record in records}) == 12
    for record in records:
        assert record.unanswered == ("words",)
        assert record.sent_mulaw.count(b"\x10") == 800
        assert record.heard_mulaw.count(b"\x10") == 800


async def test_a_server_that_blocks_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async def behavior(agent: Agent) -> None:
        await agent.rest()

    monkeypatch.setattr(carrier, "STUCK_S", -0.4)  # Before the caller would hang up.
    async with serving(behavior) as (url, _, _):
        with pytest.raises(ServerStuck):
            await place_call(url, Script(limit_ms=500))


async def test_refused_and_unreachable() -> None:
    async def behavior(agent: Agent) -> None:
        await agent.rest()

    async with serving(behavior) as (url, _, _):
        with pytest.raises(CallRefused) as refused:
            await place_call(f"{url}/nowhere", Script())
    assert refused.value.status == 404
    with pytest.raises(ServerUnreachable):
        await place_call(url, Script())


async def test_a_cancelled_call_closes_its_socket() -> None:
    closed = asyncio.Event()

    async def behavior(agent: Agent) -> None:
        await agent.begin()
        await agent.rest()
        closed.set()

    async with serving(behavior) as (url, _, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await place_call(url, Script())
        async with asyncio.timeout(20):
            await closed.wait()
