"""Records on their way to the database, while it is there and while it is not."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from voice_agent.calls.limits import Allowance, Counted
from voice_agent.calls.records import (
    Begun,
    Conversation,
    Ended,
    Message,
    MessageUsed,
    RecordWriter,
    Scribe,
    Write,
    new_id,
)
from voice_agent.errors import StorageUnavailable
from voice_pipelines.conversation import commands
from voice_pipelines.conversation.commands import RunAction
from voice_pipelines.conversation.events import ActionEnded, HistoryRestored
from voice_pipelines.conversation.transcript import Transcript

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@dataclass
class Memory:
    """Records that are kept in memory, where they are kept at all."""

    written: list[Write] = field(default_factory=list)
    down: bool = False
    poison: Write | None = None
    asked: int = 0

    async def apply(self, writes: Sequence[Write]) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.down:
            raise StorageUnavailable("it is down")
        if self.poison in writes:
            raise ValueError("never")
        self.written += writes


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


def test_ids_sort_by_time() -> None:
    ids = [new_id(NOW + timedelta(milliseconds=n)) for n in range(100)]
    assert ids == sorted(ids) and len(set(ids)) == 100 and {len(id) for id in ids} == {24}


def test_only_what_changed_is_told() -> None:
    transcript, scribe = Transcript(), Scribe("c", NOW)
    transcript.caller_said(1, "caller", "Hi")
    transcript.agent_intends(1, "Hello there.")
    first = scribe.messages(transcript.lines, 1000)
    assert [(m.number, m.speaker, m.text) for m in first] == [(0, "caller", "Hi"), (1, "agent", "")]
    assert scribe.messages(transcript.lines, 1500) == ()
    transcript.agent_heard(1, "Hello")
    (grown,) = scribe.messages(transcript.lines, 2000)
    assert (grown.number, grown.text, grown.intended) == (1, "Hello", "Hello there.")
    assert grown.at == NOW + timedelta(seconds=1)
    transcript.retract(1)
    assert all(m.withdrawn for m in scribe.messages(transcript.lines, 3000))


def test_notes_of_actions_do_not_shift_the_numbers() -> None:
    transcript, scribe = Transcript(), Scribe("c", NOW)
    transcript.started(1, "(started)")
    transcript.caller_said(1, "caller", "Hi")
    scribe.messages(transcript.lines, 0)
    transcript.ended(1, "(ended)")
    transcript.caller_said(2, "caller", "There")
    assert [m.number for m in scribe.messages(transcript.lines, 0)] == [1]


def test_a_resumed_conversation_goes_on_counting() -> None:
    """S004-99"""
    transcript, scribe = Transcript(), Scribe("c", NOW, first_message=7, first_action=2)
    earlier = (commands.Message("user", "Hi"), commands.Message("assistant", "Hello"))
    scribe.event(0, HistoryRestored(earlier))
    transcript.restore(earlier)
    assert scribe.messages(transcript.lines, 0) == ()
    transcript.caller_said(1, "caller", "I am back")
    assert [m.number for m in scribe.messages(transcript.lines, 0)] == [7]
    begun = scribe.command(0, RunAction(1, 1, "save", "{}"))
    assert begun is not None and begun.number == 3
    ended = scribe.event(900, ActionEnded(1, "saved", False))
    assert ended is not None
    assert (ended.number, ended.result, ended.ended_at) == (3, "saved", scribe.time(900))


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


def test_what_was_begun_names_its_conversation() -> None:
    assert Begun(Conversation(id="c", created_at=NOW)).conversation_id == "c"
