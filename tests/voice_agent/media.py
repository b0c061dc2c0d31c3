"""A scripted server in this process, and its media socket driven message by message."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from secrets import token_hex
from typing import Protocol

import aiohttp
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType
from structlog.testing import capture_logs

from voice_agent.app import Server, serving
from voice_agent.settings import load
from voice_codecs.twilio import CarrierStream, OutMark, OutMedia, parse_outbound

HANG_S = 30
"""Nothing here takes so long, on however slow a machine."""

CHEAP = ("vad=energy", "tts.audio_ms=300", "server.port=0")
FRAME = b"\xff" * 160
TONE = (b"\x10" * 4 + b"\x90" * 4) * 20
"""20 ms that are loud."""


@asynccontextmanager
async def scripted(*overrides: str) -> AsyncIterator[Server]:
    """A running server without models. On leaving, nothing of it may be left."""
    before = asyncio.all_tasks()
    with capture_logs() as events:
        configuration = load("scripted.toml", (*CHEAP, *overrides), {})
        async with serving(configuration) as server:
            yield server
    await only(before)
    assert not [event for event in events if event["event"] == "call_crashed"]


async def only(tasks: set[asyncio.Task[object]]) -> None:
    """Return when no other tasks are left but those."""
    async with asyncio.timeout(HANG_S):
        while others := asyncio.all_tasks() - tasks:
            await asyncio.wait(others)


async def idle(server: Server) -> None:
    """Return when no call is live."""
    assert await server.switchboard.becomes_idle(HANG_S * 1000)


def metric(server: Server, name: str, labels: Mapping[str, str] | None = None) -> float:
    """The present value of a metric."""
    value = server.metrics.registry.get_sample_value(name, dict(labels or {}))
    return 0.0 if value is None else value


@contextmanager
def nothing_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The server may not be surprised: aiohttp logs what a handler did not catch."""
    with caplog.at_level(logging.WARNING):
        yield
    assert not caplog.records


class Reachable(Protocol):
    """A server, in this process or in another."""

    @property
    def url(self) -> str: ...


class Socket:
    """The carrier's end of one call."""

    def __init__(self, web: ClientWebSocketResponse) -> None:
        self.web = web
        self.call_sid = f"CA{token_hex(16)}"
        self.wire = CarrierStream(f"MZ{token_hex(16)}", self.call_sid, f"AC{token_hex(16)}")

    async def say(self, *texts: str) -> None:
        for text in texts:
            await self.web.send_str(text)

    async def start(self, parameters: Mapping[str, str] | None = None) -> None:
        await self.say(self.wire.connected(), self.wire.start(parameters))

    async def audio(self, *frames: bytes) -> None:
        await self.say(*(self.wire.media(frame, 20) for frame in frames))

    async def is_answered(self) -> None:
        """Press a key and wait for audio that was not on its way before."""
        await self.say(self.wire.dtmf("7"), self.wire.dtmf("#"))
        while not isinstance(parse_outbound(await self._text()), OutMedia):
            pass

    async def plays(self) -> None:
        """Echo marks, as if all audio was heard at once, until the server closes."""
        async for message in self.web:
            if isinstance(mark := parse_outbound(message.data), OutMark):
                await self.say(self.wire.mark(mark.name))

    async def _text(self) -> str:
        message = await self.web.receive(timeout=HANG_S)
        assert message.type is WSMsgType.TEXT, (message, self.web.close_code)
        text: str = message.data
        return text

    async def close_code(self) -> int | None:
        """Read on until the server closes; with which code, None without a close frame."""
        while True:
            message = await self.web.receive(timeout=HANG_S)
            if message.type is WSMsgType.CLOSE:
                return int(message.data)
            if message.type is not WSMsgType.TEXT:
                return None


@asynccontextmanager
async def dialed(
    server: Reachable, headers: Mapping[str, str] | None = None
) -> AsyncIterator[Socket]:
    """An open media socket on which nothing was said yet."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{server.url}/twilio/media", headers=headers) as web,
    ):
        yield Socket(web)


@asynccontextmanager
async def calling(
    server: Reachable, parameters: Mapping[str, str] | None = None
) -> AsyncIterator[Socket]:
    """A live call."""
    async with dialed(server) as socket:
        await socket.start(parameters)
        yield socket
