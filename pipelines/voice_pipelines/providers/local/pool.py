"""Threads for inference, so that models never run on the event loop, the most urgent work first.

Threads and not processes: onnxruntime lets go of the GIL while it computes, and one copy of each
model serves them all.
"""

import asyncio
import heapq
import itertools
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from typing import Any, TypeVar

from voice_pipelines.errors import ProviderBusy

T = TypeVar("T")

Stop = Callable[[], bool]
"""Whether the result is no longer wanted; long work asks it now and then."""


class Priority(IntEnum):
    """What goes first."""

    TURN_END = 0
    """A caller waits for it."""
    INTERIM = 1
    """Nice to have."""


class InferencePool:
    """Runs at most `threads` pieces of work at once; `close` it when done."""

    def __init__(self, threads: int, capacity: int = 64) -> None:
        """`capacity` bounds the queue: at 50 ms apiece, more work than that is too late anyway."""
        self._threads = threads
        self._capacity = capacity
        self._order = itertools.count()
        self._waiting: list[tuple[Priority, int, _Job]] = []
        self._running = 0
        self._workers: list[threading.Thread] = []
        self._closed = False
        self._changed = threading.Condition()

    @property
    def idle(self) -> bool:
        """Whether work given now would start now."""
        return self._running + len(self._waiting) < self._threads

    def submit(self, priority: Priority, work: Callable[[Stop], T]) -> asyncio.Future[T]:
        """Have `work` done. Cancelling the future skips it, or tells it to stop if it has begun.

        The future fails with what `work` raises, or with ProviderBusy when the queue is full of
        work at least as urgent.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        job = _Job(loop, future, work)
        with self._changed:
            self._waiting = [entry for entry in self._waiting if not entry[2].unwanted]
            heapq.heapify(self._waiting)
            heapq.heappush(self._waiting, (priority, next(self._order), job))
            if self._closed or len(self._waiting) > self._capacity:
                victim = max(self._waiting)
                self._waiting.remove(victim)
                heapq.heapify(self._waiting)
                victim[2].refuse()
            if len(self._workers) < self._threads and not self._closed:
                worker = threading.Thread(target=self._work, name="inference", daemon=True)
                self._workers.append(worker)
                worker.start()
            self._changed.notify()
        return future

    async def run(self, priority: Priority, work: Callable[[], T]) -> T:
        """The result of `work`. Raises what it raises, and ProviderBusy."""
        return await self.submit(priority, lambda _stop: work())

    def close(self) -> None:
        """Refuse what waits, let what runs end, and end the threads. Blocks while work runs."""
        with self._changed:
            self._closed = True
            for _, _, job in self._waiting:
                job.refuse()
            self._waiting.clear()
            self._changed.notify_all()
        for worker in self._workers:
            worker.join()

    def _work(self) -> None:
        while job := self._next():
            job.do()
            with self._changed:
                self._running -= 1

    def _next(self) -> "_Job | None":
        with self._changed:
            while True:
                while self._waiting:
                    _, _, job = heapq.heappop(self._waiting)
                    if not job.unwanted:
                        self._running += 1
                        return job
                if self._closed:
                    return None
                self._changed.wait()


class _Job:
    """A piece of work, and the future of an event loop that waits for it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[Any],
        work: Callable[[Stop], Any],
    ) -> None:
        self._loop = loop
        self._future = future
        self._do = work

    @property
    def unwanted(self) -> bool:
        return self._future.cancelled()

    def do(self) -> None:
        """Do the work, on this thread, and tell the future, on its loop."""
        try:
            result = self._do(self._future.cancelled)
        except Exception as error:
            self._tell(self._fail, error)
        else:
            self._tell(self._succeed, result)

    def refuse(self) -> None:
        """Fail the future: the pool is full or closed."""
        self._tell(self._fail, ProviderBusy("local", "too much inference is waiting"))

    def _tell(self, outcome: Callable[[Any], None], value: object) -> None:
        with suppress(RuntimeError):  # the loop is closed, so nobody waits any more
            self._loop.call_soon_threadsafe(outcome, value)

    def _succeed(self, result: object) -> None:
        if not self._future.done():
            self._future.set_result(result)

    def _fail(self, error: Exception) -> None:
        if not self._future.done():
            self._future.set_exception(error)
