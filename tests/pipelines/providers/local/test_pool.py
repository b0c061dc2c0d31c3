"""The pool does the most urgent work first, bounds its queue, and skips what nobody wants."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from voice_pipelines.errors import ProviderBusy
from voice_pipelines.providers.local.pool import InferencePool, Priority, Stop

_HANG_S = 30


class Gate:
    """Work that holds its thread until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self._go = threading.Event()

    def __call__(self, stop: Stop) -> None:
        self.begun.set()
        assert self._go.wait(_HANG_S)

    def open(self) -> None:
        self._go.set()


@pytest.fixture
def pool() -> Iterator[InferencePool]:
    pool = InferencePool(1, capacity=3)
    yield pool
    pool.close()


async def hold(pool: InferencePool) -> Gate:
    gate = Gate()
    pool.submit(Priority.TURN_END, gate)
    await asyncio.to_thread(gate.begun.wait, _HANG_S)
    return gate


def noting(done: list[str], name: str) -> Callable[[Stop], None]:
    return lambda _stop: done.append(name)


async def test_it_gives_the_result_and_the_error(pool: InferencePool) -> None:
    assert await pool.run(Priority.TURN_END, lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        await pool.run(Priority.TURN_END, lambda: 1 // 0)


async def test_ends_of_turns_go_before_interims(pool: InferencePool) -> None:
    gate = await hold(pool)
    done: list[str] = []
    work = [
        pool.submit(Priority.INTERIM, noting(done, "interim")),
        pool.submit(Priority.TURN_END, noting(done, "first")),
        pool.submit(Priority.TURN_END, noting(done, "second")),
    ]
    gate.open()
    await asyncio.gather(*work)
    assert done == ["first", "second", "interim"]


async def test_a_cancelled_job_is_not_begun(pool: InferencePool) -> None:
    gate = await hold(pool)
    done: list[str] = []
    pool.submit(Priority.TURN_END, noting(done, "unwanted")).cancel()
    gate.open()
    await pool.run(Priority.INTERIM, lambda: None)
    assert done == []


async def test_work_that_has_begun_is_told_to_stop(pool: InferencePool) -> None:
    begun, stopped = threading.Event(), threading.Event()

    def work(stop: Stop) -> None:
        begun.set()
        while not stop():
            pass
        stopped.set()

    job = pool.submit(Priority.TURN_END, work)
    assert await asyncio.to_thread(begun.wait, _HANG_S)
    job.cancel()
    assert await asyncio.to_thread(stopped.wait, _HANG_S)


async def test_a_full_queue_drops_the_least_urgent(pool: InferencePool) -> None:
    gate = await hold(pool)
    done: list[str] = []
    interims = [pool.submit(Priority.INTERIM, noting(done, f"interim {i}")) for i in range(3)]
    urgent = pool.submit(Priority.TURN_END, noting(done, "urgent"))
    with pytest.raises(ProviderBusy):
        await interims[2]
    with pytest.raises(ProviderBusy):
        await pool.submit(Priority.INTERIM, noting(done, "late"))
    gate.open()
    await asyncio.gather(urgent, *interims[:2])
    assert done == ["urgent", "interim 0", "interim 1"]


async def test_it_knows_whether_it_is_idle(pool: InferencePool) -> None:
    assert pool.idle
    gate = await hold(pool)
    assert not pool.idle
    gate.open()


async def test_a_closed_pool_refuses(pool: InferencePool) -> None:
    pool.close()
    with pytest.raises(ProviderBusy):
        await pool.run(Priority.TURN_END, lambda: None)
