"""How the records of calls get to where they are kept.

A live call never waits for a database: it hands its `Write`s to a `RecordWriter`, which brings them
there in order, tries again for as long as the database is down, and drops what does not fit into
its bounded queue. What was dropped, or lost with the process, is rebuilt from the journals at the
next start (`recovery`).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from ..errors import StorageUnavailable
from .records import Ended, Message, Records, Write

_QUEUE = 20_000
"""Writes that wait for the database. A minute of one call makes some twenty, most of them short:
so much is ten calls over an hour and a half, in about 10 MB."""
_BATCH = 500
"""Writes of one transaction: large enough to catch up quickly, small enough not to hold the lock of
the database against the API."""
_GATHER_S = 0.5
"""So long a message alone waits for more to be written with it: what the agent says grows several
times a second while it is heard, and a transaction costs the same for one and for all of these."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0

log = structlog.get_logger()


class Gauge(Protocol):
    """What operators see of the writing."""

    def records_waiting(self, count: int) -> None: ...

    def record_dropped(self) -> None: ...

    def database_up(self, up: bool) -> None: ...


class Unwatched:
    """Nobody looks."""

    def records_waiting(self, count: int) -> None:
        pass

    def record_dropped(self) -> None:
        pass

    def database_up(self, up: bool) -> None:
        pass


class RecordWriter:
    """Brings writes to the database in their order, without anybody waiting for it."""

    def __init__(self, records: Records, gauge: Gauge | None = None, limit: int = _QUEUE) -> None:
        """`limit` writes wait at most; further ones are dropped, and their conversations end as
        not complete."""
        self.told: Callable[[Sequence[Write]], None] = lambda _: None
        """Is told what has been written, each time; it must return at once."""
        self._records = records
        self._gauge: Gauge = gauge or Unwatched()
        self._limit = limit
        self._waiting: deque[Write] = deque()
        self._news = asyncio.Event()
        self._at_once = asyncio.Event()
        """Something waits that is not to wait for more."""
        self._lost: set[str] = set()
        """Conversations with a dropped write that have not ended yet."""
        self._queued = self._written = 0
        """Writes that were ever taken in, and that left the queue again."""
        self._progress = asyncio.Condition()
        self.up = True
        """The database took what it was last given."""

    def __len__(self) -> int:
        return len(self._waiting)

    def write(self, *writes: Write) -> None:
        """Take in writes. Never blocks and never fails: what does not fit is dropped."""
        for write in writes:
            if isinstance(write, Ended):
                # Taken even over the limit: there is one of each call.
                if write.conversation_id in self._lost:
                    self._lost.discard(write.conversation_id)
                    write = replace(write, complete=False)
            elif len(self._waiting) >= self._limit:
                self._drop(write)
                continue
            self._waiting.append(write)
            self._queued += 1
            if not isinstance(write, Message):
                self._at_once.set()
        self._news.set()

    async def keep_writing(self) -> None:
        """Write until cancelled. What waits then is left to `close`."""
        pause = _FIRST_PAUSE_S
        while True:
            await self._news.wait()
            await self._gather()
            self._news.clear()
            self._at_once.clear()
            while self._waiting:
                try:
                    await self._write_some()
                except StorageUnavailable as problem:
                    if self.up:
                        log.warning("records_wait_for_database", reason=str(problem))
                    self._tell(up=False)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE_S)
                else:
                    if not self.up:
                        log.info("records_reach_database_again", waiting=len(self._waiting))
                    self._tell(up=True)
                    pause = _FIRST_PAUSE_S

    async def _gather(self) -> None:
        """Wait for more, unless there is something that must not."""
        try:
            async with asyncio.timeout(_GATHER_S):
                await self._at_once.wait()
        except TimeoutError:
            pass

    async def written(self, within_ms: int) -> bool:
        """Wait until what was taken in so far is in the database; False if that takes longer."""
        goal = self._queued
        self._at_once.set()
        try:
            async with asyncio.timeout(within_ms / 1000), self._progress:
                await self._progress.wait_for(lambda: self._written >= goal)
        except TimeoutError:
            return False
        return True

    async def close(self, within_ms: int = 3000) -> None:
        """Write what waits, once `keep_writing` has been cancelled. The rest is in the journals."""
        try:
            async with asyncio.timeout(within_ms / 1000):
                while self._waiting:
                    await self._write_some()
        except (StorageUnavailable, TimeoutError):
            log.warning("records_left_to_journals", count=len(self._waiting))

    async def _write_some(self) -> None:
        batch = [self._waiting[at] for at in range(min(len(self._waiting), _BATCH))]
        writes = _latest(batch)
        try:
            await self._records.apply(writes)
        except ValueError:
            await self._write_singly(writes)
        for _ in batch:  # Only now: a cancelled write is tried again.
            self._waiting.popleft()
        self._written += len(batch)
        self._gauge.records_waiting(len(self._waiting))
        self.told(batch)
        async with self._progress:
            self._progress.notify_all()

    async def _write_singly(self, batch: Sequence[Write]) -> None:
        """One write of the batch can never be kept; the others can."""
        for write in batch:
            try:
                await self._records.apply([write])
            except ValueError as problem:
                self._gauge.record_dropped()
                log.error("record_not_kept", kind=type(write).__name__, reason=str(problem))

    def _drop(self, write: Write) -> None:
        self._gauge.record_dropped()
        if write.conversation_id not in self._lost:
            self._lost.add(write.conversation_id)
            log.error("record_dropped", waiting=len(self._waiting))

    def _tell(self, up: bool) -> None:
        self.up = up
        self._gauge.database_up(up)
        self._gauge.records_waiting(len(self._waiting))


def _latest(writes: Sequence[Write]) -> Sequence[Write]:
    """Without the messages that stand there again, as they are now, further on."""
    last = {
        (write.conversation_id, write.number): write
        for write in writes
        if isinstance(write, Message)
    }
    return [
        write
        for write in writes
        if not isinstance(write, Message) or last[write.conversation_id, write.number] is write
    ]
