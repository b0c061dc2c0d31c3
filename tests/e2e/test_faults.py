"""Whole calls while a vendor fails: what `docs/faults.md` promises is what the caller hears."""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import uvloop

from bench.vendors.faults import Kind
from tests.e2e.faults import (
    ADDRESSES,
    PHRASES,
    SILENCE_MS,
    Call,
    Cell,
    Stage,
    hold_all,
    hung_up,
    lost_turns,
)
from voice_pipelines.conversation.commands import StartReply
from voice_pipelines.conversation.words import words

TABLE = Path(__file__).parents[2] / "docs" / "faults.md"
STAGES: tuple[Stage, ...] = ("STT", "LLM", "TTS")
COLUMNS = tuple((stage, fallback) for stage in STAGES for fallback in (False, True))
NOT_APPLICABLE = "-"
HANG_S = 280


def table() -> dict[Cell, str]:
    """The cells of the document and what they promise."""
    cells = {}
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    head, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    assert head[1:] == [
        f"{stage} {'with a fallback' if fallback else 'alone'}" for stage, fallback in COLUMNS
    ]
    for fault, *promises in rows:
        kind, _, once = fault.partition(", ")
        for (stage, fallback), promise in zip(COLUMNS, promises, strict=True):
            if promise != NOT_APPLICABLE:
                cells[Cell(stage, kind, fallback, 1 if once else None)] = promise
    return cells


def keeps(told: list[str], promise: str) -> bool:
    """Whether the turns went as promised."""
    promised = promise.split("; then ")
    if len(promised) == 1:
        promised *= max(len(told), 1)
    patterns = [re.sub(r"\\\((.*?)\\\),\\ ", r"(?:\1, )?", re.escape(turn)) for turn in promised]
    return len(told) == len(promised) and all(map(re.fullmatch, patterns, told))


def broken_laws(call: Call) -> list[str]:
    """What must not be, whatever failed."""
    problems = []
    if (worst := max(call.silences_ms(), default=0)) > SILENCE_MS:
        problems.append(f"{worst:.0f} ms of silence")
    if lost := lost_turns(call):
        problems.append(f"lost: {lost}")
    for turn in call.turns():
        heard = " ".join(" ".join(words(passage.text)) for passage in turn)
        for said in (*PHRASES.values(), "This is what"):
            if said and heard.count(" ".join(words(said))) > 1:
                problems.append(f"twice in a turn: {said}")
    for _, command in call.journal.commands():
        if isinstance(command, StartReply) and command.history[-1].role != "user":
            problems.append("the model was asked to go on with words of its own")
    told = call.outcome()
    speechless = call.cell.stage == "TTS" and call.cell.fault in ADDRESSES
    if hung_up(call) == "failures" and not speechless and not told[-1].endswith("good-bye"):
        problems.append(f"hung up without a good-bye: {told}")
    if call.open_after:
        problems.append(f"{call.open_after} requests are still open")
    return problems


def test_the_table_has_every_fault() -> None:
    faults = {cell.fault for cell in table()}
    assert faults == {str(kind) for kind in Kind} | set(ADDRESSES)


@pytest.mark.parametrize(
    ("told", "promise", "kept"),
    [
        (["answer", "answer"], "answer", True),
        (["filler, answer", "answer"], "(filler), answer", True),
        (["filler, answer", "answer"], "filler, answer", False),
        (["apology", "good-bye"], "apology; then good-bye", True),
        (["apology"], "apology; then good-bye", False),
        (["nothing"], "nothing", True),
    ],
)
def test_promises(told: list[str], promise: str, kept: bool) -> None:
    assert keeps(told, promise) is kept


@pytest.mark.alone
@pytest.mark.parametrize("fallback", [False, True], ids=["alone", "with a fallback"])
@pytest.mark.parametrize("stage", STAGES)
def test_what_the_caller_hears(
    stage: Stage, fallback: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for vendor in ("DEEPGRAM", "OPENAI"):
        monkeypatch.setenv(f"{vendor}_API_KEY", "k")
    cells = {
        cell: promise
        for cell, promise in table().items()
        if (cell.stage, cell.fallback) == (stage, fallback)
    }
    # What is the same for every turn is heard in one.
    questions = {cell: promise.count("; then ") + 1 for cell, promise in cells.items()}
    calls = uvloop.run(held(questions, tmp_path))
    problems = []
    for call in calls:
        promise = cells[call.cell]
        if not keeps(call.outcome(), promise):
            problems.append(f"{call.cell}: {'; then '.join(call.outcome())}, not {promise}")
        problems += [f"{call.cell}: {problem}" for problem in broken_laws(call)]
    late = max(call.record.worst_lateness_ms for call in calls)
    assert not problems, f"\n(callers late by {late:.0f} ms)\n" + "\n".join(problems)


async def held(cells: Mapping[Cell, int], folder: Path) -> list[Call]:
    """The calls; after them, nothing may be left."""
    before = asyncio.all_tasks()
    async with asyncio.timeout(HANG_S):
        calls = await hold_all(cells, folder)
        while left := asyncio.all_tasks() - before:
            await asyncio.wait(left)
    return calls
