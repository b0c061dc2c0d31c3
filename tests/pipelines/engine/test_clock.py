"""The clock and the metronome, in time that passes at once."""

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest

from tests.pipelines.engine.skipping_loop import SkippingLoop, run
from voice_pipelines.engine.clock import LoopClock, Metronome


def loop_now() -> SkippingLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SkippingLoop)
    return loop


def test_the_clock_counts_whole_milliseconds_from_its_beginning() -> None:
    async def script() -> None:
        loop = loop_now()
        loop.moment = 1000.0
        clock = LoopClock(loop)
        assert clock.now() == 0
        loop.moment += 0.0209
        assert clock.now() == 20

    run(script())


def test_it_beats_each_20_ms_and_does_not_drift() -> None:
    async def script() -> None:
        loop = loop_now()
        beats: list[float] = []
        stop = Metronome(loop).add(lambda: beats.append(loop.time()))
        await asyncio.sleep(100.001)
        stop()
        assert len(beats) == 5000
        apart = {round(later - earlier, 6) for earlier, later in pairwise(beats)}
        assert apart == {0.02}

    run(script())


def test_one_timer_serves_all() -> None:
    async def script() -> None:
        loop = loop_now()
        metronome, told = Metronome(loop), list[str]()
        stops = [metronome.add(lambda name=name: told.append(name)) for name in "abc"]  # type: ignore[misc]  # the default binds the name
        await asyncio.sleep(0.041)
        assert Counter(told) == {"a": 2, "b": 2, "c": 2}
        stops[1]()
        await asyncio.sleep(0.02)
        assert Counter(told) == {"a": 3, "b": 2, "c": 3}
        for stop in stops:
            stop()
            stop()
        await asyncio.sleep(1)
        assert Counter(told) == {"a": 3, "b": 2, "c": 3}
        stop = metronome.add(lambda: told.append("d"))
        await asyncio.sleep(0.021)
        stop()
        assert told[-1] == "d"

    run(script())


def test_neighbors_beat_at_different_moments() -> None:
    async def script() -> None:
        loop = loop_now()
        metronome = Metronome(loop)
        moments: dict[int, float] = {}

        def beat(number: int) -> None:
            moments.setdefault(number, loop.time())

        stops = [metronome.add(partial(beat, number)) for number in range(8)]
        await asyncio.sleep(0.021)
        for stop in stops:
            stop()
        assert sorted(Counter(round(at, 6) for at in moments.values()).values()) == [2, 2, 2, 2]

    run(script())


def test_a_beat_may_stop_itself_and_start_another() -> None:
    async def script() -> None:
        metronome, told = Metronome(loop_now()), list[str]()

        def once() -> None:
            told.append("once")
            stop()
            stops.append(metronome.add(lambda: told.append("then")))

        stops: list[Callable[[], None]] = []
        stop = metronome.add(once)
        await asyncio.sleep(0.061)
        assert told[:2] == ["once", "then"]
        assert set(told[1:]) == {"then"}
        stops[0]()

    run(script())


def test_beats_that_a_busy_loop_missed_are_skipped_and_told() -> None:
    async def script() -> None:
        loop = loop_now()
        beats: list[float] = []
        late: list[float] = []

        def beat() -> None:
            beats.append(loop.time())
            if len(beats) == 2:
                loop.moment += 0.5

        stop = Metronome(loop, late.append).add(beat)
        await asyncio.sleep(1.0)
        stop()
        assert max(late) == pytest.approx(495, abs=1)
        assert sum(ms > 1 for ms in late) == 1, "late once, then in step again"
        assert 26 <= len(beats) <= 29

    run(script())


def test_a_beat_that_fails_keeps_none_of_the_others_from_theirs() -> None:
    async def script() -> tuple[int, list[str]]:
        loop = asyncio.get_running_loop()
        problems: list[str] = []
        loop.set_exception_handler(lambda _, context: problems.append(context["message"]))
        beats = 0

        def good() -> None:
            nonlocal beats
            beats += 1

        def bad() -> None:
            raise ValueError("a bug")

        metronome = Metronome(loop)
        stops = [metronome.add(bad, 0), metronome.add(good, 0)]
        await asyncio.sleep(0.1)
        for stop in stops:
            stop()
        return beats, problems

    beats, problems = run(script())
    assert beats >= 4
    assert problems == ["a beat failed"] * beats


def test_a_beat_that_another_one_stopped_is_not_called_any_more() -> None:
    async def script() -> int:
        metronome = Metronome(asyncio.get_running_loop())
        calls = 0

        def second() -> None:
            nonlocal calls
            calls += 1

        stops: list[Callable[[], None]] = []
        stop_first = metronome.add(lambda: stops[0](), 0)
        stops.append(metronome.add(second, 0))
        await asyncio.sleep(0.1)
        stop_first()
        return calls

    assert run(script()) == 0
