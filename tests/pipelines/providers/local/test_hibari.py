"""Hibari in its child process: the pure parts, then the real voice, killed and cancelled."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import aclosing

import numpy as np
import psutil
import pytest

from voice_codecs.g711 import decode
from voice_codecs.level import rms_dbfs, voiced_span
from voice_codecs.pcm import MULAW_8K, PCM16_16K, AudioFormat, Encoding
from voice_pipelines.errors import ProviderGarbled, ProviderUnavailable
from voice_pipelines.ports import TextToSpeech
from voice_pipelines.providers.local.hibari import (
    MAX_TEXT,
    Audio,
    Cancel,
    Failed,
    HibariTextToSpeech,
    Result,
    Speak,
)
from voice_pipelines.providers.local.hibari_worker import Desk, Wave, pcm16, trim

HANG_S = 60


# Sound -------------------------------------------------------------------------------------------


def tone(ms: int, rate: int = 24_000) -> Wave:
    return np.full(ms * rate // 1000, 0.3, np.float32)


def silence(ms: int, rate: int = 24_000) -> Wave:
    return np.zeros(ms * rate // 1000, np.float32)


@pytest.mark.parametrize(("ends_sentence", "pause_ms"), [(True, 250), (False, 90)])
def test_silence_is_cut_to_a_breath_and_a_pause(ends_sentence: bool, pause_ms: int) -> None:
    wave = np.concatenate([silence(300), tone(100), silence(450)])
    trimmed = trim(wave, 24_000, ends_sentence=ends_sentence)
    assert abs(len(trimmed) / 24 - (20 + 100 + pause_ms)) < 1
    assert trimmed[0] == 0.0


def test_speech_without_silence_stays_and_silence_goes() -> None:
    assert len(trim(tone(100), 24_000, ends_sentence=True)) == len(tone(100))
    assert len(trim(silence(100), 24_000, ends_sentence=True)) == 0


def test_loud_speech_is_limited_and_not_wrapped() -> None:
    samples = np.frombuffer(pcm16(np.array([0.1, 2.0, -2.0], np.float32)), "<i2")
    assert samples.tolist() == [5242, 31128, -31128]


# The desk ----------------------------------------------------------------------------------------


def speak(text: str) -> Iterator[bytes]:
    yield from (text.encode()[at : at + 1] for at in range(len(text)))


def test_requests_are_answered_in_order_and_the_last_chunk_says_so() -> None:
    desk, sent = Desk(), list[Result]()
    for number, text in enumerate(["ab", ""]):
        desk.take(Speak(number, text))
        desk.serve_next(speak, sent.append)
    assert sent == [Audio(0, b"a", False), Audio(0, b"b", True), Audio(1, b"", True)]


def test_what_was_cancelled_before_is_not_begun() -> None:
    desk, sent = Desk(), list[Result]()
    for request in (Speak(0, "ab"), Cancel(0), Cancel(7)):
        desk.take(request)

    def never(text: str) -> Iterator[bytes]:
        raise AssertionError(text)

    desk.serve_next(never, sent.append)
    assert sent == []


def test_what_is_cancelled_midway_is_not_sent() -> None:
    desk, sent = Desk(), list[Result]()
    desk.take(Speak(0, "abc"))

    def interrupted(text: str) -> Iterator[bytes]:
        yield b"a"
        yield b"b"
        desk.take(Cancel(0))
        yield b"c"

    desk.serve_next(interrupted, sent.append)
    assert [result.audio for result in sent if isinstance(result, Audio)] == [b"a", b"b"]
    assert not any(isinstance(result, Audio) and result.last for result in sent)


def test_a_text_that_breaks_the_library_fails_alone() -> None:
    desk, sent = Desk(), list[Result]()

    def broken(text: str) -> Iterator[bytes]:
        raise KeyError(text)
        yield b""

    desk.take(Speak(0, "secret"))
    desk.serve_next(broken, sent.append)
    assert sent == [Failed(0, "KeyError")]


# The real voice ----------------------------------------------------------------------------------


async def spoken(tts: HibariTextToSpeech, text: str) -> bytes:
    async with asyncio.timeout(HANG_S):
        return b"".join([chunk.audio async for chunk in tts.speak(text)])


@pytest.mark.models
@pytest.mark.parametrize("audio_format", [MULAW_8K, PCM16_16K, AudioFormat(Encoding.PCM16, 24_000)])
async def test_it_speaks_at_once_and_loud_enough(audio_format: AudioFormat) -> None:
    async with HibariTextToSpeech(audio_format) as hibari:
        tts: TextToSpeech = hibari
        assert tts.format == audio_format
        audio = await spoken(hibari, "We are open from nine to five.")
        pcm = decode(audio, audio_format.encoding)
        assert 1500 < audio_format.duration_ms(audio) < 2500
        assert -26 < rms_dbfs(pcm) < -16
        span = voiced_span(pcm, audio_format.rate)
        assert span is not None
        assert span[0] * 1000 / audio_format.rate < 100
        assert await spoken(hibari, "…") == b""


@pytest.mark.models
async def test_speech_is_shared_cancelled_and_lost_with_a_killed_worker_that_comes_back() -> None:
    async with HibariTextToSpeech(MULAW_8K) as tts:
        async with aclosing(tts.speak("One. Two. Three. Four. Five.")) as chunks:
            await anext(chunks)
        async with asyncio.TaskGroup() as tasks:
            both = [tasks.create_task(spoken(tts, text)) for text in ("Hello.", "Good evening.")]
            dropped = tasks.create_task(spoken(tts, "Never mind. " * 20))
            await asyncio.sleep(0)
            dropped.cancel()
        assert all(task.result() for task in both)
        assert not tts._waiting
        with pytest.raises(ProviderGarbled):
            await spoken(tts, "x" * (MAX_TEXT + 1))

        pid = tts.child.pid
        assert pid is not None
        with pytest.raises(ProviderUnavailable):
            async with asyncio.timeout(HANG_S), aclosing(tts.speak("Now then. " * 100)) as chunks:
                await anext(chunks)
                os.kill(pid, signal.SIGKILL)
                async for _ in chunks:
                    pass
        with pytest.raises(ProviderUnavailable):
            await spoken(tts, "Hello?")
        async with asyncio.timeout(HANG_S):
            await tts.child.ready.wait()
        assert await spoken(tts, "Hello again.")
        assert tts.child.restarts == 1
        assert tts.child.pid not in (None, pid)
        last_pid = tts.child.pid
        assert last_pid is not None
    assert not psutil.pid_exists(pid)
    assert not psutil.pid_exists(last_pid)


@pytest.mark.models
async def test_a_voice_that_does_not_exist_is_unavailable_with_a_reason() -> None:
    with pytest.raises(ProviderUnavailable, match="nobody"):
        async with HibariTextToSpeech(MULAW_8K, voice="nobody"):
            raise AssertionError


PARENT = """
import asyncio, json, sys
from voice_codecs.pcm import MULAW_8K
from voice_pipelines.providers.local.hibari import (
    MAX_TEXT,
    Audio,
    Cancel,
    Failed,
    HibariTextToSpeech,
    Result,
    Speak,
)

async def main():
    async with HibariTextToSpeech(MULAW_8K) as tts:
        sys.stdout.write(json.dumps(tts.child.pid) + "\\n")
        sys.stdout.flush()
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.models
async def test_the_worker_does_not_outlive_a_killed_parent() -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    async with asyncio.timeout(HANG_S):
        worker = psutil.Process(json.loads(await parent.stdout.readline()))
    parent.kill()
    await parent.wait()
    gone, alive = await asyncio.to_thread(psutil.wait_procs, [worker], timeout=HANG_S)
    assert gone == [worker] and not alive
