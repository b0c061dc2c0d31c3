"""What the media socket answers to whatever a carrier, or somebody else, sends."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.voice_agent.media import (
    FRAME,
    HANG_S,
    TONE,
    Socket,
    calling,
    dialed,
    idle,
    metric,
    nothing_logged,
    only,
    scripted,
)
from voice_agent.app import Server, serving
from voice_agent.settings import load
from voice_agent.transports.sending import Close
from voice_codecs.pcm import MULAW_8K, AudioFormat
from voice_pipelines.conversation.commands import Message
from voice_pipelines.ports import HypothesisSink, Recognizer, ReplyDelta, Tool


@asynccontextmanager
async def undisturbed(*overrides: str) -> AsyncIterator[Server]:
    """A server with a live call that goes on whatever others do, and no trace of them after it."""
    async with scripted(*overrides) as server, calling(server) as bystander:
        await bystander.is_answered()
        tasks = asyncio.all_tasks()
        yield server
        await only(tasks)
        await bystander.is_answered()
        assert len(server.switchboard) == 1
        assert metric(server, "voice_agent_live_calls") == 1


# What is ignored ---------------------------------------------------------------------------------

MALFORMED = [
    "",
    "hello",
    "null",
    "[]",
    "{}",
    "42",
    '{"event"',
    '{"event": 5}',
    '{"event": null}',
    '{"event": "media"}',
    '{"event": "media", "streamSid": "MZ1", "sequenceNumber": "1", "media": "loud"}',
    '{"event": "start", "streamSid": 5}',
    '{"event": "mark", "streamSid": "MZ1", "sequenceNumber": "1", "mark": {"name": ["x"]}}',
    '{"event": "dtmf", "streamSid": "MZ1", "sequenceNumber": "1", "dtmf": {"digit": "12"}}',
    '{"event": "dtmf", "streamSid": "MZ1", "sequenceNumber": "1", "dtmf": {"digit": ""}}',
    '{"event": "stop", "streamSid": "MZ1", "sequenceNumber": "-1", "stop": {}}',
    "[" * 30_000,
    '{"event": "media", "media": ' + '{"a":' * 5000,
    json.dumps({"event": "media", "streamSid": "MZ1", "sequenceNumber": "x", "media": {}}),
]


def media(payload: object) -> str:
    body = {"track": "inbound", "chunk": "1", "timestamp": "5", "payload": payload}
    return json.dumps({"event": "media", "streamSid": "MZ1", "sequenceNumber": "3", "media": body})


BAD_PAYLOADS = [media(payload) for payload in ("*", "a", "=====", 5, None, ["/w=="], "ä")]


async def test_malformed_messages_are_counted_and_ignored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    texts = MALFORMED + BAD_PAYLOADS
    with nothing_logged(caplog):
        async with (
            undisturbed(f"twilio.malformed_messages={2 * len(texts) + 1}") as server,
            dialed(server) as socket,
        ):
            await socket.say(*texts)
            await socket.start()
            await socket.say(*texts)
            await socket.is_answered()
            labels = {"kind": "malformed"}
            counted = metric(server, "voice_agent_messages_ignored_total", labels)
            assert counted == 2 * len(texts)
            await socket.say(socket.wire.stop())
            assert await socket.close_code() == 1000


async def test_too_many_malformed_messages_close_the_socket() -> None:
    async with undisturbed("twilio.malformed_messages=5") as server:
        async with calling(server) as socket:
            await socket.say(*MALFORMED[:5])
            assert await socket.close_code() == 1007
        async with dialed(server) as socket:
            await socket.say(*MALFORMED[:5])
            assert await socket.close_code() == 1007


async def test_unknown_events_are_counted_and_ignored() -> None:
    async with undisturbed("twilio.malformed_messages=1") as server, dialed(server) as socket:
        await socket.say('{"event": "weather"}', '{"event": "Start"}')
        await socket.start()
        await socket.say('{"event": "weather", "weather": {"sunny": true}}')
        await socket.is_answered()
        assert metric(server, "voice_agent_messages_ignored_total", {"kind": "unknown"}) == 3


@pytest.mark.parametrize("size", [0, 1, 7, 159, 161, 320, 40_000])
async def test_audio_comes_in_any_size(size: int) -> None:
    async with undisturbed() as server, calling(server) as socket:
        await socket.audio(*[TONE[:1] * size] * 3)
        await socket.is_answered()


async def test_marks_that_nobody_sent_are_ignored() -> None:
    async with undisturbed() as server, calling(server) as socket:
        for name in ("", "x", "0.5", "0.99999999999999999999", "-1.-1", "0.", ".", "0.\u0661", "é"):
            await socket.say(socket.wire.mark(name))
        await socket.is_answered()


async def test_a_flood_of_audio_does_not_disturb_others() -> None:
    async with undisturbed() as server, calling(server) as socket:
        await socket.audio(*[TONE, FRAME] * 1000)
        await socket.say(socket.wire.stop())
        assert await socket.close_code() == 1000


# What ends the call ------------------------------------------------------------------------------

Act = Callable[[Socket], Awaitable[object]]


def start_with(**changes: object) -> Act:
    """A start whose media format is another one."""

    async def act(socket: Socket) -> None:
        message = json.loads(socket.wire.start())
        message["start"]["mediaFormat"].update(changes)
        await socket.say(json.dumps(message))

    return act


async def no_messages(socket: Socket) -> None:
    return


async def only_pings(socket: Socket) -> None:
    await socket.web.ping()


async def only_connected(socket: Socket) -> None:
    await socket.say(socket.wire.connected(), '{"event": "weather"}')


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda socket: socket.web.send_bytes(b"\x00" * 160), 1003),
        (lambda socket: socket.web.send_bytes(b""), 1003),
        (lambda socket: socket.audio(FRAME), 1002),
        (lambda socket: socket.say(socket.wire.dtmf("5")), 1002),
        (lambda socket: socket.say(socket.wire.mark("0.1")), 1002),
        (lambda socket: socket.say(socket.wire.stop()), 1000),
        (lambda socket: socket.say("x" * 65_600), 1009),
        (lambda socket: socket.say(media("A" * 100_000)), 1009),
        (start_with(encoding="audio/opus"), 1003),
        (start_with(sampleRate=16000), 1003),
        (start_with(channels=2), 1003),
        (no_messages, 1008),
        (only_pings, 1008),
        (only_connected, 1008),
    ],
)
async def test_before_the_start(act: Act, code: int, caplog: pytest.LogCaptureFixture) -> None:
    with nothing_logged(caplog):
        async with undisturbed("twilio.start_ms=500") as server, dialed(server) as socket:
            await act(socket)
            assert await socket.close_code() == code


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda socket: socket.web.send_bytes(b"\x00" * 160), 1003),
        (lambda socket: socket.say(socket.wire.start()), 1002),
        (lambda socket: socket.say(socket.wire.stop()), 1000),
        (lambda socket: socket.say("x" * 65_600), 1009),
        (lambda socket: socket.web.close(code=4000), None),
    ],
)
async def test_in_the_call(act: Act, code: int | None, caplog: pytest.LogCaptureFixture) -> None:
    with nothing_logged(caplog):
        async with undisturbed() as server, calling(server) as socket:
            await socket.is_answered()
            await act(socket)
            assert await socket.close_code() == code


async def test_text_that_is_no_utf8_closes_the_socket() -> None:
    async with undisturbed() as server, calling(server) as socket:
        await socket.web.send_frame(b"\xff\xfe", aiohttp.WSMsgType.TEXT)
        assert await socket.close_code() == 1007


# Callers who fall silent -------------------------------------------------------------------------


async def test_a_caller_who_never_sends_audio_is_dropped() -> None:
    async with scripted("twilio.quiet_ms=200") as server, calling(server) as socket:
        assert await socket.close_code() is None
        await idle(server)


async def test_a_caller_who_stops_in_the_middle_of_a_word_is_answered() -> None:
    """Frames that do not come are no silence: the gate stays open until the recognizer is asked."""
    async with scripted("endpointing.stable_ms=300", "endpointing.max_turn_ms=500") as server:
        async with calling(server) as socket:
            await socket.audio(*[TONE] * 30)
            await socket.is_answered()
            await socket.say(socket.wire.stop())
        await idle(server)


async def test_a_socket_that_closes_only_its_half_ends_the_call() -> None:
    async with undisturbed() as server, calling(server) as socket:
        await socket.is_answered()
        _transport(socket).write_eof()
        assert await socket.close_code() in (None, 1000)


async def test_an_aborted_socket_ends_the_call(caplog: pytest.LogCaptureFixture) -> None:
    with nothing_logged(caplog):
        async with undisturbed() as server, calling(server) as socket:
            await socket.is_answered()
            _transport(socket).abort()


async def test_an_abort_during_the_handshake_leaves_nothing() -> None:
    async with undisturbed() as server:
        for request in (b"GET", b"GET /twilio/media HTTP/1.1\r\n", UPGRADE):
            reader, writer = await asyncio.open_connection(server.host, server.port)
            writer.write(request)
            await writer.drain()
            writer.transport.abort()
            assert await reader.read() == b""


UPGRADE = (
    b"GET /twilio/media HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def _transport(socket: Socket) -> asyncio.Transport:
    connection = socket.web._conn
    assert connection is not None and connection.protocol is not None
    transport = connection.protocol.transport
    assert isinstance(transport, asyncio.Transport)
    return transport


async def test_a_client_that_never_answers_the_close_is_dropped() -> None:
    async with undisturbed() as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(UPGRADE + b"\x82\x80\x00\x00\x00\x00")  # An empty binary frame.
        async with asyncio.timeout(HANG_S):
            answer = await reader.read()  # Until the server drops it.
        assert b" 101 " in answer and b"\x03\xeb" in answer
        writer.close()


# Tokens ------------------------------------------------------------------------------------------


async def token_of(server: Server) -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/twilio/voice") as response,
    ):
        text = await response.text()
    return text.partition('name="token" value="')[2].partition('"')[0]


async def test_a_token_opens_one_call() -> None:
    async with scripted("twilio.require_token=true") as server:
        token = await token_of(server)
        async with calling(server, {"token": token}) as socket:
            await socket.is_answered()
            async with calling(server, {"token": token}) as second:
                assert await second.close_code() == 1008
            await socket.is_answered()
        await idle(server)


@pytest.mark.parametrize(
    "parameters", [{}, {"token": ""}, {"token": "guess"}, {"token": "\ud800"}, {"Token": "x"}]
)
async def test_without_its_token_no_call_begins(parameters: dict[str, str]) -> None:
    overrides = ("twilio.require_token=true", "twilio.start_ms=500")
    async with scripted(*overrides) as server, dialed(server) as socket:
        message = json.loads(socket.wire.start())
        message["start"]["customParameters"] = parameters
        await socket.say(json.dumps(message))
        assert await socket.close_code() == 1008
        assert not len(server.switchboard)


async def test_an_expired_token_opens_nothing() -> None:
    async with scripted("twilio.require_token=true", "twilio.token_ms=0") as server:
        async with calling(server, {"token": await token_of(server)}) as socket:
            assert await socket.close_code() == 1008


# No room, and bugs -------------------------------------------------------------------------------


async def test_a_full_server_refuses_further_streams() -> None:
    async with undisturbed("server.max_calls=1") as server, calling(server) as socket:
        assert await socket.close_code() == 1013


async def test_a_draining_server_refuses_further_streams() -> None:
    async with undisturbed() as server:
        server.switchboard.draining = True
        async with calling(server) as socket:
            assert await socket.close_code() == 1013


class Broken:
    """A language model with a bug."""

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[Tool] = ()
    ) -> AsyncIterator[ReplyDelta]:
        yield "Well"
        raise ZeroDivisionError


async def test_a_bug_ends_its_call_and_no_other() -> None:
    with capture_logs() as events:
        async with (
            serving(load("scripted.toml", ("vad=energy", "server.port=0"), {})) as server,
            calling(server) as bystander,
        ):
            await bystander.is_answered()
            services = server.agents.services
            server.agents.services = replace(services, llm=Broken())
            async with calling(server) as socket:
                await socket.say(socket.wire.dtmf("1"), socket.wire.dtmf("#"))
                assert await socket.close_code() == 1011
            await bystander.is_answered()
            assert metric(server, "voice_agent_calls_total", {"reason": "crashed"}) == 1
    assert [event["event"] for event in events].count("call_crashed") == 1
    del bystander, socket, server, services
    events.clear()


async def test_a_recognizer_that_cannot_be_opened_refuses_the_call() -> None:
    with capture_logs() as events:
        async with serving(load("scripted.toml", ("vad=energy", "server.port=0"), {})) as server:
            services = server.agents.services
            server.agents.services = replace(services, stt=Deaf())
            async with calling(server) as socket:
                assert await socket.close_code() == 1013
            assert not len(server.switchboard)
    assert [event["event"] for event in events].count("call_crashed") == 1


class Deaf:
    """A recognizer with a bug."""

    @property
    def format(self) -> AudioFormat:
        return MULAW_8K

    def listen(self, report: HypothesisSink) -> AbstractAsyncContextManager[Recognizer]:
        raise ZeroDivisionError


def test_a_close_tells_its_reason() -> None:
    assert str(Close(1002, "why")) == "why"


# Anything ----------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
_EVENTS = st.sampled_from(["connected", "start", "media", "mark", "dtmf", "stop", "clear", "?"])
_NEARLY = st.builds(
    lambda event, sid, number, body, more: json.dumps(
        {**more, "event": event, "streamSid": sid, "sequenceNumber": number, event: body}
    ),
    _EVENTS,
    st.just("MZ1") | _JSON,
    st.just("1") | _JSON,
    st.fixed_dictionaries(
        {},
        optional={
            "callSid": st.text(max_size=5),
            "accountSid": st.just("AC"),
            "name": st.text(max_size=5),
            "digit": st.sampled_from("0123456789*#AX"),
            "track": st.just("inbound"),
            "chunk": st.integers(),
            "timestamp": st.just("20"),
            "payload": st.sampled_from(["", "/w==", "fn5+fn5+", "?"]),
            "mediaFormat": st.just(
                {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
            ),
            "customParameters": _JSON,
        },
    ),
    st.dictionaries(st.text(max_size=5), _JSON, max_size=2),
)
_TEXTS = st.text(max_size=60) | _JSON.map(json.dumps) | _NEARLY


async def _survives(scripts: Sequence[tuple[bool, Sequence[str]]]) -> None:
    async with scripted("journal.directory=") as server:
        tasks = asyncio.all_tasks()
        for started, texts in scripts:
            async with dialed(server) as socket:
                if started:
                    await socket.start()
                try:
                    await socket.say(*texts)
                except ConnectionError:
                    pass  # Closed already.
        async with calling(server) as socket:
            await socket.is_answered()
        await idle(server)
        await only(tasks)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.booleans(), st.lists(_TEXTS, max_size=25)), max_size=8))
def test_no_messages_crash_the_server(scripts: list[tuple[bool, list[str]]]) -> None:
    asyncio.run(_survives(scripts))
