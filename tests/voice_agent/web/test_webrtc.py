"""Conversations over WebRTC, with aiortc as the page, against the whole server."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import numpy as np
import pytest
from structlog.testing import capture_logs

from bench.page import FRAME_BYTES, Page, PageError, page
from tests.voice_agent.calls.rooms import becomes
from tests.voice_agent.media import HANG_S, idle
from tests.voice_agent.transports.webrtc.test_bindings import free_ports
from tests.voice_agent.web.test_browser import HELLO, PAGE, Place, place, records
from voice_agent.sections import ServerSettings, WebRtcSettings
from voice_agent.web.entrance import Entrance
from voice_agent.web.webrtc import WebRtcRoutes
from voice_codecs.browser import (
    ActionTaken,
    End,
    Error,
    Flush,
    MessagesUpdate,
    Mute,
    Paused,
    Ready,
    Said,
    SayText,
    StateUpdated,
    UpdateState,
    UserSpeechEnded,
    UserSpeechStarted,
    UserText,
)
from voice_pipelines.engine.clock import Metronome
from voice_pipelines.ports import ToolCall

LOUD = (b"\x00\x20" * 8 + b"\x00\xe0" * 8) * 20
"""20 ms of noise at 16 kHz."""


@asynccontextmanager
async def talking(here: Place, **more: Any) -> AsyncIterator[Page]:
    """A page in a conversation with Anna."""
    async with asyncio.timeout(HANG_S), page(here.server.url) as there:
        await there.begin(token=await here.token(), personaName="Anna", **more)
        await there.hears(Ready)
        yield there


def said(there: Page) -> list[Said]:
    """All contributions as they were last told."""
    found: dict[str, Said] = {}
    for message in there.messages:
        if isinstance(message, MessagesUpdate):
            found.update((each.message_id, each) for each in message.messages)
    return list(found.values())


def last(there: Page) -> tuple[str, str]:
    lines = said(there)
    return (lines[-1].source, lines[-1].content) if lines else ("", "")


def loudness(pcm: bytes) -> float:
    return float(np.sqrt(np.mean(np.frombuffer(pcm, "<i2").astype(float) ** 2)))


async def test_a_whole_conversation(tmp_path: Path) -> None:
    """S004-24, S004-79, S004-96 to S004-101: over a data channel and Opus."""
    async with place(tmp_path) as here:
        here.answers(("Here it is.", ToolCall("show", '{"page": "menu"}')), "Indeed.")
        async with talking(here, userId="u1") as there:
            heard = bytearray()
            there.ear = heard.extend
            first = there.messages[0]
            assert isinstance(first, Ready) and not first.resumed
            await becomes(lambda: last(there) == ("ai", HELLO))
            assert max(np.frombuffer(heard, "<i2")) > 1000, "the greeting is heard"

            there.say(UserText("Show me the menu"))
            action = await there.hears(ActionTaken)
            assert action.action == {"show": {"page": "menu"}}
            await becomes(lambda: last(there) == ("ai", "Here it is."))
            there.say(UpdateState({"table": 4}))
            assert (await there.hears(StateUpdated)).state == {"table": 4}

            there.microphone = _speech(30)
            await there.hears(UserSpeechEnded)
            await becomes(lambda: ("ai", "Indeed.") == last(there))
            there.say(End())
            paused = await there.hears(Paused)
            assert there.link is not None
            await there.link.closed.wait()
        await idle(here.server)
        (record,) = await records(here)
        assert record.conversation.id == first.conversation_id
        assert (record.conversation.user_id, record.conversation.direction) == ("u1", "web")
        assert record.conversation.status == "paused"

        async with page(here.server.url) as there:
            await there.begin(token=paused.resume_token)
            again = await there.hears(Ready)
            assert again.resumed and again.state == {"table": 4}
            await becomes(lambda: last(there) == ("ai", "Indeed."))
            assert await there.leave() == 204
            assert await there.leave() == 404, "it is over"


def _speech(frames: int) -> Any:
    """So many frames of noise, then silence."""
    left = iter([LOUD] * frames)
    return lambda: next(left, None)


async def test_who_interrupts_is_heard_and_the_agent_falls_silent(tmp_path: Path) -> None:
    async with place(tmp_path, "tts.audio_ms=6000", "llm.text=Well.") as here:
        async with talking(here) as there:
            there.say(SayText("This is a very long story that nobody wants to hear."))
            heard = bytearray()
            there.ear = heard.extend
            await becomes(lambda: len(heard) > 8 * FRAME_BYTES and any(heard[-FRAME_BYTES:]))
            there.microphone = lambda: LOUD
            flushed = await there.hears(Flush)
            assert flushed.generation == 1
            await asyncio.sleep(0.2)  # What was on its way.
            heard.clear()
            await becomes(lambda: len(heard) > 5 * FRAME_BYTES)
            assert loudness(bytes(heard)) < 100
            there.microphone = lambda: None
        await idle(here.server)
        (record,) = await records(here)
        assert record.conversation.status == "paused", "the page has left"
        spoken = [text for speaker, text in record.messages if speaker == "agent"]
        assert not any("nobody wants to hear" in text for text in spoken)


async def test_a_muted_microphone_is_not_heard(tmp_path: Path) -> None:
    async with place(tmp_path) as here, talking(here) as there:
        await becomes(lambda: last(there) == ("ai", HELLO))
        there.say(Mute(True))
        there.say(UpdateState({"muted": True}))
        await there.hears(StateUpdated)
        there.microphone = _speech(25)
        await asyncio.sleep(0.6)
        assert not any(isinstance(each, UserSpeechStarted) for each in there.messages)
        there.say(Mute(False))
        there.microphone = _speech(25)
        await there.hears(UserSpeechStarted)


async def test_plain_whip(tmp_path: Path) -> None:
    async with place(tmp_path) as here, page(here.server.url) as there:
        heard = bytearray()
        there.ear = heard.extend
        await there.begin_plainly("personaName=Anna", await here.token())
        await becomes(lambda: len(heard) > 0 and max(np.frombuffer(heard, "<i2")) > 1000)
        assert await there.leave() == 204
        await idle(here.server)


async def test_another_network_is_no_interruption(tmp_path: Path) -> None:
    """The connection is replaced while the agent speaks: no message is lost, none comes twice."""
    async with place(tmp_path, "tts.audio_ms=3000") as here, talking(here) as there:
        there.say(SayText("A long story."))
        heard = bytearray()
        there.ear = heard.extend
        await becomes(lambda: len(heard) > 8 * FRAME_BYTES and any(heard[-FRAME_BYTES:]))
        before = await there.move()
        await before.close()
        there.say(UpdateState({"network": 2}))
        assert (await there.hears(StateUpdated)).state == {"network": 2}
        heard.clear()
        await becomes(lambda: loudness(bytes(heard[-FRAME_BYTES:]) or b"\0\0") > 1000)
        assert sum(isinstance(each, Ready) for each in there.messages) == 1
        assert len(here.server.switchboard) == 1

        # Now the connection breaks first; what is said meanwhile comes over the next one.
        assert there.link is not None
        there.link.listens = False
        there.say(UpdateState({"heard": False}))
        await becomes(lambda: _state(here) == {"network": 2, "heard": False})
        await there.move()
        await becomes(lambda: StateUpdated({"network": 2, "heard": False}) in there.messages)
        assert there.messages.count(StateUpdated({"network": 2})) == 1
        there.say(End())
        await there.hears(Paused)
        await idle(here.server)


def _state(here: Place) -> Any:
    (one,) = here.server.switchboard._live.values()
    return one.conversation.state.values


async def test_a_page_that_is_gone_pauses_the_conversation(tmp_path: Path) -> None:
    """Nothing arrives any more, and nobody comes back in time."""
    async with place(tmp_path, "webrtc.quiet_ms=300", "webrtc.grace_ms=100") as here:
        async with talking(here) as there:
            await becomes(lambda: last(there) == ("ai", HELLO))
            assert there.link is not None
            there.link.vanish()
            await idle(here.server)
            with pytest.raises(PageError) as refused:
                await there.move()
            assert refused.value.code == "call_unknown"
        (record,) = await records(here)
        assert record.conversation.status == "paused"


async def test_a_page_that_never_connects_is_given_up(tmp_path: Path) -> None:
    async with place(tmp_path, "webrtc.setup_ms=200") as here, page(here.server.url) as there:
        there.rewrite_offer = _without_candidates
        there.rewrite_answer = _without_candidates
        token = await here.token()
        async with asyncio.TaskGroup() as group:
            beginning = group.create_task(there.begin(token=token, personaName="Anna"))
            await becomes(lambda: bool(there.location))
            await _until_gone(here, there)
            beginning.cancel()
        assert len(here.server.switchboard) == 0


def _without_candidates(sdp: str) -> str:
    return "".join(
        line for line in sdp.splitlines(keepends=True) if not line.startswith("a=candidate")
    )


async def _until_gone(here: Place, there: Page) -> None:
    async with aiohttp.ClientSession() as http:
        for _ in range(HANG_S * 50):
            url = here.server.url + there.location
            async with http.post(url, json={"sdp": "nonsense"}) as response:
                problem = await response.json(content_type=None)
            if problem["code"] == "call_unknown":
                return
            assert problem["code"] == "malformed"
            await asyncio.sleep(0.02)
    raise AssertionError("it never is")


@pytest.mark.parametrize(
    ("init", "status", "code"),
    [
        ({"token": "wrong", "personaName": "Anna"}, 401, "token_refused"),
        ({"token": "T"}, 400, "persona_missing"),
        ({"token": "T", "personaName": "Nobody"}, 404, "persona_unknown"),
        ({"token": "T", "personaName": "Anna", "conversationId": "c1"}, 401, "token_refused"),
        ({"personaName": "Anna"}, 400, "malformed"),
        ({"token": "P", "personaName": "Anna"}, 403, "origin_refused"),
    ],
)
async def test_who_may_not_is_told(
    init: dict[str, Any], status: int, code: str, tmp_path: Path
) -> None:
    async with place(tmp_path) as here, page(here.server.url, "https://evil.example") as there:
        tokens = {"T": await here.token(), "P": await here.token(here.public, PAGE)}
        given = (
            {**init, "token": tokens.get(init["token"], init["token"])} if "token" in init else init
        )
        with pytest.raises(PageError) as refused:
            await there.begin(**given)
        assert (refused.value.status, refused.value.code) == (status, code)
        assert len(here.server.switchboard) == 0


@pytest.mark.parametrize(
    ("sdp", "code"),
    [
        ("nonsense", "malformed"),
        ("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", "format"),
        ("m=audio 9 X 111\r\na=rtpmap:111 opus/48000/2\r\n", "malformed"),
        ("m=audio 9 X 0\r\nm=video 9 X 0\r\n", "malformed"),
    ],
)
async def test_offers_that_are_none(sdp: str, code: str, tmp_path: Path) -> None:
    async with place(tmp_path) as here, page(here.server.url) as there:
        there.rewrite_offer = lambda _: sdp
        with pytest.raises(PageError) as refused:
            await there.begin(token=await here.token(), personaName="Anna")
        assert (refused.value.status, refused.value.code) == (400, code)


async def test_offers_without_opus(tmp_path: Path) -> None:
    async with place(tmp_path) as here, page(here.server.url) as there:
        there.rewrite_offer = lambda sdp: sdp.replace("opus/48000", "flac/48000")
        with pytest.raises(PageError) as refused:
            await there.begin(token=await here.token(), personaName="Anna")
        assert refused.value.code == "format"


async def test_no_line_is_free(tmp_path: Path) -> None:
    async with place(tmp_path, "server.max_calls=1") as here, talking(here):
        async with page(here.server.url) as second:
            with pytest.raises(PageError) as refused:
                await second.begin(token=await here.token(), personaName="Anna")
            assert (refused.value.status, refused.value.code) == (503, "busy")


async def test_what_goes_wrong_later_is_told_over_the_connection(tmp_path: Path) -> None:
    async with place(tmp_path) as here, page(here.server.url) as there:

        def drains(answer: str) -> str:
            here.server.switchboard.draining = True
            return answer

        there.rewrite_answer = drains
        await there.begin(token=await here.token(), personaName="Anna")
        assert (await there.hears(Error)).code == "busy"
        assert not any(isinstance(each, Ready) for each in there.messages)
        assert there.link is not None
        await there.link.closed.wait()


async def test_a_page_that_talks_nonsense_is_told_and_closed(tmp_path: Path) -> None:
    async with place(tmp_path, "browser.malformed_messages=3") as here, talking(here) as there:
        assert there.link is not None and there.link.channel is not None
        for _ in range(3):
            there.link.channel.send('{"type": "sing"}')
        await becomes(lambda: sum(isinstance(each, Error) for each in there.messages) == 3)
        assert [each.code for each in there.messages if isinstance(each, Error)] == [
            "malformed",
            "malformed",
            "protocol",
        ]
        await there.link.closed.wait()
        await idle(here.server)


async def test_every_page_may_ask(tmp_path: Path) -> None:
    async with place(tmp_path) as here, aiohttp.ClientSession() as http:
        url = f"{here.server.url}/webrtc/offer"
        async with http.options(url, headers={"Origin": PAGE}) as response:
            assert response.status == 204
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
        async with http.post(url, json={}, headers={"Origin": PAGE}) as response:
            assert response.status == 400
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert response.content_type == "application/problem+json"


async def test_candidates_are_not_trickled(tmp_path: Path) -> None:
    """WHIP clients are told by the status that RFC 9725 has for it, and go on without."""
    async with place(tmp_path) as here, aiohttp.ClientSession() as http:
        url = f"{here.server.url}/webrtc/calls/c1"
        fragment = {"Content-Type": "application/trickle-ice-sdpfrag"}
        async with http.patch(url, data="a=end-of-candidates", headers=fragment) as response:
            assert response.status == 405
            assert response.headers["Allow"] == "POST, DELETE, OPTIONS"
            assert (await response.json(content_type=None))["code"] == "not_trickled"


async def test_who_would_not_get_to_loopback_is_told_at_once(tmp_path: Path) -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
    far = ({"Host": "agent.example.com"}, {"User-Agent": firefox})
    async with place(tmp_path) as here, aiohttp.ClientSession() as http:
        url = f"{here.server.url}/webrtc/offer"
        for headers in far:
            async with http.post(url, json={}, headers=headers) as response:
                assert response.status == 501
                problem = await response.json(content_type=None)
            assert "`webrtc.addresses`" in problem["detail"]
    async with place(tmp_path, 'webrtc.addresses=["0.0.0.0"]') as here:
        async with aiohttp.ClientSession() as http:
            for headers in far:
                async with http.post(
                    f"{here.server.url}/webrtc/offer", json={}, headers=headers
                ) as response:
                    assert response.status == 400, "the offer is looked at"


@pytest.mark.parametrize("addresses", [(), ("0.0.0.0",)])
async def test_whose_proxy_makes_the_server_public_is_told_of_loopback(
    addresses: tuple[str, ...],
) -> None:
    settings = WebRtcSettings(addresses=addresses)
    server = ServerSettings(public_url="https://agent.example.com")
    entrance = cast(Entrance, None)  # Nobody comes.
    with capture_logs() as events:
        routes = WebRtcRoutes(
            settings,
            server,
            20,
            "",
            entrance,
            lambda kind: None,
            Metronome(asyncio.get_running_loop()),
        )
        async with routes.running():
            pass
    told = ["webrtc_on_loopback_only"] if not addresses else []
    assert [each["event"] for each in events] == told


async def test_no_port_is_free(tmp_path: Path) -> None:
    only = f"webrtc.ports=[{(port := free_ports(1))}, {port}]"
    async with place(tmp_path, only) as here, talking(here) as there:
        with pytest.raises(PageError) as refused:
            await there.move()
        assert (refused.value.status, refused.value.code) == (503, "busy")
        async with page(here.server.url) as second:
            with pytest.raises(PageError) as refused:
                await second.begin(token=await here.token(), personaName="Anna")
            assert (refused.value.status, refused.value.code) == (501, "webrtc_unavailable")
        assert there.link is not None
        there.link.listens = True
        there.say(UpdateState({"table": 4}))
        assert (await there.hears(StateUpdated)).state == {"table": 4}, "the call goes on"


async def test_where_webrtc_is_off_the_page_is_told_to_use_the_socket(tmp_path: Path) -> None:
    async with place(tmp_path, "webrtc.enabled=false") as here, page(here.server.url) as there:
        with pytest.raises(PageError) as refused:
            await there.begin(token=await here.token(), personaName="Anna")
        assert (refused.value.status, refused.value.code) == (501, "webrtc_unavailable")


async def test_pages_get_credentials_for_the_turn_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TURN_SECRET", "north")
    settings = (
        'webrtc.stun_urls=["stun:stun.example:3478"]',
        'webrtc.turn_urls=["turn:turn.example:3478?transport=udp"]',
    )
    async with place(tmp_path, *settings) as here, aiohttp.ClientSession() as http:
        url = f"{here.server.url}/webrtc/ice"
        headers = {"Authorization": f"Bearer {await here.token(user_id='u1')}"}
        async with http.get(url, headers=headers) as response:
            stun, turn = (await response.json())["iceServers"]
        assert stun == {"urls": ["stun:stun.example:3478"]}
        assert turn["username"].endswith(":u1") and turn["credential"]
        async with http.get(url) as response:
            assert response.status == 401


async def test_nothing_is_left_of_a_call(tmp_path: Path) -> None:
    """S004-90: neither tasks nor threads nor sockets, however it has ended."""
    async with place(tmp_path) as here:
        async with talking(here):
            pass  # What is made once is made.
        await idle(here.server)
        before = await _left()
        for end in ("leave", "close", "vanish", "move"):
            async with talking(here) as there:
                assert there.link is not None
                match end:
                    case "leave":
                        await there.leave()
                    case "vanish":
                        await there.close()
                    case "move":
                        await (await there.move()).close()
            await idle(here.server)
        await becomes_equal(before)


async def _left() -> tuple[int, int, int]:
    await asyncio.sleep(0.3)  # The transports of closed sockets go with the loop's next rounds.
    # The executor and the database have pools, which grow when they are busy and are not a call's.
    pools = ("asyncio_", "_connection_worker_thread")
    threads = [
        each.name for each in threading.enumerate() if not any(pool in each.name for pool in pools)
    ]
    return len(asyncio.all_tasks()), len(threads), sum(map(_is_socket, os.listdir("/proc/self/fd")))


def _is_socket(fd: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{fd}").startswith("socket:")
    except OSError:
        return False  # It is closed.


async def becomes_equal(before: tuple[int, int, int]) -> None:
    async with asyncio.timeout(HANG_S):
        while any(now > then for now, then in zip(await _left(), before, strict=True)):
            pass
