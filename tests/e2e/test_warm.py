"""The server opens connections before a call needs them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bench.spelling import spell
from tests.loopback import loopback
from voice_agent.app import serving
from voice_agent.settings import load
from voice_agent.telephony.caller import Script, Utterance
from voice_agent.telephony.carrier import place_call


class Vendor:
    """A language model that notes which connection each request came by."""

    def __init__(self) -> None:
        self.warmed: list[object] = []
        self.asked: list[object] = []
        self.warm = asyncio.Event()

    async def head(self, request: web.Request) -> web.Response:
        self.warmed.append(request.transport)
        self.warm.set()
        return web.Response(status=405)

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.transport)
        if not (await request.json())["stream"]:
            return web.json_response({"choices": []})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for delta, reason in (({"content": "Sixteen dollars."}, None), ({}, "stop")):
            chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response


@asynccontextmanager
async def vendor() -> AsyncIterator[tuple[Vendor, str]]:
    there = Vendor()
    application = web.Application()
    application.router.add_head("/v1/models", there.head)
    application.router.add_post("/v1/chat/completions", there.chat)
    async with loopback(application) as url:
        yield there, f"{url}/v1"


async def test_the_first_question_goes_out_on_a_connection_that_was_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "oa")
    async with asyncio.timeout(60), vendor() as (there, url):
        overrides = (
            "vad=energy",
            "server.port=0",
            "llm.provider=openai",
            "llm.model=m",
            f"llm.base_url={url}",
        )
        async with serving(load("scripted.toml", overrides, {})) as server:
            await there.warm.wait()
            await place_call(
                server.url.replace("http", "ws", 1) + "/twilio/media",
                Script((Utterance(spell("how much?"), "how much"),), greeting_ms=500),
            )
    assert there.asked[0] is there.warmed[0]
