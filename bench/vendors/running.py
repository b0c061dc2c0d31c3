"""The vendors in this process, or in one of their own."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from aiohttp import web

from voice_agent.child import ending

from . import deepgram, elevenlabs, openai
from .service import Answer, Delays, Handler, Seen, Vendors, answer_politely, listening

ROUTES: Mapping[tuple[str, str], Handler] = {
    ("GET", "/v1/listen"): deepgram.listen,
    ("POST", "/v1/speak"): deepgram.speak,
    ("GET", "/v1/text-to-speech/{voice}/multi-stream-input"): elevenlabs.multi_stream,
    ("POST", "/v1/chat/completions"): openai.chat,
    ("POST", "/v1/audio/transcriptions"): openai.transcribe,
    ("POST", "/v1/audio/speech"): openai.speech,
}

_START_S = 20.0
_STOP_S = 5.0


@asynccontextmanager
async def vendors(
    delays: Delays | None = None, answer: Answer = answer_politely
) -> AsyncIterator[Vendors]:
    """All vendors on a free port, in this process."""
    async with listening(Vendors(delays or Delays(), answer), ROUTES) as there:
        yield there


class VendorsFailed(Exception):
    """Their process did not start, or is gone."""


class Remote:
    """Vendors in a process of their own."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def seen(self) -> list[Seen]:
        """Everything that they received and sent so far."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/seen") as response,
        ):
            return msgspec.json.decode(await response.read(), type=list[Seen])


@asynccontextmanager
async def remote_vendors(delays: Delays) -> AsyncIterator[Remote]:
    """All vendors in a process of their own, on the cores of this one. Raises VendorsFailed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.vendors",
        msgspec.json.encode(delays).decode(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None  # It was asked for.
    async with ending(process, _STOP_S):
        try:
            async with asyncio.timeout(_START_S):
                url = (await process.stdout.readline()).decode().strip()
        except TimeoutError as error:
            raise VendorsFailed("the loopback vendors were not ready in time") from error
        if not url:
            raise VendorsFailed("the loopback vendors did not start")
        yield Remote(url)


async def serve(delays: Delays) -> None:
    """Print the address, then serve until standard input ends: whoever started it is gone."""
    there = Vendors(delays)

    async def seen(_: Vendors, __: web.Request) -> web.StreamResponse:
        body = msgspec.json.encode(there.seen)
        return web.Response(body=body, content_type="application/json")

    async with listening(there, {**ROUTES, ("GET", "/seen"): seen}):
        sys.stdout.write(f"{there.url}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
