import asyncio

import pytest

from voice_agent.telephony.pacer import Pacer


async def test_beats_keep_pace_with_the_clock_and_are_made_up_for() -> None:
    async with Pacer(phases=1) as pacer:
        beats = pacer.join()
        for beat in range(1, 6):
            await beats.reached(beat)
            assert pacer.clock() - beats.start >= beat * 0.02 - 0.001
        await asyncio.sleep(0.1)
        with pytest.raises(StopIteration):  # Beat 8 is past: there is nothing to wait for.
            beats.reached(8).send(None)


async def test_calls_are_spread_over_the_20_ms() -> None:
    async with Pacer(phases=4) as pacer:
        starts = sorted(pacer.join().start for _ in range(4))
        steps = [after - before for before, after in zip(starts, starts[1:], strict=False)]
        assert steps == pytest.approx([0.005] * 3)


async def test_a_call_that_is_cancelled_leaves_the_others_their_beat() -> None:
    async with Pacer(phases=1) as pacer, asyncio.TaskGroup() as calls:
        one, other = (calls.create_task(pacer.join().reached(3)) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
    assert one.cancelled()
    assert other.done()
