"""ElevenLabs speaks, against a loopback one."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web

from tests.loopback import loopback
from voice_codecs.pcm import MULAW_8K
from voice_pipelines.errors import (
    ProviderBusy,
    ProviderError,
    ProviderGarbled,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from voice_pipelines.ports import SpeechChunk, TextToSpeech
from voice_pipelines.providers.elevenlabs import ElevenLabsTextToSpeech

WIRE = Path(__file__).parents[2] / "wire" / "elevenlabs"


def golden(name: str) -> str:
    return (WIRE / f"{name}.json").read_text()


def samples(ms: int) -> int:
    return ms * MULAW_8K.rate // 1000


Speak = Callable[["Vendor", web.WebSocketResponse, str, str], Awaitable[None]]
"""(vendor, socket, context, text): what is done when a context is closed."""


class Vendor:
    """Opens sockets and speaks what they ask for by `speak`."""

    def __init__(self, speak: Speak) -> None:
        self.speak = speak
        self.requests: list[web.Request] = []
        self.asked: list[tuple[int, str]] = []
        """(number of the socket, text), in order."""
        self.heard = asyncio.Event()
        self.left = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        number = len(self.requests)
        ws = web.WebSocketResponse(timeout=0.1)  # for the client's close: an idle one sends none
        await ws.prepare(request)
        texts: dict[str, str] = {}
        try:
            async for received in ws:
                said = json.loads(received.data)
                context = said["context_id"]
                texts[context] = texts.get(context, "") + said.get("text", "")
                if said.get("close_context"):
                    text = texts.pop(context).strip()
                    self.asked.append((number, text))
                    self.heard.set()
                    await self.speak(self, ws, context, text)
        except (asyncio.CancelledError, ConnectionError):
            pass  # the client has gone in the midst of it
        finally:
            self.left.set()
        return ws


def sound(context: str, audio: bytes, alignment: dict[str, object] | None = None) -> str:
    return json.dumps(
        {
            "audio": base64.b64encode(audio).decode(),
            "alignment": alignment,
            "normalizedAlignment": None,
            "contextId": context,
        }
    )


def final(context: str) -> str:
    return json.dumps({"isFinal": True, "contextId": context})


async def read_out(vendor: Vendor, ws: web.WebSocketResponse, context: str, text: str) -> None:
    """20 ms of sound for each letter, in two chunks."""
    for half in (text[: len(text) // 2], text[len(text) // 2 :]):
        alignment = {
            "chars": list(half),
            "charStartTimesMs": [20 * at for at in range(len(half))],
            "charDurationsMs": [20] * len(half),
        }
        audio = b"".join(letter.encode()[:1] * 160 for letter in half)
        await ws.send_str(sound(context, audio, alignment))
    await ws.send_str(final(context))


async def stall(vendor: Vendor, ws: web.WebSocketResponse, context: str, text: str) -> None:
    """A beginning, and then nothing but what the client says."""
    await ws.send_str(sound(context, b"\x11"))
    await ws.receive()
    vendor.left.set()


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def elevenlabs(
    speak: Speak = read_out,
    *,
    answer: Answer | None = None,
    warm_ms: int = 10_000,
    silence_timeout_ms: int = 10_000,
    connect_timeout_ms: int = 5_000,
) -> AsyncIterator[tuple[Vendor, ElevenLabsTextToSpeech]]:
    vendor = Vendor(speak)
    app = web.Application()
    path = "/v1/text-to-speech/a-voice/multi-stream-input"
    app.router.add_get(path, answer or vendor.answer)
    async with asyncio.timeout(20), loopback(app) as url:
        tts = ElevenLabsTextToSpeech(
            "a-key",
            "a-voice",
            voice_settings={"stability": 0.5},
            base_url=url,
            warm_ms=warm_ms,
            silence_timeout_ms=silence_timeout_ms,
            connect_timeout_ms=connect_timeout_ms,
        )
        try:
            yield vendor, tts
        finally:
            await tts.close()


async def say(tts: ElevenLabsTextToSpeech, text: str) -> list[SpeechChunk]:
    return [chunk async for chunk in tts.speak(text)]


async def test_the_vendors_bytes_pass_unchanged_and_words_are_timed() -> None:
    """S004-05: a voice of ElevenLabs, over its stream API."""
    async with elevenlabs() as (vendor, tts):
        port: TextToSpeech = tts
        assert port.format == MULAW_8K
        chunks = await say(tts, "Hi there!")
    assert b"".join(chunk.audio for chunk in chunks) == b"".join(
        letter.encode() * 160 for letter in "Hi there!"
    )
    assert [chunk.words for chunk in chunks] == [(("Hi", 320),), ((" there!", 1440),)]
    request = vendor.requests[0]
    assert request.headers["xi-api-key"] == "a-key"
    assert request.query["model_id"] == "eleven_flash_v2_5"
    assert request.query["output_format"] == "ulaw_8000"


async def test_every_byte_is_passed() -> None:
    audio = bytes(range(256))

    async def speak(vendor: Vendor, ws: web.WebSocketResponse, context: str, text: str) -> None:
        await ws.send_str(sound(context, audio))
        await ws.send_str(final(context))

    async with elevenlabs(speak) as (_, tts):
        assert await say(tts, "Hi there!") == [SpeechChunk(audio)]


async def test_the_first_chunk_does_not_wait_for_the_second() -> None:
    proceed = asyncio.Event()

    async def speak(vendor: Vendor, ws: web.WebSocketResponse, context: str, text: str) -> None:
        await ws.send_str(sound(context, b"\x11"))
        await proceed.wait()
        await ws.send_str(sound(context, b"\x22"))
        await ws.send_str(final(context))

    async with elevenlabs(speak) as (_, tts):
        chunks = tts.speak("Hi there!")
        assert (await anext(chunks)).audio == b"\x11"
        proceed.set()
        assert (await anext(chunks)).audio == b"\x22"
        await chunks.aclose()


async def test_pieces_follow_each_other_on_one_socket() -> None:
    async with elevenlabs() as (vendor, tts):
        await say(tts, "One.")
        await say(tts, "Two.")
        assert vendor.asked == [(1, "One."), (1, "Two.")]


async def test_two_at_once_have_a_socket_each() -> None:
    both = asyncio.Barrier(2)

    async def speak(vendor: Vendor, ws: web.WebSocketResponse, context: str, text: str) -> None:
        await both.wait()
        await read_out(vendor, ws, context, text)

    async with elevenlabs(speak) as (vendor, tts):
        one, two = await asyncio.gather(say(tts, "One."), say(tts, "Two."))
    assert sorted(vendor.asked, key=lambda asked: asked[1]) in (
        [(1, "One."), (2, "Two.")],
        [(2, "One."), (1, "Two.")],
    )
    assert one != two


async def test_a_socket_that_died_idle_is_replaced_without_an_error() -> None:
    async def speak(vendor: Vendor, ws: web.WebSocketResponse, context: str, text: str) -> None:
        await read_out(vendor, ws, context, text)
        if text == "One.":
            await ws.close()

    async with elevenlabs(speak) as (vendor, tts):
        await say(tts, "One.")
        await vendor.left.wait()
        assert await say(tts, "Two.")
    assert vendor.asked == [(1, "One."), (2, "Two.")]


async def test_a_socket_that_was_closed_for_being_idle_is_replaced_without_an_error() -> None:
    async def speak(vendor: Vendor, ws: web.WebSocketResponse, context: str, text: str) -> None:
        if vendor.asked == [(1, "One."), (1, "Two.")]:
            await ws.send_str(golden("idle"))
            await ws.close(code=1008)
        else:
            await read_out(vendor, ws, context, text)

    async with elevenlabs(speak) as (vendor, tts):
        await say(tts, "One.")
        assert await say(tts, "Two.")
    assert vendor.asked == [(1, "One."), (1, "Two."), (2, "Two.")]


async def test_a_socket_that_was_idle_for_long_is_not_used_again() -> None:
    async with elevenlabs(warm_ms=0) as (vendor, tts):
        await say(tts, "One.")
        await say(tts, "Two.")
    assert vendor.asked == [(1, "One."), (2, "Two.")]


async def test_what_belongs_to_another_context_is_not_heard() -> None:
    async def speak(vendor: Vendor, ws: web.WebSocketResponse, context: str, text: str) -> None:
        await ws.send_str(sound("another", b"\x99"))
        await ws.send_str(final("another"))
        await ws.send_str(sound(context, b"\x11"))
        await ws.send_str(final(context))

    async with elevenlabs(speak) as (_, tts):
        assert await say(tts, "Hi there!") == [SpeechChunk(b"\x11")]


async def test_nothing_to_say_is_not_asked_for() -> None:
    async with elevenlabs() as (vendor, tts):
        assert await say(tts, " \n") == []
    assert vendor.requests == []


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (400, ProviderRefused),
        (401, ProviderRefused),
        (403, ProviderRefused),
        (503, ProviderUnavailable),
    ],
)
async def test_a_refused_handshake_is_typed(code: int, error: type[ProviderError]) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({"detail": "key a-key"}, status=code)

    async with elevenlabs(answer=answer) as (_, tts):
        with pytest.raises(error) as refused:
            await say(tts, "Hi there!")
    assert type(refused.value) is error
    assert "a-key" not in str(refused.value)


async def test_a_busy_vendor_says_how_long_to_wait() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=429, headers={"Retry-After": "2"})

    async with elevenlabs(answer=answer) as (_, tts):
        with pytest.raises(ProviderBusy) as busy:
            await say(tts, "Hi there!")
    assert busy.value.retry_after_ms == 2000


async def test_a_handshake_that_is_not_answered_times_out() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with elevenlabs(answer=answer, connect_timeout_ms=50) as (_, tts):
        with pytest.raises(ProviderTimeout):
            await say(tts, "Hi there!")


async def test_nobody_there_is_unavailable(unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    tts = ElevenLabsTextToSpeech("a-key", "a-voice", base_url=url)
    with pytest.raises(ProviderUnavailable):
        await say(tts, "Hi there!")
    await tts.close()


async def test_an_error_instead_of_speech_is_typed() -> None:
    async def speak(vendor: Vendor, ws: web.WebSocketResponse, context: str, text: str) -> None:
        await ws.send_str(golden("error"))
        await ws.close(code=1008)

    async with elevenlabs(speak) as (vendor, tts):
        with pytest.raises(ProviderRefused, match="quota_exceeded"):
            await say(tts, "Hi there!")
        await vendor.left.wait()


@pytest.mark.parametrize("code", [1008, 1011])
async def test_a_vendor_that_stops_in_mid_sentence(code: int) -> None:
    async def speak(vendor: Vendor, ws: web.WebSocketResponse, context: str, text: str) -> None:
        await ws.send_str(sound(context, b"\x11"))
        await ws.close(code=code)

    heard = b""
    async with elevenlabs(speak) as (vendor, tts):
        with pytest.raises(ProviderUnavailable):
            async for chunk in tts.speak("Hi there!"):
                heard += chunk.audio
        assert heard == b"\x11"
        assert len(vendor.requests) == 1, "half a sentence is not said twice"


async def test_a_lost_connection_in_mid_sentence_is_unavailable() -> None:
    async def speak(vendor: Vendor, ws: web.WebSocketResponse, context: str, text: str) -> None:
        await ws.send_str(sound(context, b"\x11"))
        transport = vendor.requests[-1].transport
        assert transport is not None
        transport.abort()

    async with elevenlabs(speak) as (_, tts):
        with pytest.raises(ProviderUnavailable):
            await say(tts, "Hi there!")


@pytest.mark.parametrize("garbage", ["<html>", b"\x00\x01", '{"audio": "%", "contextId": "1"}'])
async def test_garbage_is_garbled_and_its_socket_is_not_used_again(garbage: str | bytes) -> None:
    async def speak(vendor: Vendor, ws: web.WebSocketResponse, context: str, text: str) -> None:
        if len(vendor.requests) == 2:
            await read_out(vendor, ws, context, text)
        elif isinstance(garbage, str):
            await ws.send_str(garbage)
        else:
            await ws.send_bytes(garbage)

    async with elevenlabs(speak) as (vendor, tts):
        with pytest.raises(ProviderGarbled):
            await say(tts, "One.")
        await say(tts, "Two.")
    assert vendor.asked == [(1, "One."), (2, "Two.")]


async def test_a_stalled_vendor_times_out() -> None:
    async with elevenlabs(stall, silence_timeout_ms=50) as (_, tts):
        with pytest.raises(ProviderTimeout):
            await say(tts, "Hi there!")


async def test_closing_stops_the_vendor() -> None:
    async with elevenlabs(stall) as (vendor, tts):
        chunks = tts.speak("Hi there!")
        await anext(chunks)
        await chunks.aclose()
        await vendor.left.wait()


async def test_cancelling_stops_the_vendor() -> None:
    async with elevenlabs(stall) as (vendor, tts), asyncio.TaskGroup() as group:
        task = group.create_task(say(tts, "Hi there!"))
        await vendor.heard.wait()
        task.cancel()
        await vendor.left.wait()


async def test_cancelling_does_not_wait_for_a_vendor_that_reads_nothing() -> None:
    async def deaf(vendor: Vendor, ws: web.WebSocketResponse, context: str, text: str) -> None:
        await ws.send_str(sound(context, b"\x11"))
        await asyncio.Event().wait()

    async with elevenlabs(deaf) as (_, tts):
        loop = asyncio.get_running_loop()
        chunks = tts.speak("Hi there!")
        await anext(chunks)
        began = loop.time()
        await chunks.aclose()
        assert loop.time() - began < 5


async def test_a_socket_that_was_opened_ahead_is_spoken_on() -> None:
    async with elevenlabs() as (vendor, tts):
        await tts.warm()
        await tts.warm()
        assert len(vendor.requests) == 1
        await say(tts, "One.")
        assert vendor.asked == [(1, "One.")]


async def test_a_tended_socket_answers_pings_and_stays() -> None:
    pinged, answered = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(autoping=False, timeout=0.1)
        await ws.prepare(request)
        await ws.ping()
        pinged.set()
        if (await ws.receive()).type is WSMsgType.PONG:
            answered.set()
        await ws.receive()
        return ws

    async with elevenlabs(answer=answer) as (_, tts):
        await tts.warm()
        await pinged.wait()
        while not answered.is_set():  # The ping is on its way.
            await asyncio.sleep(0.01)
            await tts.warm()


async def test_a_socket_that_the_vendor_closed_is_replaced_ahead() -> None:
    opened: list[asyncio.Event] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(timeout=0.1)
        await ws.prepare(request)
        opened.append(asyncio.Event())
        if len(opened) == 1:
            await ws.send_str(golden("idle"))
            await ws.close(code=1008)
            return ws
        opened[-1].set()
        await ws.receive()
        return ws

    async with elevenlabs(answer=answer) as (_, tts):
        while len(opened) < 2:  # The news is on its way.
            await tts.warm()
            await asyncio.sleep(0.01)
        await opened[1].wait()


async def test_a_vendor_that_is_down_is_no_failure_to_warm(unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    tts = ElevenLabsTextToSpeech("a-key", "a-voice", base_url=url)
    await tts.warm()
    await tts.close()
