"""A call over the vendors' protocols, on loopback: the audio of both sides stays untouched."""

import asyncio
import json
import math
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from voice_agent.app import serving
from voice_agent.settings import load
from voice_agent.telephony.caller import Script, Utterance
from voice_agent.telephony.carrier import place_call
from voice_codecs.g711 import pcm_to_mulaw

ANSWER = "It costs sixteen dollars."


def speech() -> bytes:
    """A second of loud mu-law that ends at full level."""
    samples = (int(12_000 * math.sin(at / 7) * math.cos(at / 1900)) for at in range(8000))
    pcm = b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)
    return pcm_to_mulaw(pcm)


def voice(text: str) -> bytes:
    """What the vendor's voice makes of a text: a second of loud mu-law that nothing else is."""
    levels = random.Random(text)
    return bytes(levels.choice((0x00, 0x05, 0x10, 0x80, 0x85, 0x90)) for _ in range(8000))


class Vendors:
    """Deepgram's two APIs and an OpenAI-compatible one, at one address."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.keys: set[str] = set()

    async def listen(self, request: web.Request) -> web.WebSocketResponse:
        self.keys.add(request.headers["Authorization"])
        assert request.query["encoding"] == "mulaw"
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                self.heard += message.data
            elif json.loads(message.data)["type"] == "Finalize":
                await socket.send_str(self._result("How much is the lasagna?"))
        return socket

    def _result(self, text: str) -> str:
        alternative = {"transcript": text, "confidence": 1, "words": []}
        result = {
            "type": "Results",
            "start": 0,
            "duration": len(self.heard) / 8000,
            "is_final": True,
            "from_finalize": True,
            "channel": {"alternatives": [alternative]},
        }
        return json.dumps(result)

    async def speak(self, request: web.Request) -> web.Response:
        text = (await request.json())["text"]
        return web.Response(body=voice(text), content_type="audio/mulaw")

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.keys.add(request.headers["Authorization"])
        assert (await request.json())["messages"][-1]["content"] == "How much is the lasagna?"
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        head = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
        for delta, reason in (({"content": ANSWER}, None), ({}, "stop")):
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            await response.write(f"data: {json.dumps(head | {'choices': [choice]})}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response


@asynccontextmanager
async def vendors() -> AsyncIterator[tuple[Vendors, str]]:
    there = Vendors()
    application = web.Application()
    application.router.add_get("/v1/listen", there.listen)
    application.router.add_post("/v1/speak", there.speak)
    application.router.add_post("/v1/chat/completions", there.chat)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield there, f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def test_the_carriers_audio_passes_through_unchanged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Mu-law goes to the recognizer and comes from the voice byte by byte as it was."""
    monkeypatch.setenv("DEEPGRAM_API_KEY", "dg")
    monkeypatch.setenv("OPENAI_API_KEY", "oa")
    said = speech()
    async with asyncio.timeout(60), vendors() as (there, url):
        overrides = (
            "vad=energy",
            "server.port=0",
            "stt.provider=deepgram",
            f"stt.base_url={url}",
            "llm.provider=openai",
            f"llm.base_url={url}/v1",
            "llm.model=m",
            "tts.provider=deepgram",
            f"tts.base_url={url}",
        )
        async with serving(load("scripted.toml", overrides, {})) as server:
            record = await place_call(
                server.url.replace("http", "ws", 1) + "/twilio/media",
                Script((Utterance(said, "how much"),), greeting_ms=500),
            )
    assert said in there.heard
    assert voice(ANSWER) in record.heard_mulaw
    assert there.keys == {"Token dg", "Bearer oa"}
    assert record.unanswered == ("",), "there is no greeting; all else was answered"
    assert record.underruns.over_40_ms == 0
