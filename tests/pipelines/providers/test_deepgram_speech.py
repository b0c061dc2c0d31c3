"""Deepgram speaks, against a loopback one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.typedefs import Middleware

from tests.loopback import loopback
from voice_codecs.pcm import MULAW_8K
from voice_pipelines.errors import (
    ProviderBusy,
    ProviderError,
    ProviderGarbled,
    ProviderRefused,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from voice_pipelines.ports import TextToSpeech, Warming
from voice_pipelines.providers.deepgram_speech import DeepgramTextToSpeech

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Voice:
    """Answers every request by `reply`, and remembers them."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.requests: list[web.Request] = []
        self.texts: list[str] = []
        self.asked = asyncio.Event()
        self.left = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.texts.append((await request.json())["text"])
        self.asked.set()
        try:
            return await self.reply(request)
        except (asyncio.CancelledError, ConnectionError):
            self.left.set()
            raise


@asynccontextmanager
async def speaking(
    reply: Reply, *, silence_timeout_ms: int = 10_000, middleware: Middleware | None = None
) -> AsyncIterator[tuple[Voice, DeepgramTextToSpeech]]:
    voice = Voice(reply)
    app = web.Application(middlewares=[middleware] if middleware else [])
    app.router.add_post("/v1/speak", voice.answer)
    async with asyncio.timeout(20), loopback(app) as url:
        tts = DeepgramTextToSpeech("a-key", base_url=url, silence_timeout_ms=silence_timeout_ms)
        try:
            yield voice, tts
        finally:
            await tts.close()


async def sound(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "audio/mulaw"})
    await response.prepare(request)
    return response


async def say(tts: DeepgramTextToSpeech, text: str) -> bytes:
    return b"".join([chunk.audio async for chunk in tts.speak(text)])


async def test_the_vendors_bytes_pass_unchanged() -> None:
    audio = bytes(range(256)) * 40

    async def reply(request: web.Request) -> web.StreamResponse:
        response = await sound(request)
        for at in range(0, len(audio), 999):
            await response.write(audio[at : at + 999])
        await response.write_eof()
        return response

    async with speaking(reply) as (voice, tts):
        port: TextToSpeech = tts
        assert port.format == MULAW_8K
        assert await say(tts, "Good evening.") == audio
        assert await say(tts, "How many?") == audio
    assert voice.texts == ["Good evening.", "How many?"]
    asked = voice.requests[0]
    assert asked.headers["Authorization"] == "Token a-key"
    assert dict(asked.query) == {
        "model": "aura-2-thalia-en",
        "encoding": "mulaw",
        "sample_rate": "8000",
        "container": "none",
    }
    peers = {request.transport for request in voice.requests}
    assert len(peers) == 1, "the connection is used again"


async def test_the_first_byte_does_not_wait_for_the_second() -> None:
    proceed = asyncio.Event()

    async def reply(request: web.Request) -> web.StreamResponse:
        response = await sound(request)
        await response.write(b"\x11")
        await proceed.wait()
        await response.write(b"\x22")
        await response.write_eof()
        return response

    async with speaking(reply) as (_, tts):
        chunks = tts.speak("Good evening.")
        assert (await anext(chunks)).audio == b"\x11"
        proceed.set()
        assert (await anext(chunks)).audio == b"\x22"
        await chunks.aclose()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (400, ProviderRejected),
        (401, ProviderRefused),
        (413, ProviderRejected),
        (503, ProviderUnavailable),
    ],
)
async def test_a_refusal_is_typed_and_not_tried_again(
    code: int, error: type[ProviderError]
) -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        return web.json_response({"err_msg": "Good evening."}, status=code)

    async with speaking(reply) as (voice, tts):
        with pytest.raises(error) as refused:
            await say(tts, "Good evening.")
    assert type(refused.value) is error
    assert "evening" not in str(refused.value)
    assert len(voice.requests) == 1


async def test_a_busy_voice_says_how_long_to_wait() -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        return web.Response(status=429, headers={"Retry-After": "2"})

    async with speaking(reply) as (_, tts):
        with pytest.raises(ProviderBusy) as busy:
            await say(tts, "Good evening.")
    assert busy.value.retry_after_ms == 2000


async def test_what_is_not_audio_is_garbled() -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>", content_type="text/html")

    async with speaking(reply) as (_, tts):
        with pytest.raises(ProviderGarbled):
            await say(tts, "Good evening.")


async def test_a_voice_that_stops_in_mid_sentence_is_unavailable() -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        response = await sound(request)
        await response.write(b"\x11\x22")
        assert request.transport is not None
        request.transport.close()
        return response

    heard = b""
    async with speaking(reply) as (_, tts):
        with pytest.raises(ProviderUnavailable):
            async for chunk in tts.speak("Good evening."):
                heard += chunk.audio
    assert heard == b"\x11\x22"


async def stall(request: web.Request) -> web.StreamResponse:
    response = await sound(request)
    await response.write(b"\x11")
    await asyncio.Event().wait()
    return response


async def test_a_stalled_voice_times_out() -> None:
    async with speaking(stall, silence_timeout_ms=50) as (_, tts):
        with pytest.raises(ProviderTimeout):
            await say(tts, "Good evening.")


async def test_no_voice_there_is_unavailable(unused_tcp_port: int) -> None:
    tts = DeepgramTextToSpeech("a-key", base_url=f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(ProviderUnavailable):
        await say(tts, "Good evening.")
    await tts.close()


async def test_closing_hangs_up_on_the_voice() -> None:
    async with speaking(stall) as (voice, tts):
        chunks = tts.speak("Good evening.")
        await anext(chunks)
        await chunks.aclose()
        await voice.left.wait()


async def test_cancelling_hangs_up_on_the_voice() -> None:
    async with speaking(stall) as (voice, tts), asyncio.TaskGroup() as group:
        task = group.create_task(say(tts, "Good evening."))
        await voice.asked.wait()
        task.cancel()
        await voice.left.wait()


async def test_the_first_text_finds_a_connection_open() -> None:
    connections: list[object] = []
    asked: list[str] = []

    @web.middleware
    async def note(request: web.Request, handler: Reply) -> web.StreamResponse:
        asked.append(request.method)
        if request.transport not in connections:
            connections.append(request.transport)
        return await handler(request)

    async def reply(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"\x11", content_type="audio/mulaw")

    async with speaking(reply, middleware=note) as (_, tts):
        assert isinstance(tts, Warming)
        await tts.warm()
        await tts.warm()
        assert await say(tts, "Good evening.") == b"\x11"
    assert asked == ["HEAD", "POST"]
    assert len(connections) == 1
