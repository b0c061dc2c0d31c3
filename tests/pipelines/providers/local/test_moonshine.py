"""Moonshine hears people on the telephone, and its ear keeps the books."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from voice_codecs.pcm import PCM16_8K
from voice_pipelines.errors import ProviderError, ProviderUnavailable
from voice_pipelines.ports import Hypothesis, Recognizer
from voice_pipelines.providers.local.moonshine import (
    Moonshine,
    MoonshineSpeechToText,
    Samples,
    read_pieces,
    unlooped,
    wideband,
)
from voice_pipelines.providers.local.pool import InferencePool, Stop

_FRAME = PCM16_8K.bytes_for(20)
_HANG_S = 30
"""A guard against hanging for ever, not an expectation."""

Report = Hypothesis | ProviderError


def silence(ms: int) -> bytes:
    return bytes(PCM16_8K.bytes_for(ms))


def noise(ms: int) -> bytes:
    samples = np.random.default_rng(1).normal(0, 3000, PCM16_8K.bytes_for(ms) // 2)
    return samples.astype("<i2").tobytes()


class Reports:
    """What an ear reported, and a way to wait for more."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Report] = asyncio.Queue()

    def __call__(self, report: Report) -> None:
        self._queue.put_nowait(report)

    async def next(self) -> Report:
        async with asyncio.timeout(_HANG_S):
            return await self._queue.get()

    async def answer(self, request: int) -> str:
        """The text that answers `request`; interims before it are skipped."""
        while True:
            report = await self.next()
            assert isinstance(report, Hypothesis), report
            if report.request is not None:
                assert report.request == request
                return report.text

    def none_left(self) -> bool:
        return self._queue.empty()


class LengthModel:
    """Stands in for the model: the text is the audio's length; it can be held, and made to fail."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        """Milliseconds of each transcription."""
        self.go = threading.Event()
        self.go.set()
        self.error: Exception | None = None

    def transcribe(self, samples: Samples, stop: Stop = lambda: False) -> str:
        self.heard.append(len(samples) // 16)
        assert self.go.wait(_HANG_S)
        if self.error is not None:
            raise self.error
        return f"{len(samples) // 16}ms"


@pytest.fixture
def pool() -> Iterator[InferencePool]:
    pool = InferencePool(2)
    yield pool
    pool.close()


@asynccontextmanager
async def listening(
    model: Moonshine | LengthModel, pool: InferencePool
) -> AsyncIterator[tuple[Recognizer, Reports]]:
    reports = Reports()
    # The stand-in has the model's one method that the ear uses.
    stt = MoonshineSpeechToText(model, pool)  # type: ignore[arg-type]
    async with stt.listen(reports) as ear:
        yield ear, reports


def feed(ear: Recognizer, pcm: bytes) -> None:
    for at in range(0, len(pcm), _FRAME):
        ear.feed(pcm[at : at + _FRAME])


def say(ear: Recognizer, pcm: bytes) -> None:
    """Speech that the gate hears the beginning and the end of."""
    ear.voiced(True)
    feed(ear, pcm)
    ear.voiced(False)


def words(text: str) -> list[str]:
    return re.sub(r"[^\w\s]", "", text.lower().replace("-", " ")).split()


def errors(truth: str, heard: str) -> int:
    """Levenshtein distance in words."""
    a, b = words(truth), words(heard)
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


# The model ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moonshine(model: Callable[[str], Path]) -> Moonshine:
    return Moonshine(model("moonshine-base"))


@pytest.mark.models
def test_people_on_the_telephone_are_understood(
    moonshine: Moonshine, speech: dict[str, bytes], transcripts: dict[str, str]
) -> None:
    wrong = {
        name: errors(text, moonshine.transcribe(wideband(speech[name])))
        for name, text in transcripts.items()
    }
    spoken = sum(len(words(text)) for text in transcripts.values())
    assert sum(wrong.values()) / spoken < 0.12, wrong


@pytest.mark.models
async def test_an_ear_answers_with_what_was_said_since_the_reset(
    moonshine: Moonshine,
    pool: InferencePool,
    speech: dict[str, bytes],
    transcripts: dict[str, str],
) -> None:
    async with listening(moonshine, pool) as (ear, reports):
        say(ear, speech["amiable"])
        ear.settle(1)
        assert errors(transcripts["amiable"], await reports.answer(1)) <= 1
        ear.reset()
        feed(ear, silence(600))
        say(ear, speech["cards"])
        ear.settle(2)
        assert errors(transcripts["cards"], await reports.answer(2)) <= 2


@pytest.mark.models
async def test_silence_has_no_words(moonshine: Moonshine, pool: InferencePool) -> None:
    assert moonshine.transcribe(np.zeros(16_000, np.float32)) == ""
    async with listening(moonshine, pool) as (ear, reports):
        feed(ear, silence(2000))
        ear.settle(1)
        assert await reports.answer(1) == ""


@pytest.mark.models
def test_a_stopped_transcription_gives_up(moonshine: Moonshine, speech: dict[str, bytes]) -> None:
    assert moonshine.transcribe(wideband(speech["amiable"]), lambda: True) == ""


def test_wideband_doubles_the_rate_and_keeps_the_level() -> None:
    tone = np.rint(16384 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)).astype("<i2")
    wide = wideband(tone.tobytes())
    assert len(wide) == 16_000
    assert np.abs(wide[1000:-1000]).max() == pytest.approx(0.5, abs=0.01)


def test_pieces_are_read_with_one_and_two_byte_lengths_and_raw_bytes() -> None:
    long = b"x" * 300
    size = bytes([300 % 128 + 128, 300 // 128])
    assert read_pieces(b"\x02hi\x00\x06<0x0A>" + size + long) == [b"hi", b"", b"\n", long]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("No, no, no, no!", "No, no, no, no!"),
        ("five five five five one two", "five five five five one two"),
        ("I said " + "fail again. " * 5, "I said fail again."),
        ("the " * 9, "the"),
        ("", ""),
    ],
)
def test_a_loop_is_cut_and_emphasis_is_not(text: str, kept: str) -> None:
    assert unlooped(text) == kept


# The ear -----------------------------------------------------------------------------------------


async def test_speech_is_heard_with_the_400_ms_before_it(pool: InferencePool) -> None:
    model = LengthModel()
    async with listening(model, pool) as (ear, reports):
        feed(ear, silence(2000))
        say(ear, noise(500))
        feed(ear, silence(1000))
        ear.settle(7)
        assert await reports.answer(7) == "900ms"


async def test_an_answered_utterance_is_not_transcribed_again(pool: InferencePool) -> None:
    model = LengthModel()
    async with listening(model, pool) as (ear, reports):
        say(ear, noise(500))
        ear.settle(1)
        assert await reports.answer(1) == "500ms"
        ear.settle(2)
        assert await reports.answer(2) == "500ms"
        assert model.heard == [500]


async def test_interims_come_while_somebody_speaks(pool: InferencePool) -> None:
    async with listening(LengthModel(), pool) as (ear, reports):
        feed(ear, silence(400))
        ear.voiced(True)
        feed(ear, noise(700))
        assert await reports.next() == Hypothesis("1100ms", None)
        feed(ear, noise(680))
        assert reports.none_left()
        feed(ear, noise(20))
        assert await reports.next() == Hypothesis("1800ms", None)


async def test_interims_wait_while_the_pool_is_busy(pool: InferencePool) -> None:
    busy, free = LengthModel(), LengthModel()
    busy.go.clear()
    async with (
        listening(busy, pool) as (first, _),
        listening(busy, pool) as (second, _),
        listening(free, pool) as (ear, reports),
    ):
        say(first, noise(300))
        say(second, noise(300))
        first.settle(1)
        second.settle(1)
        say(ear, noise(3000))
        assert free.heard == []
        ear.settle(2)
        busy.go.set()
        assert await reports.next() == Hypothesis("3000ms", 2)


async def test_a_newer_request_replaces_an_unanswered_one(pool: InferencePool) -> None:
    model = LengthModel()
    model.go.clear()
    async with listening(model, pool) as (ear, reports):
        say(ear, noise(300))
        ear.settle(1)
        ear.settle(2)
        say(ear, noise(300))
        ear.settle(3)
        model.go.set()
        assert await reports.next() == Hypothesis("600ms", 3)
        await asyncio.sleep(0)
        assert reports.none_left()


async def test_after_a_reset_late_news_is_dropped(pool: InferencePool) -> None:
    model = LengthModel()
    model.go.clear()
    async with listening(model, pool) as (ear, reports):
        say(ear, noise(300))
        ear.settle(1)
        ear.reset()
        model.go.set()
        say(ear, noise(200))
        ear.settle(2)
        assert await reports.next() == Hypothesis("200ms", 2)


async def test_a_closed_ear_reports_nothing(pool: InferencePool) -> None:
    model = LengthModel()
    model.go.clear()
    async with listening(model, pool) as (ear, reports):
        say(ear, noise(300))
        ear.settle(1)
    model.go.set()
    await asyncio.to_thread(pool.close)
    await asyncio.sleep(0)
    assert reports.none_left()


async def test_a_reset_in_the_middle_of_a_word_keeps_what_follows(pool: InferencePool) -> None:
    async with listening(LengthModel(), pool) as (ear, reports):
        ear.voiced(True)
        feed(ear, noise(300))
        ear.reset()
        feed(ear, noise(200))
        ear.settle(1)
        assert await reports.answer(1) == "200ms"


async def test_a_long_utterance_is_cut_at_a_pause_and_its_beginning_kept(
    pool: InferencePool,
) -> None:
    model = LengthModel()
    async with listening(model, pool) as (ear, reports):
        say(ear, noise(6500))
        ear.settle(1)
        assert await reports.answer(1) == "6500ms"
        feed(ear, silence(600))
        say(ear, noise(600))
        ear.settle(2)
        assert await reports.answer(2) == "6500ms 1000ms"
        assert model.heard.count(6500) <= 2  # an interim may have come first
        assert model.heard[-1] == 1000


async def test_speech_without_a_pause_is_cut_where_it_is_quietest(pool: InferencePool) -> None:
    model = LengthModel()
    async with listening(model, pool) as (ear, reports):
        say(ear, noise(8000) + silence(80) + noise(3920))
        ear.settle(1)
        first, second = (int(part[:-2]) for part in (await reports.answer(1)).split())
        assert 8000 <= first <= 8080
        assert first + second == 12_000


async def test_a_failing_session_is_reported_as_the_providers_error(pool: InferencePool) -> None:
    model = LengthModel()
    async with listening(model, pool) as (ear, reports):
        model.error = RuntimeError("the session broke")
        say(ear, noise(300))
        ear.settle(1)
        report = await reports.next()
        assert isinstance(report, ProviderUnavailable)
        assert report.provider == "moonshine"
        model.error = None
        ear.settle(2)
        assert await reports.answer(2) == "300ms"
