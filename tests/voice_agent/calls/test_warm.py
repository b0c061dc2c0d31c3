"""Connections are opened ahead of calls and tended during them."""

import asyncio
from typing import cast

from voice_agent.calls.one_call import House, OneCall
from voice_agent.calls.session import Switchboard
from voice_agent.calls.warm import keep_warm
from voice_agent.telemetry.metrics import Metrics


def switchboard() -> Switchboard:
    board = Switchboard(Metrics(), None, 1)
    board.house = cast(House, object())  # `check` wants to know only that there is one.
    return board


class Warmed:
    """Counts."""

    def __init__(self) -> None:
        self.times = 0
        self.changed = asyncio.Event()

    async def __call__(self) -> None:
        self.times += 1
        self.changed.set()

    async def reaches(self, times: int) -> None:
        async with asyncio.timeout(20):
            while self.times < times:
                self.changed.clear()
                await self.changed.wait()


async def test_the_start_and_the_beginning_of_a_call_warm() -> None:
    board, warm = switchboard(), Warmed()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(keep_warm(warm, board))
        await warm.reaches(1)
        await asyncio.sleep(0)
        assert warm.times == 1, "nobody is there to warm for"
        board.check()
        await warm.reaches(2)
        task.cancel()


async def test_connections_are_tended_while_a_call_lasts() -> None:
    board, warm = switchboard(), Warmed()
    board._live[1] = cast(OneCall, object())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(keep_warm(warm, board, every_s=0.01))
        await warm.reaches(4)
        task.cancel()


async def test_a_bug_in_warming_ends_nothing() -> None:
    board, warm = switchboard(), Warmed()

    async def broken() -> None:
        await warm()
        raise ValueError("a bug")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(keep_warm(broken, board))
        await warm.reaches(1)
        board.check()
        await warm.reaches(2)
        task.cancel()
