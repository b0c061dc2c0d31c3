"""Conversations whose records did not reach the database come back from their journals."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest

from tests.voice_agent.databases import Postgres
from tests.voice_agent.process import HANG_S, environment
from voice_agent.calls.journal_file import JournalFile, path_of
from voice_agent.calls.record_writer import RecordWriter
from voice_agent.calls.records import Begun, Conversation, Ended, Message, StateChanged
from voice_agent.calls.recovery import Recovered, about, recover
from voice_agent.storage.store import Store, opened
from voice_pipelines.conversation.commands import HangUp, RunAction
from voice_pipelines.conversation.events import (
    ActionEnded,
    Event,
    LegJoined,
    ReplyAction,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    UserTyped,
)
from voice_pipelines.conversation.journal import first_difference, read
from voice_pipelines.conversation.machine import Conversation as Machine
from voice_pipelines.conversation.policy import Phrases, TurnPolicy

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
POLICY = TurnPolicy(phrases=Phrases(greeting=""))
JOURNALS = Path(__file__).parents[2] / "journals"


class Recorded:
    """A call that talks to itself and keeps its journal."""

    def __init__(self, folder: Path, conversation: Conversation, first_message: int = 0) -> None:
        told = about(conversation, first_message)
        self.file = JournalFile(folder, conversation.call or conversation.id, POLICY, about=told)
        self.machine = Machine(POLICY)

    def hears(self, now: int, event: Event) -> list[RunAction]:
        self.file.event(now, event)
        actions = []
        for command in self.machine.handle(event, now):
            self.file.command(now, command)
            if isinstance(command, RunAction):
                actions.append(command)
        return actions

    def typed(self, now: int, text: str) -> None:
        self.hears(now, UserTyped("caller", text))

    def begins(self) -> None:
        self.hears(0, LegJoined("caller"))


def conversation(id: str = "c1", **more: object) -> Conversation:
    return Conversation(
        id=id,
        created_at=NOW,
        user_id="+1123456789",
        persona_id="p",
        details={"name": "Ann"},
        call=f"CA{id}",
        **more,  # type: ignore[arg-type]  # Fields of it.
    )


async def test_a_call_that_never_reached_the_database_is_there_after_the_next_start(
    store: Store, tmp_path: Path
) -> None:
    call = Recorded(tmp_path, conversation())
    call.begins()
    call.typed(1000, "My name is Steve")
    call.file.state(1500, {"user_name": "Steve", "age": 54})
    call.typed(2000, "I am 55")
    call.file.state(2500, {"user_name": "Steve", "age": 55})
    call.file.close()
    assert await recover(tmp_path, store.archive) == Recovered(1, 0)
    kept = await store.conversations().get("c1")
    assert kept is not None
    assert (kept.user_id, kept.persona_id, kept.details) == ("+1123456789", "p", {"name": "Ann"})
    assert (kept.created_at, kept.status, kept.end_reason) == (NOW, "ended", "crashed")
    assert kept.state == {"user_name": "Steve", "age": 55}
    spoken = [m.text for m in await store.conversations().messages("c1") if m.speaker == "caller"]
    assert spoken == ["My name is Steve", "I am 55"]
    assert await recover(tmp_path, store.archive) == Recovered(0, 0)


async def test_what_was_written_in_part_is_completed(store: Store, tmp_path: Path) -> None:
    call = Recorded(tmp_path, conversation())
    call.begins()
    call.typed(1000, "One")
    call.typed(2000, "Two")
    call.file.close()
    await store.archive.apply(
        [
            Begun(conversation()),
            Message(conversation_id="c1", number=0, speaker="caller", text="One", at=NOW),
            StateChanged("c1", {"by": "hand"}),
        ]
    )
    await recover(tmp_path, store.archive)
    spoken = [m.text for m in await store.conversations().messages("c1") if m.speaker == "caller"]
    assert spoken == ["One", "Two"]
    kept = await store.conversations().get("c1")
    assert kept is not None and kept.complete and kept.state == {"by": "hand"}


async def test_one_that_is_complete_is_left_alone(store: Store, tmp_path: Path) -> None:
    call = Recorded(tmp_path, conversation())
    call.begins()
    call.typed(1000, "One")
    call.file.close()
    await store.archive.apply([Begun(conversation()), Ended("c1", NOW, "farewell")])
    assert await recover(tmp_path, store.archive) == Recovered(0, 0)
    assert await store.conversations().messages("c1") == []


async def test_a_live_call_is_left_alone(store: Store, tmp_path: Path) -> None:
    call = Recorded(tmp_path, conversation())
    call.begins()
    call.file.flush()
    assert await recover(tmp_path, store.archive) == Recovered(0, 0)
    call.file.close()
    assert await recover(tmp_path, store.archive) == Recovered(1, 0)


async def test_a_journal_that_cannot_be_read_stops_no_other(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("nonsense\n")
    (tmp_path / "b.jsonl").write_text("")
    call = Recorded(tmp_path, conversation())
    call.begins()
    call.file.close()
    whole = path_of(tmp_path, "CAc1").read_bytes()
    header, rest = whole.split(b"\n", 1)
    (tmp_path / "c.jsonl").write_bytes(header.replace(b'"c1"', b'"c2"') + b"\n{}\n" + rest)
    assert await recover(tmp_path, store.archive) == Recovered(1, 3)
    assert await store.conversations().get("c2") is None


@pytest.mark.parametrize("name", ["normal", "barge_in", "llm_killed"])
async def test_real_calls_are_rebuilt_as_they_were(name: str, store: Store, tmp_path: Path) -> None:
    journal_text = (JOURNALS / f"{name}.jsonl").read_bytes()
    (tmp_path / f"{name}.jsonl").write_bytes(journal_text)
    journal = read(journal_text.splitlines())
    assert first_difference(journal) is None
    machine = Machine(journal.header.policy)
    for now, event in journal.events():
        machine.handle(event, now)
    assert await recover(tmp_path, store.archive) == Recovered(1, 0)
    messages = await store.conversations().messages(journal.header.call)
    expected = [line for line in machine.transcript.lines if not line.action]
    assert [(m.speaker, m.text) for m in messages] == [(x.speaker, x.text) for x in expected]
    kept = await store.conversations().get(journal.header.call)
    assert kept is not None
    reasons = [c.reason for _, c in journal.commands() if isinstance(c, HangUp)]
    assert kept.end_reason == (reasons[0] if reasons else "caller_left")


async def test_actions_come_back_with_what_they_gave(store: Store, tmp_path: Path) -> None:
    call = Recorded(tmp_path, conversation())
    call.begins()
    call.typed(1000, "My address is a@b.example")
    call.hears(1100, ReplyStarted(1))
    (action,) = call.hears(1200, ReplyAction(1, "save", '{"email":"a@b.example"}'))
    call.hears(1300, ActionEnded(action.action, "saved", False))
    call.hears(1400, ReplyText(1, "Done."))
    call.hears(1500, ReplyEnded(1))
    call.file.close()
    await recover(tmp_path, store.archive)
    (kept,) = await store.conversations().actions("c1")
    assert (kept.name, kept.arguments, kept.result) == ("save", '{"email":"a@b.example"}', "saved")


async def test_a_call_goes_on_while_the_database_is_down(server: Postgres, tmp_path: Path) -> None:
    """Its records are there when the database is."""
    async with server.database() as url, opened(url) as store:
        writer = RecordWriter(store.archive)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(writer.keep_writing())
            writer.write(Begun(conversation()))
            assert await writer.written(5000)
            await server.allow(url, connections=False)
            for number in range(3):
                writer.write(
                    Message(conversation_id="c1", number=number, speaker="caller", text="?", at=NOW)
                )
            assert not await writer.written(300)
            await server.allow(url, connections=True)
            assert await writer.written(30_000)
            task.cancel()
        assert len(await store.conversations().messages("c1")) == 3


_CHILD = """
    import asyncio, sys
    from datetime import UTC, datetime
    from pathlib import Path
    from tests.voice_agent.storage.test_recovery import NOW, Recorded, conversation
    from voice_agent.calls.record_writer import RecordWriter
    from voice_agent.calls.records import Begun, Message
    from voice_agent.errors import StorageUnavailable
    from voice_agent.personas.persona import Persona
    from voice_agent.storage.store import opened

    def acknowledge(*what):
        print(*what, flush=True)

    async def main(url, journals):
        async with opened(url) as store, asyncio.TaskGroup() as group:
            writer = RecordWriter(store.archive)
            group.create_task(writer.keep_writing())
            call = Recorded(Path(journals), conversation())
            call.begins()
            down = conversation("down")
            unwritten = Recorded(Path(journals), down)  # Its records never reach the database.
            unwritten.begins()
            writer.write(Begun(conversation()))
            assert await writer.written(60_000)
            for n in range(100_000):
                stored = await store.personas().create(Persona(name=f"P{n}"))
                acknowledge("persona", stored.id)
                await store.conversations().merge_state("c1", {f"k{n}": n})
                acknowledge("state", f"k{n}")
                await store.counters().use("p", "ann", None, NOW)
                acknowledge("counted", n + 1)
                writer.write(Message(conversation_id="c1", number=n, speaker="caller",
                                     text=f"m{n}", at=NOW))
                if await writer.written(5000):
                    acknowledge("message", f"m{n}")
                unwritten.typed(1000 * (n + 1), f"t{n}")
                unwritten.file.flush()
                acknowledge("journal", f"t{n}")

    asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_killed_process_loses_nothing_that_it_acknowledged(
    url: str, tmp_path: Path
) -> None:
    """kill -9 in the middle of writing."""
    async with opened(url):
        pass
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", dedent(_CHILD), url, str(tmp_path / "journals")),
        stdout=PIPE,
        env=environment(),
    )
    told: dict[str, list[str]] = {}
    assert process.stdout is not None
    async with asyncio.timeout(HANG_S):
        for _ in range(97):
            kind, what = (await process.stdout.readline()).decode().split()
            told.setdefault(kind, []).append(what)
        process.send_signal(signal.SIGKILL)
        for line in (await process.stdout.read()).decode().splitlines():
            kind, what = line.split()
            told.setdefault(kind, []).append(what)
        assert await process.wait() == -signal.SIGKILL
    assert len(told) == 5
    async with opened(url) as store:
        await recover(tmp_path / "journals", store.archive)
        personas = {each.id for each in await store.personas().list(limit=100_000)}
        assert set(told["persona"]) <= personas
        kept = await store.conversations().get("c1")
        assert kept is not None and set(told["state"]) <= set(kept.state)
        messages = {m.text for m in await store.conversations().messages("c1", limit=100_000)}
        assert set(told["message"]) <= messages
        (counted,) = await store.counters().used("p")
        assert counted.used >= int(told["counted"][-1])
        rebuilt = await store.conversations().messages("down", limit=100_000)
        assert set(told["journal"]) <= {m.text for m in rebuilt}


def test_what_a_journal_tells_of_its_conversation_is_json() -> None:
    told = about(conversation(), 3, 1)
    assert json.loads(json.dumps(told)) == told
    assert (told["first_message"], told["first_action"]) == (3, 1)
