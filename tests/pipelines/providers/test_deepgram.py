"""Deepgram hears, against a loopback one."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

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
from voice_pipelines.ports import Hypothesis, SpeechToText
from voice_pipelines.providers.deepgram import DeepgramSpeechToText

SECOND = MULAW_8K.bytes_for(1000)
METADATA = (Path(__file__).parents[2] / "wire" / "deepgram" / "metadata.json").read_text()

Play = Callable[["Deepgram", web.WebSocketResponse], Awaitable[None]]


class Deepgram:
    """One connection after the other, each played by the next of `plays`; the last one again."""

    def __init__(self, plays: tuple[Play, ...]) -> None:
        self.plays = plays
        self.requests: list[web.Request] = []
        self.audio: list[bytes] = []
        """What each connection heard."""
        self.said: list[str] = []
        self.heard = asyncio.Event()
        self.left = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.audio.append(b"")
        play = self.plays[min(len(self.requests), len(self.plays)) - 1]
        ws = web.WebSocketResponse()
        try:
            await play(self, ws)
        finally:
            self.left.set()
        return ws

    async def open(self, ws: web.WebSocketResponse) -> None:
        await ws.prepare(self.requests[-1])

    async def until_said(self, ws: web.WebSocketResponse, kind: str) -> None:
        """Read up to a text message of this type, keeping the audio."""
        async for message in ws:
            if message.type is aiohttp.WSMsgType.BINARY:
                self.audio[-1] += message.data
                self.heard.set()
            else:
                self.said.append(json.loads(message.data)["type"])
                if self.said[-1] == kind:
                    return

    async def until_heard(self, ws: web.WebSocketResponse, size: int) -> None:
        while len(self.audio[-1]) < size:
            message = await ws.receive()
            if message.type is aiohttp.WSMsgType.BINARY:
                self.audio[-1] += message.data
            elif message.type is not aiohttp.WSMsgType.TEXT:
                return


class Reports:
    """What an ear reports, to be waited for."""

    def __init__(self) -> None:
        self.all: list[Hypothesis | ProviderError] = []
        self._news = asyncio.Event()

    def __call__(self, report: Hypothesis | ProviderError) -> None:
        self.all.append(report)
        self._news.set()

    async def next(self, number: int = 1) -> Hypothesis | ProviderError:
        """The report of this number, counted from 1."""
        while len(self.all) < number:
            self._news.clear()
            await self._news.wait()
        return self.all[number - 1]


@asynccontextmanager
async def deepgram(*plays: Play) -> AsyncIterator[tuple[Deepgram, str]]:
    server = Deepgram(plays)
    app = web.Application()
    app.router.add_get("/v1/listen", server.answer)
    async with asyncio.timeout(20), loopback(app) as url:
        yield server, url


def message(
    start: float, end: float, text: str, *, final: bool = False, finalized: bool = False
) -> str:
    return json.dumps(
        {
            "type": "Results",
            "start": start,
            "duration": end - start,
            "is_final": final,
            "from_finalize": finalized,
            "channel": {"alternatives": [{"transcript": text, "confidence": 1, "words": []}]},
        }
    )


async def talk(server: Deepgram, ws: web.WebSocketResponse) -> None:
    """Hear 2 s: an interim, a final, and the rest when it is asked for."""
    await server.open(ws)
    await server.until_heard(ws, SECOND)
    await ws.send_str(METADATA)
    await ws.send_str(message(0, 0.5, "Do you"))
    await ws.send_str(message(0, 1, "Do you have a table?", final=True))
    await server.until_said(ws, "Finalize")
    await ws.send_str(message(1, 2, "For four.", final=True, finalized=True))
    await server.until_said(ws, "CloseStream")


def status(code: int, **headers: str) -> Play:
    async def play(server: Deepgram, ws: web.WebSocketResponse) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        raise {401: web.HTTPUnauthorized, 429: web.HTTPTooManyRequests}.get(
            code, web.HTTPServiceUnavailable
        )(headers=named)

    return play


async def silent(server: Deepgram, ws: web.WebSocketResponse) -> None:
    """Hear everything, say nothing."""
    await server.open(ws)
    await server.until_said(ws, "CloseStream")


def test_they_are_what_the_engine_asks_for() -> None:
    stt: SpeechToText = DeepgramSpeechToText("a-key")
    assert stt.format == MULAW_8K


async def test_interims_finals_and_the_answer() -> None:
    said = bytes(range(256)) * 63
    said = said[: 2 * SECOND]
    reports = Reports()
    async with deepgram(talk) as (server, url):
        stt = DeepgramSpeechToText("a-key", language="en-US", keyterms=["table"], base_url=url)
        async with stt.listen(reports) as ear:
            for at in range(0, len(said), 160):  # all of it before there is a connection
                ear.feed(said[at : at + 160])
            assert await reports.next(2) == Hypothesis("Do you have a table?", None)
            ear.settle(1)
            assert await reports.next(3) == Hypothesis("Do you have a table? For four.", 1)
            ear.reset()
            ear.settle(2)
            assert await reports.next(4) == Hypothesis("", 2)
        await server.left.wait()
    assert reports.all[0] == Hypothesis("Do you", None)
    assert server.audio == [said]
    assert server.said == ["Finalize", "CloseStream"]
    request = server.requests[0]
    assert request.headers["Authorization"] == "Token a-key"
    assert request.query["model"] == "nova-3"
    assert request.query["language"] == "en-US"
    assert request.query["keyterm"] == "table"


async def test_silence_is_answered_though_deepgram_says_nothing() -> None:
    reports = Reports()
    async with deepgram(silent) as (server, url):
        stt = DeepgramSpeechToText("a-key", base_url=url, patience_ms=50)
        async with stt.listen(reports) as ear:
            ear.feed(bytes(SECOND))
            await server.heard.wait()
            ear.settle(1)
            assert await reports.next() == Hypothesis("", 1)
        await server.left.wait()
    assert server.audio == [bytes(SECOND)]
    assert server.said == ["Finalize", "CloseStream"]


async def test_provisional_words_are_the_answer_if_no_others_come() -> None:
    async def stop_short(server: Deepgram, ws: web.WebSocketResponse) -> None:
        await server.open(ws)
        await server.until_said(ws, "Finalize")
        await ws.send_str(message(0, 0.5, "Hello?"))
        await server.until_said(ws, "CloseStream")

    reports = Reports()
    async with deepgram(stop_short) as (_, url):
        stt = DeepgramSpeechToText("a-key", base_url=url, patience_ms=200)
        async with stt.listen(reports) as ear:
            ear.voiced(True)
            ear.feed(bytes(SECOND))
            ear.voiced(False)
            ear.settle(1)
            assert await reports.next(2) == Hypothesis("Hello?", 1)


async def test_a_connection_that_stays_silent_over_speech_is_replaced_in_time() -> None:
    reports = Reports()
    async with deepgram(silent, talk) as (server, url):
        stt = DeepgramSpeechToText("a-key", base_url=url, patience_ms=50, stall_ms=10_000)
        async with stt.listen(reports) as ear:
            ear.voiced(True)
            ear.feed(bytes(2 * SECOND))
            ear.voiced(False)
            await server.heard.wait()
            ear.settle(1)
            assert await reports.next(3) == Hypothesis("Do you have a table? For four.", 1)
    assert not [report for report in reports.all if isinstance(report, ProviderError)]
    assert server.audio[1] == bytes(2 * SECOND)


async def test_provisional_words_from_before_the_silence_are_no_answer() -> None:
    async def fall_silent(server: Deepgram, ws: web.WebSocketResponse) -> None:
        await server.open(ws)
        await server.until_heard(ws, SECOND)
        await ws.send_str(message(0, 1, "Do"))
        await server.until_said(ws, "CloseStream")

    reports = Reports()
    async with deepgram(fall_silent, talk) as (_, url):
        stt = DeepgramSpeechToText("a-key", base_url=url, patience_ms=50, stall_ms=10_000)
        async with stt.listen(reports) as ear:
            ear.voiced(True)
            ear.feed(bytes(2 * SECOND))
            ear.voiced(False)
            assert await reports.next() == Hypothesis("Do", None)
            ear.settle(1)
            answer = await reports.next(4)
    assert answer == Hypothesis("Do you have a table? For four.", 1)


async def test_an_ear_whose_connections_stay_silent_says_so() -> None:
    reports = Reports()
    async with deepgram(silent) as (server, url):
        stt = DeepgramSpeechToText("a-key", base_url=url, patience_ms=50, stall_ms=100)
        async with stt.listen(reports) as ear:
            ear.voiced(True)
            ear.feed(bytes(2 * SECOND))
            ear.voiced(False)
            await server.heard.wait()
            ear.settle(1)
            assert isinstance(await reports.next(), ProviderUnavailable)


async def test_leaving_while_a_connection_is_lost_is_not_forgotten() -> None:
    """The loss and the end in one moment: the task group of the connection sees the loss only."""
    reports = Reports()
    async with deepgram(silent) as (server, url):
        stt = DeepgramSpeechToText("a-key", base_url=url, patience_ms=50, stall_ms=50)
        async with asyncio.timeout(10), stt.listen(reports) as ear:
            ear.voiced(True)
            ear.feed(bytes(2 * SECOND))
            ear.voiced(False)
            await server.heard.wait()
            ear.settle(1)
            await reports.next()


async def test_it_keeps_a_silent_connection_alive() -> None:
    async def wait_for_two(server: Deepgram, ws: web.WebSocketResponse) -> None:
        await server.open(ws)
        await server.until_said(ws, "KeepAlive")
        await server.until_said(ws, "KeepAlive")
        await ws.send_str(message(0, 0.5, "Still here?"))
        await server.until_said(ws, "CloseStream")

    reports = Reports()
    async with deepgram(wait_for_two) as (_, url):
        stt = DeepgramSpeechToText("a-key", base_url=url, keep_alive_ms=20)
        async with stt.listen(reports):
            assert await reports.next() == Hypothesis("Still here?", None)


async def test_a_connection_lost_in_mid_utterance_loses_no_word() -> None:
    said = bytes(range(250)) * 96  # 3 s

    async def drop(server: Deepgram, ws: web.WebSocketResponse) -> None:
        await server.open(ws)
        await server.until_heard(ws, 2 * SECOND)
        await ws.send_str(message(0, 1, "Do you have a table?", final=True))
        await ws.send_str(message(1, 1.8, "For"))
        assert server.requests[-1].transport is not None
        server.requests[-1].transport.abort()

    async def resume(server: Deepgram, ws: web.WebSocketResponse) -> None:
        await server.open(ws)
        await server.until_said(ws, "Finalize")
        await ws.send_str(message(0, 2, "For four, please.", final=True, finalized=True))
        await server.until_said(ws, "CloseStream")

    reports = Reports()
    async with deepgram(drop, resume) as (server, url):
        async with DeepgramSpeechToText("a-key", base_url=url).listen(reports) as ear:
            ear.feed(said[: 2 * SECOND])
            await reports.next(2)
            ear.feed(said[2 * SECOND :])
            ear.settle(1)
            assert await reports.next(3) == Hypothesis("Do you have a table? For four, please.", 1)
    assert server.audio[0] == said[: 2 * SECOND]
    assert server.audio[1] == said[SECOND:], "all that was not final is heard again, and what came"
    assert all(isinstance(report, Hypothesis) for report in reports.all)


async def test_a_close_frame_in_mid_utterance_is_no_different() -> None:
    async def time_out(server: Deepgram, ws: web.WebSocketResponse) -> None:
        await server.open(ws)
        await server.until_heard(ws, SECOND)
        await ws.close(code=1011, message=b"NET-0001")

    reports = Reports()
    async with deepgram(time_out, talk) as (server, url):
        async with DeepgramSpeechToText("a-key", base_url=url).listen(reports) as ear:
            ear.feed(bytes(2 * SECOND))
            assert await reports.next(2) == Hypothesis("Do you have a table?", None)
            ear.settle(1)
            assert await reports.next(3) == Hypothesis("Do you have a table? For four.", 1)
    assert server.audio[1] == bytes(2 * SECOND)


async def test_a_bad_key_is_reported_and_answers_every_request() -> None:
    reports = Reports()
    async with deepgram(status(401)) as (server, url):
        async with DeepgramSpeechToText("a-key", base_url=url).listen(reports) as ear:
            assert isinstance(await reports.next(), ProviderRefused)
            ear.feed(bytes(SECOND))
            ear.settle(1)
            assert isinstance(await reports.next(2), ProviderRefused)
    assert len(server.requests) == 1, "asking again is useless"
    assert "a-key" not in str(reports.all[0])


async def test_too_many_connections_are_reported_and_waited_for() -> None:
    reports = Reports()
    async with deepgram(status(429, Retry_After="0.01"), talk) as (_, url):
        async with DeepgramSpeechToText("a-key", base_url=url).listen(reports) as ear:
            busy = await reports.next()
            assert isinstance(busy, ProviderBusy)
            assert busy.retry_after_ms == 10
            ear.feed(bytes(2 * SECOND))
            assert await reports.next(2) == Hypothesis("Do you", None)


async def test_an_outage_is_reported_once_and_to_whoever_waits() -> None:
    reports = Reports()
    async with deepgram(*[status(503)] * 3, talk) as (_, url):
        stt = DeepgramSpeechToText("a-key", base_url=url, patience_ms=10, stall_ms=20)
        async with stt.listen(reports) as ear:
            assert type(await reports.next()) is ProviderUnavailable
            ear.feed(bytes(2 * SECOND))
            ear.settle(1)
            assert type(await reports.next(2)) is ProviderUnavailable
            assert await reports.next(3) == Hypothesis("Do you", None)


async def test_nobody_there_is_reported(unused_tcp_port: int) -> None:
    reports = Reports()
    stt = DeepgramSpeechToText("a-key", base_url=f"http://127.0.0.1:{unused_tcp_port}")
    async with asyncio.timeout(20), stt.listen(reports):
        assert isinstance(await reports.next(), ProviderUnavailable)


async def test_a_handshake_that_is_not_answered_is_reported() -> None:
    async def ponder(server: Deepgram, ws: web.WebSocketResponse) -> None:
        await asyncio.Event().wait()

    reports = Reports()
    async with deepgram(ponder) as (_, url):
        stt = DeepgramSpeechToText("a-key", base_url=url, connect_timeout_ms=50)
        async with stt.listen(reports):
            assert isinstance(await reports.next(), ProviderTimeout)


@pytest.mark.parametrize("garbage", ["<html>", b"\x00\x01"])
async def test_garbage_is_reported_and_the_audio_sent_again(garbage: str | bytes) -> None:
    async def babble(server: Deepgram, ws: web.WebSocketResponse) -> None:
        await server.open(ws)
        await server.until_heard(ws, 2 * SECOND)
        await (ws.send_str(garbage) if isinstance(garbage, str) else ws.send_bytes(garbage))
        await server.until_said(ws, "CloseStream")

    reports = Reports()
    async with deepgram(babble, talk) as (server, url):
        async with DeepgramSpeechToText("a-key", base_url=url).listen(reports) as ear:
            ear.feed(bytes(2 * SECOND))
            assert isinstance(await reports.next(), ProviderGarbled)
            assert await reports.next(2) == Hypothesis("Do you", None)
    assert server.audio[0] == bytes(2 * SECOND)


async def test_leaving_does_not_wait_for_a_connection_that_reads_nothing() -> None:
    async def deaf(server: Deepgram, ws: web.WebSocketResponse) -> None:
        await server.open(ws)
        await ws.send_str(message(0, 0.1, "Hm."))
        await asyncio.Event().wait()

    reports = Reports()
    async with deepgram(deaf) as (_, url):
        loop = asyncio.get_running_loop()
        async with DeepgramSpeechToText("a-key", base_url=url).listen(reports) as ear:
            ear.feed(bytes(SECOND))
            await reports.next()
            began = loop.time()
        assert loop.time() - began < 5, "the vendor SDK's sockets take ten"


async def test_what_the_caller_raises_comes_out_as_it_is() -> None:
    async with deepgram(silent) as (_, url):
        with pytest.raises(KeyError):
            async with DeepgramSpeechToText("a-key", base_url=url).listen(Reports()):
                raise KeyError("a bug of the caller's")
