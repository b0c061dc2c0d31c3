"""The webhook, the handshake and what operators ask, over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import chain
from xml.etree import ElementTree

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.voice_agent.media import (
    FRAME,
    HANG_S,
    TONE,
    calling,
    dialed,
    idle,
    metric,
    nothing_logged,
    scripted,
)
from voice_agent.app import Server, serving
from voice_agent.calls.reception import Reception
from voice_agent.calls.session import Switchboard
from voice_agent.desk import Desk
from voice_agent.errors import ConfigurationError
from voice_agent.personas.persona import Persona
from voice_agent.settings import load
from voice_agent.telemetry.metrics import Metrics
from voice_agent.telephony.live import tickets
from voice_agent.telephony.signature import HEADER, sign_form, sign_handshake
from voice_agent.web.server import Front
from voice_pipelines.conversation.commands import Message
from voice_pipelines.engine.clock import LoopClock
from voice_pipelines.errors import ProviderUnavailable
from voice_pipelines.ports import ReplyDelta, Tool

SECRET = "a secret auth token"
PUBLIC = "https://agent.example.com"


@asynccontextmanager
async def asking(server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.url) as session:
        yield session


async def read(response: aiohttp.ClientResponse) -> ElementTree.Element:
    """The TwiML of an answer."""
    assert response.status == 200
    assert response.content_type == "text/xml"
    return ElementTree.fromstring(await response.text())


def parameters(twiml: ElementTree.Element) -> dict[str, str]:
    found = twiml.iterfind("./Connect/Stream/Parameter")
    return {node.get("name", ""): node.get("value", "") for node in found}


def stream_url(twiml: ElementTree.Element) -> str:
    stream = twiml.find("./Connect/Stream")
    assert stream is not None
    return stream.get("url", "")


# The webhook -------------------------------------------------------------------------------------


async def test_a_call_is_connected_to_the_media_socket() -> None:
    async with scripted() as server, asking(server) as http:
        async with http.post("/twilio/voice", data={"From": "+15550123"}) as response:
            posted = await read(response)
        async with http.get("/twilio/voice", params={"From": "+15550123"}) as response:
            got = await read(response)
        for twiml in (posted, got):
            assert stream_url(twiml) == f"ws://127.0.0.1:{server.port}/twilio/media"
            assert parameters(twiml)["from"] == "+15550123"
            assert [node.tag for node in twiml] == ["Connect", "Hangup"]
        tokens = {parameters(twiml)["token"] for twiml in (posted, got)}
        assert len(tokens) == 2 and all(len(token) >= 40 for token in tokens)


async def test_behind_a_public_address_the_stream_is_there() -> None:
    overrides = (f"server.public_url={PUBLIC}/", "twilio.require_token=true")
    async with scripted(*overrides) as server, asking(server) as http:
        async with http.post("/twilio/voice", headers={"Host": "evil.example"}) as response:
            assert stream_url(await read(response)) == "wss://agent.example.com/twilio/media"


@pytest.mark.parametrize("caller", ["<&\"'>", "\x00\x1b", "x" * 5000, "ü☎", ""])
async def test_any_caller_id_makes_good_xml(caller: str) -> None:
    async with scripted() as server, asking(server) as http:
        async with http.post("/twilio/voice", data={"From": caller}) as response:
            given = parameters(await read(response))["from"]
    assert len(given) <= 40 and given.isprintable()


FORM = "application/x-www-form-urlencoded"
BAD_REQUESTS: list[tuple[dict[str, str], bytes, int]] = [
    ({"Content-Type": FORM}, b"From=%ff", 400),
    ({"Content-Type": f"{FORM}; charset=utf-8"}, b"From=\xff\xfe", 400),
    ({"Content-Type": "multipart/form-data; boundary=x"}, b"rubbish", 415),
    ({"Content-Type": "application/json"}, b"{}", 415),
    ({"Content-Type": FORM}, b"From=" + b"x" * 70_000, 413),
    ({"Host": "[::1", "Content-Type": FORM}, b"From=1", 400),
    ({"Host": "", "Content-Type": FORM}, b"From=1", 400),
]


@pytest.mark.parametrize(("headers", "body", "status"), BAD_REQUESTS)
async def test_what_cannot_be_read_is_refused(
    headers: dict[str, str], body: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with nothing_logged(caplog):
        async with scripted() as server, asking(server) as http:
            async with http.post("/twilio/voice", headers=headers, data=body) as response:
                assert response.status == status
                assert (await response.text()).count("\n") <= 1


async def test_other_methods_and_paths() -> None:
    async with scripted() as server, asking(server) as http:
        async with http.put("/twilio/voice") as response:
            assert response.status == 405
        async with http.get("/") as response:
            assert response.status == 404
        async with http.get("/twilio/media") as response:
            assert response.status == 426
        async with http.get(
            "/twilio/media", headers={"Upgrade": "websocket", "Connection": "upgrade"}
        ) as response:
            assert response.status == 400


# Who asks ----------------------------------------------------------------------------------------


@asynccontextmanager
async def signed(monkeypatch: pytest.MonkeyPatch, *overrides: str) -> AsyncIterator[Server]:
    """A server that checks signatures."""
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", SECRET)
    public = (f"server.public_url={PUBLIC}", "twilio.require_token=true")
    async with scripted(*public, *overrides) as server:
        yield server


async def post_status(
    server: Server, path: str, form: Mapping[str, str], headers: Mapping[str, str]
) -> int:
    async with asking(server) as http, http.post(path, data=form, headers=headers) as response:
        return response.status


async def test_the_signature_of_the_webhook(monkeypatch: pytest.MonkeyPatch) -> None:
    url, form = f"{PUBLIC}/twilio/voice", {"From": "+15550123", "CallSid": "CA1"}
    good = sign_form(url, form, SECRET)
    query = sign_form(f"{url}?a=1&b=%20", form, SECRET)
    local = "http://127.0.0.1/twilio/voice"
    async with signed(monkeypatch) as server:

        async def status(signature: str, *, path: str = "/twilio/voice", **more: str) -> int:
            return await post_status(server, path, form | more, {HEADER: signature})

        assert await status(good) == 200
        assert await status(good) == 200
        assert await status(query, path="/twilio/voice?a=1&b=%20") == 200
        assert await status(query) == 403
        assert await status(good, path="/twilio/voice?a=1") == 403
        assert await status(good, From="+15550666") == 403
        assert await status(good, Extra="1") == 403
        assert await status(sign_form(url, form, "another token")) == 403
        assert await status(sign_form(local, form, SECRET)) == 403
        assert await status("") == 403
        assert await status("\xff☎") == 403
        assert await post_status(server, "/twilio/voice", form, {}) == 403
        async with asking(server) as http:
            get = {HEADER: sign_form(f"{url}?From=1", {}, SECRET)}
            async with http.get("/twilio/voice?From=1", headers=get) as response:
                assert response.status == 200
            async with http.get("/twilio/voice?From=2", headers=get) as response:
                assert response.status == 403
                assert "server.public_url" in await response.text()
            both = {HEADER: good, "Host": "evil.example", "X-Forwarded-Host": "evil.example"}
            async with http.post("/twilio/voice", data=form, headers=both) as response:
                assert stream_url(await read(response)).startswith("wss://agent.example.com/")


async def test_a_form_with_repeated_keys_is_signed_with_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from multidict import MultiDict
    from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

    form = MultiDict([("a", "1"), ("a", "2"), ("b", "")])
    good = RequestValidator(SECRET).compute_signature(f"{PUBLIC}/twilio/voice", form)
    async with signed(monkeypatch) as server, asking(server) as http:
        async with http.post("/twilio/voice", data=form, headers={HEADER: good}) as response:
            assert response.status == 200


async def handshake(server: Server, headers: Mapping[str, str]) -> int:
    try:
        async with dialed(server, headers) as socket:
            await socket.say(socket.wire.stop())
            assert await socket.close_code() == 1000
            return 101
    except aiohttp.WSServerHandshakeError as error:
        return error.status


async def test_the_signature_of_the_handshake(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "wss://agent.example.com/twilio/media"
    with_port = "wss://agent.example.com:443/twilio/media"
    async with signed(monkeypatch) as server:
        assert await handshake(server, {HEADER: sign_handshake(url, SECRET)}) == 101
        assert await handshake(server, {HEADER: sign_handshake(with_port, SECRET)}) == 101
        wrong = [
            "",
            "AAAA",
            "\xff",
            sign_handshake(url, "another token"),
            sign_handshake("https://agent.example.com/twilio/media", SECRET),
            sign_handshake("wss://agent.example.com:80/twilio/media", SECRET),
            sign_handshake("wss://evil.example/twilio/media", SECRET),
        ]
        for signature in wrong:
            assert await handshake(server, {HEADER: signature}) == 403
        assert await handshake(server, {}) == 403


async def test_a_signed_call_from_the_webhook_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    form = {"From": "+15550123"}
    url = "wss://agent.example.com/twilio/media"
    async with signed(monkeypatch) as server, asking(server) as http:
        headers = {HEADER: sign_form(f"{PUBLIC}/twilio/voice", form, SECRET)}
        async with http.post("/twilio/voice", data=form, headers=headers) as response:
            given = parameters(await read(response))
        async with dialed(server, {HEADER: sign_handshake(url, SECRET)}) as socket:
            await socket.start(given)
            await socket.is_answered()


async def test_nobody_listens_beyond_loopback_without_authentication() -> None:
    with pytest.raises(ConfigurationError, match="0.0.0.0 lets others in: set TWILIO_AUTH_TOKEN"):
        async with serving(load("scripted.toml", ("server.host=0.0.0.0",), {})):
            raise AssertionError


# Full, starting, draining ------------------------------------------------------------------------


async def said(server: Server) -> str:
    async with asking(server) as http, http.post("/twilio/voice") as response:
        twiml = await read(response)
    assert [node.tag for node in twiml] == ["Say", "Hangup"]
    return twiml.findtext("Say", "")


async def ready(server: Server) -> tuple[int, dict[str, object]]:
    async with asking(server) as http, http.get("/readyz") as response:
        return response.status, await response.json()


async def test_a_full_server_says_so() -> None:
    async with scripted("server.max_calls=1") as server, calling(server) as socket:
        await socket.is_answered()
        assert "later" in await said(server)
        assert metric(server, "voice_agent_calls_refused_total", {"reason": "full"}) == 1
        await socket.say(socket.wire.stop())
        await socket.close_code()
        async with asking(server) as http, http.post("/twilio/voice") as response:
            assert parameters(await read(response))["token"]


async def test_a_server_that_drains_finishes_its_calls() -> None:
    async with scripted() as server, calling(server) as socket:
        await socket.is_answered()
        status, body = await ready(server)
        assert (status, body["ready"], body["calls"], body["waiting_for"]) == (200, True, 1, "")
        async with asyncio.TaskGroup() as tasks:
            draining = tasks.create_task(server.switchboard.drain(60_000))
            await socket.is_answered()
            assert "later" in await said(server)
            status, body = await ready(server)
            assert status == 503 and "live calls" in str(body["waiting_for"])
            assert not draining.done()
            await socket.say(socket.wire.stop())
            await socket.close_code()
        assert len(server.switchboard) == 0


async def test_after_the_deadline_the_agent_says_good_bye() -> None:
    async with scripted("limits.linger_ms=0") as server, calling(server) as socket:
        await socket.is_answered()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.switchboard.drain(0))
            # Marks are not echoed here: the agent believes its clock after a while.
            assert await socket.close_code() == 1000
        assert metric(server, "voice_agent_calls_total", {"reason": "draining"}) == 1


async def test_before_the_models_are_loaded_nobody_is_taken() -> None:
    configuration = load("scripted.toml", (), {})
    metrics, clock = Metrics(), LoopClock(asyncio.get_running_loop())
    board = Switchboard(metrics, None, 10)
    reception = Reception(Persona(name="Anna"))
    streams = tickets(configuration.settings)
    desk = Desk(board, reception, streams, clock)
    front = Front(configuration.settings, "", board, metrics, streams, clock, desk.receive)
    async with TestServer(front.application()) as web:
        server = Server("127.0.0.1", web.port or 0, board, metrics, reception)
        status, body = await ready(server)
        assert status == 503 and "models" in str(body["waiting_for"])
        assert "later" in await said(server)
        async with calling(server) as socket:
            assert await socket.close_code() == 1013
        async with asking(server) as http, http.get("/healthz") as response:
            assert response.status == 200 and await response.json() == {"status": "ok"}
        assert metric(server, "voice_agent_calls_refused_total", {"reason": "starting"}) == 2


# Metrics -----------------------------------------------------------------------------------------


async def scrape(server: Server) -> str:
    async with asking(server) as http, http.get("/metrics") as response:
        assert response.status == 200 and "version=" in response.headers["Content-Type"]
        return await response.text()


async def test_metrics_are_filled_turn_by_turn() -> None:
    count = "voice_agent_first_audio_seconds_count"
    async with scripted() as server, calling(server) as socket, asyncio.TaskGroup() as tasks:
        assert "voice_agent_live_calls 1.0" in await scrape(server)
        tasks.create_task(socket.plays())
        # Half a second of voice, then silence, as fast as can be: audio is counted in samples.
        await socket.audio(*chain([TONE] * 25, [FRAME] * 60))
        for _ in range(HANG_S * 100):
            if metric(server, count):
                break
            await asyncio.sleep(0.01)
        answers = {"kind": "answer", "interrupted": "false"}
        assert metric(server, "voice_agent_turns_total", answers) == 1
        for stage in ("endpointing", "stt", "llm_first_token", "first_clause", "tts_first_byte"):
            assert metric(server, "voice_agent_stage_seconds_count", {"stage": stage}) == 1, stage
        text = await scrape(server)
        assert "voice_agent_loop_lag_seconds_bucket" in text
        assert metric(server, "voice_agent_loop_lag_seconds_count") > 5
        assert "voice_agent_underruns_total" in text
        assert socket.call_sid not in text
        await socket.say(socket.wire.stop())
        await idle(server)
        assert metric(server, "voice_agent_calls_total", {"reason": "caller_left"}) == 1
        assert metric(server, "voice_agent_live_calls") == 0


class Down:
    """A language model that is not there."""

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[Tool] = ()
    ) -> AsyncIterator[ReplyDelta]:
        raise ProviderUnavailable("acme", "it is down")
        yield ""


async def test_errors_are_counted_by_provider() -> None:
    async with scripted() as server:
        services = server.agents.services
        server.agents.services = replace(services, llm=Down())
        async with calling(server) as socket:
            await socket.is_answered()  # By a filler.
            labels = {"stage": "llm", "provider": "acme"}
            assert metric(server, "voice_agent_provider_errors_total", labels) >= 2
            assert not metric(server, "voice_agent_first_audio_seconds_count")


# Anything ----------------------------------------------------------------------------------------


async def _survives(requests: Sequence[tuple[str, bytes]]) -> None:
    async with scripted("journal.directory=") as server, asking(server) as http:
        for content_type, body in requests:
            headers = {"Content-Type": content_type}
            async with http.post("/twilio/voice", data=body, headers=headers) as response:
                assert response.status in (200, 400, 415)


_TYPES = st.sampled_from([FORM, "multipart/form-data; boundary=x", f"{FORM}; charset=utf-16"])
_BODIES = st.binary(max_size=80) | st.binary(max_size=40).map(lambda value: b"From=" + value)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(_TYPES, _BODIES), max_size=8))
def test_no_form_crashes_the_server(requests: list[tuple[str, bytes]]) -> None:
    asyncio.run(_survives(requests))
