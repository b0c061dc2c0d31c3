"""Journals on disk: in order, whole, and never in the way of a call."""

import asyncio
import stat
from pathlib import Path

from structlog.testing import capture_logs

from voice_agent.calls.journal_file import JournalFile, load, path_of
from voice_pipelines.conversation.events import KeyPressed, LegJoined
from voice_pipelines.conversation.policy import TurnPolicy


async def write(folder: Path, call_id: str, events: int) -> None:
    """Write a journal of so many events and stop in the middle of it all."""
    journal = JournalFile(folder, call_id, TurnPolicy())
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(journal.keep_writing())
        await asyncio.sleep(0)
        for number in range(events):
            journal.event(number, LegJoined("caller"))
        writing.cancel()


async def test_what_was_told_last_is_written_at_the_end(tmp_path: Path) -> None:
    await write(tmp_path / "new" / "folder", "CA1", 500)
    journal = load(path_of(tmp_path / "new" / "folder", "CA1"))
    assert [now for now, _ in journal.events()] == list(range(500))
    assert journal.header.call == "CA1"


async def test_a_second_stream_of_a_call_has_a_file_of_its_own(tmp_path: Path) -> None:
    for events in (1, 2, 3):
        await write(tmp_path, "CA1", events)
    for number in (1, 2, 3):
        assert len(load(path_of(tmp_path, "CA1", number)).entries) == number


async def test_a_cancelled_second_keeps_the_order(tmp_path: Path) -> None:
    """The thread that writes and the end of the call meet: nothing is lost, doubled or swapped."""
    journal = JournalFile(tmp_path, "CA1", TurnPolicy())
    count = 20_000
    for now in range(count):
        journal.event(now, KeyPressed("caller", "1"))
    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(asyncio.to_thread(journal.flush))
        journal.event(count, LegJoined("caller"))
        journal.flush()
    journal.close()
    assert [now for now, _ in load(path_of(tmp_path, "CA1")).events()] == list(range(count + 1))


async def test_a_folder_that_cannot_be_costs_the_journal_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    with capture_logs() as events:
        await write(tmp_path / "file" / "calls", "CA1", 3)
    assert [event["event"] for event in events] == ["journal_not_written"]
    assert stat.S_ISREG((tmp_path / "file").stat().st_mode)
