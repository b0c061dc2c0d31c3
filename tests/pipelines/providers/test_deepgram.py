"""The Deepgram adapters: words out of golden messages, and both against a loopback Deepgram."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Middleware
from deepgram.listen.v1.types import ListenV1Error, ListenV1Metadata, ListenV1Results
from hypothesis import given
from hypothesis import strategies as st

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
from voice_pipelines.ports import Hypothesis, SpeechToText, TextToSpeech, Warming
from voice_pipelines.providers.deepgram import DeepgramSpeechToText
from voice_pipelines.providers.deepgram_speech import DeepgramTextToSpeech
from voice_pipelines.providers.deepgram_transcript import (
    Results,
    Tape,
    Transcript,
    query,
    read_message,
)

WIRE = Path(__file__).parents[2] / "wire" / "deepgram"
SECOND = MULAW_8K.bytes_for(1000)


def golden(name: str) -> str:
    return (WIRE / f"{name}.json").read_text()


def results(name: str) -> Results:
    message = read_message("deepgram", golden(name))
    assert isinstance(message, Results)
    return message


# Without a network -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("interim", ListenV1Results),
        ("final", ListenV1Results),
        ("from_finalize", ListenV1Results),
        ("silence", ListenV1Results),
        ("metadata", ListenV1Metadata),
        ("error", ListenV1Error),
    ],
)
def test_the_golden_messages_are_what_the_sdk_knows(
    name: str,
    kind: type[ListenV1Results | ListenV1Metadata | ListenV1Error],
) -> None:
    kind.model_validate(json.loads(golden(name)), strict=True)


def test_interim_words_are_replaced_and_final_ones_stay() -> None:
    transcript = Transcript()
    assert transcript.take(results("interim")) == Hypothesis("Do you have a", None)
    assert transcript.take(results("final")) == Hypothesis("Do you have a table?", None)
    assert transcript.take(results("silence")) is None
    assert transcript.understood == 3 * SECOND


def test_a_request_is_answered_by_all_finals_since_the_reset() -> None:
    transcript = Transcript()
    transcript.take(results("final"))
    assert transcript.settle(7, 2 * SECOND) is None
    answer = transcript.take(results("from_finalize"))
    assert answer == Hypothesis("Do you have a table? For four.", 7)
    assert transcript.waiting is None
    transcript.reset(2 * SECOND)
    assert transcript.text == ""


def test_a_request_for_audio_that_is_final_already_is_answered_at_once() -> None:
    transcript = Transcript()
    assert transcript.settle(1, 0) == Hypothesis("", 1)
    transcript.take(results("final"))
    assert transcript.settle(2, round(1.2 * SECOND)) == Hypothesis("Do you have a table?", 2)


def test_a_final_result_that_came_too_early_does_not_answer() -> None:
    transcript = Transcript()
    assert transcript.settle(1, 2 * SECOND) is None
    assert transcript.take(results("final")) == Hypothesis("Do you have a table?", None)
    assert transcript.waiting == 1


def test_a_newer_request_replaces_an_older_one() -> None:
    transcript = Transcript()
    transcript.settle(1, SECOND)
    transcript.settle(2, 2 * SECOND)
    transcript.take(results("final"))
    assert transcript.take(results("from_finalize")) == Hypothesis(
        "Do you have a table? For four.", 2
    )


def test_words_of_the_turn_before_do_not_reach_into_the_next() -> None:
    transcript = Transcript()
    transcript.reset(round(0.6 * SECOND))  # in the midst of "have", which is mostly after it
    assert transcript.take(results("final")) == Hypothesis("have a table?", None)


def test_a_new_connection_counts_from_its_own_beginning() -> None:
    transcript = Transcript()
    transcript.connected(10 * SECOND)
    transcript.take(results("final"))
    assert transcript.understood == round(11.2 * SECOND)


def test_an_error_message_is_an_error_and_quotes_nothing() -> None:
    error = read_message("deepgram", golden("error"))
    assert isinstance(error, ProviderUnavailable)
    assert "table" not in str(error)


def test_other_messages_are_of_no_use() -> None:
    assert read_message("deepgram", golden("metadata")) is None
    assert read_message("deepgram", '{"type": "SpeechStarted"}') is None


@pytest.mark.parametrize(
    "garbage", ["", "<html>", "[]", "{}", '{"type": "Results"}', '{"type": 1}']
)
def test_what_is_not_a_message_is_garbled(garbage: str) -> None:
    with pytest.raises(ProviderGarbled):
        read_message("deepgram", garbage)


def test_keyterms_are_asked_for_one_by_one() -> None:
    asked = query("nova-3", "de", ["Käsespätzle", "Riesling"])
    assert [value for key, value in asked if key == "keyterm"] == ["Käsespätzle", "Riesling"]
    assert dict(asked)["encoding"] == "mulaw"
    assert dict(asked)["sample_rate"] == "8000"


@given(st.lists(st.binary(max_size=50), max_size=20), st.integers(1, 2000))
def test_a_tape_gives_back_what_was_not_released(parts: list[bytes], released: int) -> None:
    everything = b"".join(parts)
    tape = Tape(10_000)
    for part in parts:
        tape.feed(part)
        tape.take()
    tape.release(released)
    start = tape.rewind()
    assert start == min(released, len(everything))
    assert tape.take() == everything[start:]


def test_a_full_tape_forgets_the_oldest_and_says_so() -> None:
    tape = Tape(4)
    tape.feed(b"abcdef")
    assert tape.torn
    assert tape.rewind() == 2
    assert not tape.torn
    assert tape.take() == b"cdef"


# Hearing -----------------------------------------------------------------------------------------

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
    await ws.send_str(golden("metadata"))
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


# Speaking ----------------------------------------------------------------------------------------

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
