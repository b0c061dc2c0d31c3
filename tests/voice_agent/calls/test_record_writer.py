"""Records on their way to the database, while it is there and while it is not."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from voice_agent.calls.limits import Allowance, Counted
from voice_agent.calls.record_writer import RecordWriter
from voice_agent.calls.records import Begun, Conversation, Ended, Message, MessageUsed, Write
from voice_agent.errors import StorageUnavailable

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@dataclass
class Memory:
    """Records that are kept in memory, where they are kept at all."""

    written: list[Write] = field(default_factory=list)
    down: bool = False
    poison: Write | None = None
    asked: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def apply(self, writes: Sequence[Write]) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.down:
            raise StorageUnavailable("it is down")
        if self.poison in writes:
            raise ValueError("never")
        self.written += writes
        self.came.set()


@dataclass
class Seen:
    """What operators see."""

    waiting: int = 0
    dropped: int = 0
    up: list[bool] = field(default_factory=list)

    def records_waiting(self, count: int) -> None:
        self.waiting = count

    def record_dropped(self) -> None:
        self.dropped += 1

    def database_up(self, up: bool) -> None:
        self.up.append(up)


@asynccontextmanager
async def writing(writer: RecordWriter) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(writer.keep_writing())
        try:
            yield
        finally:
            task.cancel()


def said(number: int, id: str = "c") -> Message:
    return Message(conversation_id=id, number=number, speaker="agent", text="", at=NOW)


async def test_writes_arrive_in_their_order() -> None:
    memory = Memory()
    writer = RecordWriter(memory)
    expected = [said(n) for n in range(1200)]
    async with writing(writer):
        for write in expected:
            writer.write(write)
        assert await writer.written(5000)
    assert memory.written == expected
    assert memory.asked < 10  # In batches.


async def test_a_message_that_grows_is_written_as_it_stands() -> None:
    memory = Memory()
    writer = RecordWriter(memory)
    begun = Begun(Conversation(id="c", created_at=NOW))
    first, other, last = said(0), said(1), replace(said(0), text="Hello.")
    writer.write(begun, first, said(0, "d"), other, last)
    async with writing(writer):
        assert await writer.written(5000)
    assert memory.written == [begun, said(0, "d"), other, last]


async def test_messages_wait_for_more_of_them_and_nothing_else_waits() -> None:
    memory = Memory()
    writer = RecordWriter(memory)
    async with writing(writer):
        writer.write(said(0))
        for _ in range(10):
            await asyncio.sleep(0)
        assert memory.written == []
        writer.write(said(1))
        end = Ended("c", NOW, "")
        writer.write(end)
        for _ in range(10):
            await asyncio.sleep(0)
        assert memory.written == [said(0), said(1), end]
        writer.write(said(2))
        async with asyncio.timeout(10):
            memory.came.clear()
            await memory.came.wait()
    assert memory.written[-1] == said(2) and memory.asked == 2


async def test_while_the_database_is_down_writes_wait_for_it() -> None:
    memory, seen = Memory(down=True), Seen()
    writer = RecordWriter(memory, seen)
    async with writing(writer):
        writer.write(said(0))
        assert not await writer.written(50)
        writer.write(said(1))
        assert (writer.up, seen.up[-1], memory.written) == (False, False, [])
        memory.down = False
        assert await writer.written(5000)
    assert (writer.up, seen.up[-1], seen.waiting) == (True, True, 0)
    assert memory.written == [said(0), said(1)]


async def test_what_does_not_fit_is_dropped_and_its_conversation_is_not_complete() -> None:
    memory, seen = Memory(down=True), Seen()
    writer = RecordWriter(memory, seen, limit=3)
    writer.write(said(0, "a"), said(0, "b"), said(1, "b"), said(1, "a"))
    writer.write(Ended("a", NOW, ""), Ended("b", NOW, ""))
    assert seen.dropped == 1
    memory.down = False
    async with writing(writer):
        assert await writer.written(5000)
    ends = {
        write.conversation_id: write.complete for write in memory.written if type(write) is Ended
    }
    assert ends == {"a": False, "b": True}
    assert memory.written[:3] == [said(0, "a"), said(0, "b"), said(1, "b")]


async def test_one_that_can_never_be_kept_is_left_out() -> None:
    memory, seen = Memory(poison=said(1)), Seen()
    writer = RecordWriter(memory, seen)
    async with writing(writer):
        writer.write(said(0), said(1), said(2))
        assert await writer.written(5000)
    assert memory.written == [said(0), said(2)]
    assert seen.dropped == 1


async def test_the_last_ones_are_written_when_the_server_stops() -> None:
    memory = Memory()
    writer = RecordWriter(memory)
    async with writing(writer):
        pass
    writer.write(said(0))
    await writer.close()
    assert memory.written == [said(0)]


async def test_a_database_that_is_down_does_not_keep_the_server_from_stopping() -> None:
    writer = RecordWriter(Memory(down=True))
    writer.write(said(0))
    async with asyncio.timeout(5):
        await writer.close(within_ms=50)
    assert len(writer) == 1


@dataclass
class Counting:
    """Counters of which one user's is full."""

    down: bool = False
    full: str = "full"

    async def use(self, persona_id: str, user_id: str, limit: int | None, at: datetime) -> bool:
        if self.down:
            raise StorageUnavailable("it is down")
        return user_id != self.full

    async def used(self, persona_id: str, after: str = "", limit: int = 100) -> Sequence[Counted]:
        raise NotImplementedError

    async def reset(self, persona_id: str, user_id: str) -> bool:
        raise NotImplementedError

    async def account(self) -> Sequence[tuple[str, int]]:
        raise NotImplementedError


async def test_a_message_is_counted_later_when_the_database_is_down() -> None:
    """S004-12: nobody's call ends because nobody can count."""
    memory, counting = Memory(), Counting()
    writer = RecordWriter(memory)
    allowance = Allowance(counting, writer, "w")
    assert not await allowance.use("c", "p", "full", 3, NOW)
    assert await allowance.use("c", "p", "ann", 3, NOW)
    counting.down = True
    assert await allowance.use("c", "p", "full", 3, NOW)
    async with writing(writer):
        assert await writer.written(5000)
    assert memory.written == [MessageUsed("c", "w", "p", "full", NOW)]
