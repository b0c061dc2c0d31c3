"""The audio adapters against a loopback server speaking OpenAI's protocol, well and badly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
from aiohttp import web

from tests.loopback import loopback
from tests.pipelines.providers.heard import Heard
from tests.pipelines.providers.openai_server import Reply, Server
from voice_codecs.pcm import MULAW_8K, PCM16_8K, PCM16_16K, AudioFormat, Encoding
from voice_pipelines.errors import (
    ProviderBusy,
    ProviderError,
    ProviderGarbled,
    ProviderRefused,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from voice_pipelines.ports import Hypothesis, Recognizer, SpeechToText, TextToSpeech
from voice_pipelines.providers.openai_speech import OpenAISpeechToText, OpenAITextToSpeech

HANG_S = 20


@asynccontextmanager
async def serving(reply: Reply) -> AsyncIterator[tuple[Server, str]]:
    server = Server(reply)
    app = web.Application()
    app.router.add_post("/v1/audio/transcriptions", server.answer)
    app.router.add_post("/v1/audio/speech", server.answer)
    async with asyncio.timeout(HANG_S), loopback(app) as url:
        yield server, f"{url}/v1"


def status(code: int, body: object = None, **headers: str) -> Reply:
    async def reply(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response(body or {}, status=code, headers=named)

    return reply


async def stalling(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(3 * HANG_S)
    raise AssertionError


def error_of(message: str, code: str | None = None) -> dict[str, object]:
    return {"error": {"message": message, "type": "an_error", "param": None, "code": code}}


FAILURES = pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (status(401, error_of("Incorrect API key: sk-secret")), ProviderRefused),
        (status(404, error_of("no such model")), ProviderRefused),
        (status(413, error_of("too long")), ProviderRejected),
        (status(429, error_of("quota", "insufficient_quota")), ProviderRefused),
        (status(429, error_of("slow down"), Retry_After="2"), ProviderBusy),
        (status(500, error_of("oops")), ProviderUnavailable),
        (status(503, error_of("oops")), ProviderUnavailable),
    ],
)

# Speech to text


@asynccontextmanager
async def recognizer(
    reply: Reply, audio_format: AudioFormat = PCM16_8K, silence_timeout_ms: int = 10_000
) -> AsyncIterator[tuple[Server, OpenAISpeechToText]]:
    async with serving(reply) as (server, url):
        stt = OpenAISpeechToText(
            url,
            "whisper-1",
            "a-key",
            extra={"language": "en"},
            audio_format=audio_format,
            longest_ms=2_000,
            silence_timeout_ms=silence_timeout_ms,
        )
        try:
            yield server, stt
        finally:
            await stt.close()


def sound(ms: int, value: int) -> bytes:
    """A level of `value`, easily told from others."""
    return value.to_bytes(2, "little") * (8 * ms)


def say(ear: Recognizer, ms: int, value: int = 1) -> None:
    ear.voiced(True)
    ear.feed(sound(ms, value))
    ear.voiced(False)


async def test_an_utterance_is_sent_as_a_wav_and_its_text_comes_back() -> None:
    heard = Heard()
    async with recognizer(status(200, {"text": " Hello there. "})) as (server, stt):
        async with stt.listen(heard) as ear:
            ear.feed(sound(1_000, 1))
            say(ear, 600, 2)
            ear.feed(sound(300, 3))
            ear.settle(4)
            assert await heard.next() == Hypothesis("Hello there.", 4)
    assert server.sent_pcm() == sound(400, 1) + sound(600, 2), "the pre-roll and what was voiced"
    body = {name: part for name, part in server.bodies[0].items() if name != "file"}
    assert body == {"model": "whisper-1", "response_format": "json", "language": "en"}
    assert server.keys == ["Bearer a-key"]


async def test_nothing_is_sent_for_nothing_and_nothing_twice() -> None:
    heard = Heard()
    async with recognizer(status(200, {"text": "yes"})) as (server, stt), stt.listen(heard) as ear:
        ear.feed(sound(500, 1))
        ear.settle(0)
        assert heard.results.empty(), "the answer must not arrive inside the question"
        assert await heard.next() == Hypothesis("", 0)
        say(ear, 700)
        for request in (1, 2):
            ear.settle(request)
            assert await heard.next() == Hypothesis("yes", request)
        ear.reset()
        ear.settle(3)
        assert await heard.next() == Hypothesis("", 3)
        assert len(server.bodies) == 1


async def test_a_question_about_the_same_audio_needs_no_new_request() -> None:
    heard = Heard()
    async with recognizer(status(200, {"text": "yes"})) as (server, stt), stt.listen(heard) as ear:
        say(ear, 700)
        ear.settle(0)
        ear.settle(1)
        assert await heard.next() == Hypothesis("yes", 1)
        assert len(server.bodies) == 1
        assert heard.results.empty()


async def test_an_utterance_goes_on_after_a_pause_until_it_is_taken() -> None:
    heard = Heard()
    async with recognizer(status(200, {"text": "yes"})) as (server, stt), stt.listen(heard) as ear:
        say(ear, 600, 1)
        ear.settle(0)
        await heard.next()
        ear.feed(sound(100, 2))
        say(ear, 600, 3)
        ear.settle(1)
        await heard.next()
        assert server.sent_pcm() == sound(600, 1) + sound(100, 2) + sound(600, 3)
        ear.reset()
        say(ear, 600, 4)
        ear.settle(2)
        await heard.next()
        assert server.sent_pcm() == sound(600, 4)


async def test_short_audio_is_padded_and_of_long_audio_the_end_is_sent() -> None:
    heard = Heard()
    async with recognizer(status(200, {"text": "yes"})) as (server, stt), stt.listen(heard) as ear:
        say(ear, 100, 1)
        ear.settle(0)
        await heard.next()
        assert server.sent_pcm() == sound(100, 1) + bytes(2 * 8 * 400)
        say(ear, 1_500, 2)
        say(ear, 1_500, 3)
        ear.settle(1)
        await heard.next()
        assert server.sent_pcm() == sound(500, 2) + sound(1_500, 3)


async def test_a_newer_question_drops_the_older_request() -> None:
    heard = Heard()
    first = True

    async def reply(request: web.Request) -> web.StreamResponse:
        nonlocal first
        if first:
            first = False
            return await stalling(request)
        return web.json_response({"text": "yes"})

    async with recognizer(reply) as (server, stt), stt.listen(heard) as ear:
        say(ear, 600)
        ear.settle(0)
        await server.asked.wait()
        say(ear, 600)
        ear.settle(1)
        assert await heard.next() == Hypothesis("yes", 1)
        await server.left.wait()
        assert heard.results.empty()


@pytest.mark.parametrize("how", ["reset", "leave"])
async def test_a_stalled_request_is_dropped_when_nobody_wants_it(how: str) -> None:
    heard = Heard()
    async with recognizer(stalling) as (server, stt):
        async with stt.listen(heard) as ear:
            say(ear, 600)
            ear.settle(0)
            await server.asked.wait()
            if how == "reset":
                ear.reset()
                await server.left.wait()
        await server.left.wait()
    assert heard.results.empty()


@FAILURES
async def test_a_failed_request_is_reported(reply: Reply, kind: type[ProviderError]) -> None:
    heard = Heard()
    async with recognizer(reply) as (server, stt), stt.listen(heard) as ear:
        say(ear, 600)
        ear.settle(0)
        error = await heard.next()
        assert type(error) is kind
        assert "sk-secret" not in str(error)
        if isinstance(error, ProviderBusy):
            assert error.retry_after_ms == 2_000
        assert len(server.bodies) == 1, "the SDK must not retry by itself"
        server.reply = status(200, {"text": "yes"})
        ear.settle(1)
        assert await heard.next() == Hypothesis("yes", 1)


async def test_a_server_that_never_answers_times_out() -> None:
    heard = Heard()
    async with (
        recognizer(stalling, silence_timeout_ms=50) as (server, stt),
        stt.listen(heard) as ear,
    ):
        say(ear, 600)
        ear.settle(0)
        assert type(await heard.next()) is ProviderTimeout
        await server.left.wait()


@pytest.mark.parametrize("body", ["<html>", '{"text": 1}', '{"txt": "a"}', '{"text": "a'])
async def test_nonsense_is_garbled(body: str) -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        kind = "text/html" if body.startswith("<") else "application/json"
        return web.Response(text=body, content_type=kind)

    async with recognizer(reply) as (_, stt):
        with pytest.raises(ProviderGarbled):
            await stt.transcribe(sound(600, 1))


async def test_nobody_listening_is_unavailable(unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}/v1"
    stt = OpenAISpeechToText(url, "whisper-1", "a-key")
    tts = OpenAITextToSpeech(url, "tts-1", "alloy", "a-key")
    with pytest.raises(ProviderUnavailable):
        await stt.transcribe(bytes(1_000))
    with pytest.raises(ProviderUnavailable):
        await spoken(tts)
    await stt.close()
    await tts.close()


async def test_what_goes_wrong_around_an_ear_comes_out_as_it_is() -> None:
    stt = OpenAISpeechToText("http://127.0.0.1:1/v1", "whisper-1", "a-key")
    with pytest.raises(LookupError):
        async with stt.listen(Heard()):
            raise LookupError
    await stt.close()


def test_only_pcm_is_sent() -> None:
    with pytest.raises(ValueError, match="mulaw"):
        OpenAISpeechToText("http://127.0.0.1:1/v1", "m", "a-key", audio_format=MULAW_8K)


# Text to speech

PCM = bytes(range(256)) * 100


@asynccontextmanager
async def synthesizer(
    reply: Reply, silence_timeout_ms: int = 10_000
) -> AsyncIterator[tuple[Server, OpenAITextToSpeech]]:
    async with serving(reply) as (server, url):
        tts = OpenAITextToSpeech(
            url,
            "gpt-4o-mini-tts",
            "alloy",
            "a-key",
            extra={"instructions": "Speak calmly."},
            silence_timeout_ms=silence_timeout_ms,
        )
        try:
            yield server, tts
        finally:
            await tts.close()


async def stream(request: web.Request, *parts: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
    await response.prepare(request)
    for part in parts:
        await response.write(part)
        await asyncio.sleep(0.005)  # so that it is a part of its own
    return response


def pcm(*parts: bytes) -> Reply:
    async def reply(request: web.Request) -> web.StreamResponse:
        response = await stream(request, *parts)
        await response.write_eof()
        return response

    return reply


async def spoken(tts: TextToSpeech) -> list[bytes]:
    return [chunk.audio async for chunk in tts.speak("Hello there.")]


async def test_speech_is_streamed_as_pcm() -> None:
    async with synthesizer(pcm(PCM)) as (server, tts):
        assert b"".join(await spoken(tts)) == PCM
    assert tts.format == AudioFormat(Encoding.PCM16, 24_000)
    assert server.keys == ["Bearer a-key"]
    assert server.bodies == [
        {
            "model": "gpt-4o-mini-tts",
            "voice": "alloy",
            "input": "Hello there.",
            "response_format": "pcm",
            "instructions": "Speak calmly.",
        }
    ]


async def test_samples_that_the_network_tore_apart_are_whole_again() -> None:
    async with synthesizer(pcm(PCM[:1], PCM[1:3], PCM[3:1_000], PCM[1_000:1_001])) as (_, tts):
        chunks = await spoken(tts)
    assert all(len(chunk) % 2 == 0 for chunk in chunks)
    assert b"".join(chunks) == PCM[:1_000]


async def test_the_first_audio_does_not_wait_for_the_last() -> None:
    go_on = asyncio.Event()

    async def reply(request: web.Request) -> web.StreamResponse:
        response = await stream(request, PCM[:640])
        await go_on.wait()
        await response.write(PCM[640:1_280])
        await response.write_eof()
        return response

    async with synthesizer(reply) as (_, tts), aclosing(tts.speak("Hello.")) as chunks:
        assert (await anext(chunks)).audio == PCM[:640]
        go_on.set()
        assert (await anext(chunks)).audio == PCM[640:1_280]


@FAILURES
async def test_a_refused_text_is_a_typed_error(reply: Reply, kind: type[ProviderError]) -> None:
    async with synthesizer(reply) as (server, tts):
        with pytest.raises(kind) as error:
            await spoken(tts)
    assert type(error.value) is kind
    assert "sk-secret" not in str(error.value)
    if isinstance(error.value, ProviderBusy):
        assert error.value.retry_after_ms == 2_000
    assert len(server.bodies) == 1, "the SDK must not retry by itself"


@pytest.mark.parametrize("start", [b"RIFF\x00\x00\x00\x00WAVE", b"ID3\x04", b"OggS", b"fLaC"])
async def test_a_file_instead_of_pcm_is_not_played(start: bytes) -> None:
    async with synthesizer(pcm(start + PCM)) as (_, tts):
        with pytest.raises(ProviderGarbled):
            await spoken(tts)


@pytest.mark.parametrize("kind", ["application/json", "text/html", "audio/mpeg"])
async def test_what_does_not_claim_to_be_audio_is_not_played(kind: str) -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        return web.Response(body=PCM, content_type=kind)

    async with synthesizer(reply) as (_, tts):
        with pytest.raises(ProviderGarbled):
            await spoken(tts)


@pytest.mark.parametrize("sent", [b"", PCM[:640]])
async def test_a_silent_server_times_out(sent: bytes) -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        if sent:
            await stream(request, sent)
        return await stalling(request)

    async with synthesizer(reply, silence_timeout_ms=50) as (server, tts):
        with pytest.raises(ProviderTimeout):
            await spoken(tts)
        await server.left.wait()


@pytest.mark.parametrize("promised", [None, 10_000])
async def test_a_connection_lost_midway_is_unavailable_after_what_was_said(
    promised: int | None,
) -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = promised
        await response.prepare(request)
        await response.write(PCM[:640])
        assert request.transport is not None
        request.transport.close() if promised else request.transport.abort()
        return response

    heard = b""
    async with synthesizer(reply) as (_, tts):
        with pytest.raises(ProviderUnavailable):
            async for chunk in tts.speak("Hello."):
                heard += chunk.audio
    assert heard in (PCM[:640], b""), "an aborted connection may take what was under way with it"


@pytest.mark.parametrize("how", ["cancel early", "cancel", "close"])
async def test_stopping_closes_the_connection(how: str) -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        if how != "cancel early":
            await stream(request, PCM[:640])
        return await stalling(request)

    async with synthesizer(reply) as (server, tts):
        if how == "close":
            async with aclosing(tts.speak("Hello.")) as chunks:
                assert (await anext(chunks)).audio == PCM[:640]
        else:
            heard = asyncio.Event()

            async def consume() -> None:
                async for _ in tts.speak("Hello."):
                    heard.set()

            async with asyncio.TaskGroup() as tasks:
                consuming = tasks.create_task(consume())
                await (server.asked if how == "cancel early" else heard).wait()
                consuming.cancel()
        await server.left.wait()


async def test_they_satisfy_the_ports() -> None:
    own_stt = OpenAISpeechToText("http://127.0.0.1:1/v1", "whisper-1", "a-key")
    own_tts = OpenAITextToSpeech("http://127.0.0.1:1/v1", "tts-1", "alloy", "a-key", rate=16_000)
    stt: SpeechToText = own_stt
    tts: TextToSpeech = own_tts
    assert stt.format == tts.format == PCM16_16K
    await own_stt.close()
    await own_tts.close()
