"""Several recognizers as one, of which some fail, stall or do not open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.pipelines.providers.fallback.candidates import HANG_S, Hand, candidate, faults, health
from tests.pipelines.providers.heard import Heard
from voice_codecs.pcm import MULAW_8K, PCM16_8K, AudioFormat
from voice_pipelines.errors import (
    ProviderBusy,
    ProviderGarbled,
    ProviderTimeout,
    ProviderUnavailable,
)
from voice_pipelines.ports import Hypothesis, HypothesisSink, Recognizer, SpeechToText
from voice_pipelines.providers.budget import BudgetedSpeechToText
from voice_pipelines.providers.fallback.candidate import Candidate
from voice_pipelines.providers.fallback.recognition import FallbackSpeechToText
from voice_pipelines.providers.scripted import Outcome, ScriptedSpeechToText

SOON_MS = 30


class Recording:
    """A recognizer that writes down what it is told, and reports what the test says."""

    def __init__(
        self,
        audio_format: AudioFormat = MULAW_8K,
        opens: bool | None = True,
        fails_to_close: bool = False,
    ) -> None:
        self.format = audio_format
        self.log: list[object] = []
        self.opened = asyncio.Event()
        self.open_ears = 0
        self.report: HypothesisSink
        self._opens = opens
        self._fails_to_close = fails_to_close

    @asynccontextmanager
    async def listen(self, report: HypothesisSink) -> AsyncIterator[Recognizer]:
        self.log.append("open")
        if self._opens is None:
            await asyncio.sleep(HANG_S)
        if not self._opens:
            raise ProviderUnavailable("recording", "no connection")
        self.report = report
        self.open_ears += 1
        self.opened.set()
        try:
            yield self
        finally:
            self.open_ears -= 1
            if self._fails_to_close:
                raise ProviderUnavailable("recording", "no good-bye")

    def feed(self, audio: bytes) -> None:
        self.log.append(audio)

    def voiced(self, speaking: bool) -> None:
        self.log.append(speaking)

    def settle(self, request: int) -> None:
        self.log.append(("settle", request))

    def reset(self) -> None:
        self.log.append("reset")


def an_ear(name: str, stt: SpeechToText, failures: int = 2) -> Candidate[SpeechToText]:
    return candidate(name, stt, failures)


DOWN = ProviderUnavailable("a", "down")


async def test_answers_of_the_first_pass_while_it_serves() -> None:
    heard = Heard()
    ears = [an_ear("a", ScriptedSpeechToText(["one", "two"])), an_ear("b", Recording())]
    stt = FallbackSpeechToText(ears, Hand())
    assert stt.format == MULAW_8K
    async with stt.listen(heard) as ear:
        for request, text in enumerate(["one", "two"]):
            ear.feed(b"\xff" * 160)
            ear.settle(request)
            assert await heard.next() == Hypothesis(text, request)
            ear.reset()
    assert [health(each) for each in ears] == [(2, 0), (0, 0)]


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.GARBAGE, Outcome.STALL])
async def test_the_next_answers_in_place_of_one_that_fails(outcome: Outcome) -> None:
    heard = Heard()
    broken = ScriptedSpeechToText("never", faults=faults(outcome))
    budgeted = BudgetedSpeechToText(broken, "a", settle_ms=SOON_MS)
    ears = [an_ear("a", budgeted), an_ear("b", ScriptedSpeechToText("yes"))]
    stt = FallbackSpeechToText(ears, Hand())
    for call in range(3):
        async with stt.listen(heard) as ear:
            ear.feed(b"\xff" * 160)
            ear.settle(7)
            assert await heard.next() == Hypothesis("yes", 7)
            ear.settle(8)
            assert await heard.next() == Hypothesis("yes", 8)
        assert broken.requests == min(call + 1, 2), "a call stays with whom it went to"
    assert heard.results.empty()
    assert [health(each) for each in ears] == [(0, 2), (6, 0)]


async def test_the_next_hears_the_utterance_again() -> None:
    heard = Heard()
    first, second = Recording(), Recording()
    stt = FallbackSpeechToText([an_ear("a", first), an_ear("b", second)], Hand())
    async with asyncio.timeout(HANG_S), stt.listen(heard) as ear:
        ear.feed(b"early")
        await first.opened.wait()
        ear.feed(b"turn one")
        ear.reset()
        for step in (b"pre", True, b"words", False, b"pause"):
            ear.voiced(step) if isinstance(step, bool) else ear.feed(step)
        ear.settle(3)
        first.report(DOWN)
        ear.feed(b"meanwhile")
        await second.opened.wait()
        await asyncio.sleep(0)
        first.report(Hypothesis("too late", 3))
        second.report(Hypothesis("words", 3))
        assert await heard.next() == Hypothesis("words", 3)
        assert first.open_ears == 0
    words = [b"pre", True, b"words", False, b"pause"]
    assert first.log == ["open", b"early", b"turn one", "reset", *words, ("settle", 3)]
    assert second.log == ["open", *words, b"meanwhile", ("settle", 3)]
    assert second.open_ears == 0
    assert heard.results.empty()


async def test_what_is_kept_is_bounded_and_begins_as_it_was() -> None:
    first, second = Recording(), Recording(PCM16_8K)
    ears = [an_ear("a", first), an_ear("b", second)]
    stt = FallbackSpeechToText(ears, Hand(), keep_ms=100)
    async with asyncio.timeout(HANG_S), stt.listen(Heard()) as ear:
        await first.opened.wait()
        ear.voiced(True)
        for _ in range(50):
            ear.feed(b"\xff" * 160)
        first.report(DOWN)
        await second.opened.wait()
        await asyncio.sleep(0)
    assert second.log == ["open", True, *[bytes(320)] * 5]


@pytest.mark.parametrize("opens", [False, None])
async def test_one_that_does_not_open_is_passed_over(opens: bool | None) -> None:
    heard = Heard()
    closed = Recording(opens=opens)
    ears = [an_ear("a", closed), an_ear("b", ScriptedSpeechToText("yes"))]
    async with FallbackSpeechToText(ears, Hand(), open_ms=SOON_MS).listen(heard) as ear:
        ear.feed(b"\xff")
        ear.settle(0)
        assert await heard.next() == Hypothesis("yes", 0)
    assert closed.log == ["open"]
    assert health(ears[0]) == (0, 1)


async def test_leaving_does_not_wait_for_one_that_opens() -> None:
    async with asyncio.timeout(HANG_S / 2):
        stt = FallbackSpeechToText([an_ear("a", Recording(opens=None))], Hand(), open_ms=60_000)
        async with stt.listen(Heard()):
            await asyncio.sleep(0.01)


async def test_when_all_fail_it_is_reported_once_and_tried_again_when_asked() -> None:
    heard = Heard()
    clock = Hand()
    first = ScriptedSpeechToText("one", faults=faults(Outcome.FAIL, [0]))
    second = ScriptedSpeechToText("two", faults=faults(Outcome.GARBAGE, [0]))
    ears = [an_ear("a", first), an_ear("b", second)]
    async with FallbackSpeechToText(ears, clock).listen(heard) as ear:
        ear.feed(b"\xff")
        ear.settle(0)
        assert type(await heard.next()) is ProviderGarbled
        ear.settle(1)
        assert await heard.next() == Hypothesis("one", 1)
    assert heard.results.empty()


async def test_when_all_are_left_alone_it_says_for_how_long() -> None:
    heard = Heard()
    clock = Hand()
    broken = ScriptedSpeechToText("yes", faults=faults(Outcome.FAIL, [0]))
    async with FallbackSpeechToText([an_ear("a", broken, 1)], clock).listen(heard) as ear:
        ear.feed(b"\xff")
        ear.settle(0)
        assert type(await heard.next()) is ProviderUnavailable
        clock.ms = 400
        ear.settle(1)
        assert heard.results.empty(), "not inside the question"
        busy = await heard.next()
        assert isinstance(busy, ProviderBusy)
        assert busy.retry_after_ms == 600
        ear.settle(2)
        ear.reset()
        await asyncio.sleep(0.01)
        assert heard.results.empty(), "nobody asks any more"
        clock.ms = 1_000
        ear.feed(b"\xff")
        ear.voiced(True)
        ear.settle(3)
        assert await heard.next() == Hypothesis("yes", 3)


async def test_an_ear_that_dies_unasked_is_replaced_in_silence() -> None:
    heard = Heard()
    first, second = Recording(fails_to_close=True), Recording()
    ears = [an_ear("a", first), an_ear("b", second)]
    async with asyncio.timeout(HANG_S), FallbackSpeechToText(ears, Hand()).listen(heard) as ear:
        await first.opened.wait()
        ear.feed(b"")
        first.report(DOWN)
        await second.opened.wait()
        second.report(Hypothesis("hm", None))
        assert await heard.next() == Hypothesis("hm", None)
        second.report(DOWN)
        assert second.log == ["open"]
        first.opened.clear()
        ear.voiced(True)
        await first.opened.wait()
        await asyncio.sleep(0)
        assert first.log == ["open", b"", "open", True]
    assert heard.results.empty()
    assert [health(each) for each in ears] == [(0, 1), (0, 1)]


async def test_one_that_others_found_ill_is_left_before_it_is_asked() -> None:
    heard = Heard()
    first = Recording()
    ears = [an_ear("a", first, 1), an_ear("b", ScriptedSpeechToText("yes"))]
    async with asyncio.timeout(HANG_S), FallbackSpeechToText(ears, Hand()).listen(heard) as ear:
        await first.opened.wait()
        ear.feed(b"\xff")
        ticket = ears[0].breaker.admit(0)
        assert ticket is not None
        ears[0].breaker.failed(ticket, 0, ProviderTimeout("a", "slow"))
        ear.settle(0)
        assert await heard.next() == Hypothesis("yes", 0)
    assert first.log == ["open", b"\xff"]


async def test_hearing_nothing_counts_for_nothing() -> None:
    heard = Heard()
    ears = [an_ear("a", ScriptedSpeechToText("yes"))]
    async with FallbackSpeechToText(ears, Hand()).listen(heard) as ear:
        ear.settle(0)
        assert await heard.next() == Hypothesis("", 0)
    assert health(ears[0]) == (0, 0)


async def test_what_goes_wrong_around_an_ear_comes_out_as_it_is() -> None:
    with pytest.raises(LookupError):
        async with FallbackSpeechToText([an_ear("a", Recording())], Hand()).listen(Heard()):
            raise LookupError
