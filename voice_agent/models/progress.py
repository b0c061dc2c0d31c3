"""How a pull tells what it does: bars on a terminal, lines elsewhere, or nothing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

_MEGABYTE = 1_000_000


class PullProgress(Protocol):
    """Told what a pull does, by the thread that pulls."""

    def advance(self, task: str, done: int, total: int) -> None:
        """`done` of `total` bytes of `task` are there; the first call begins it."""

    def note(self, sentence: str) -> None:
        """Something worth a line."""


class Silent:
    """Tells nobody."""

    def advance(self, task: str, done: int, total: int) -> None:
        """Do nothing."""

    def note(self, sentence: str) -> None:
        """Do nothing."""


class Lines:
    """A line when a task begins, at every quarter, and when it ends: for logs."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._quarters: dict[str, int] = {}

    def advance(self, task: str, done: int, total: int) -> None:
        """Write a line if another quarter is done."""
        quarter = 4 * done // total if total else 4
        if self._quarters.get(task) != quarter:
            self._quarters[task] = quarter
            self.note(f"{task}: {done / _MEGABYTE:.1f} of {total / _MEGABYTE:.1f} MB")

    def note(self, sentence: str) -> None:
        """Write the sentence."""
        self._out.write(sentence + "\n")
        self._out.flush()


class Bars:
    """A bar per task: for people."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def advance(self, task: str, done: int, total: int) -> None:
        """Move the task's bar."""
        if task not in self._tasks:
            self._tasks[task] = self._bars.add_task(task, total=total)
        self._bars.update(self._tasks[task], completed=done, total=total)

    def note(self, sentence: str) -> None:
        """Write the sentence above the bars."""
        self._bars.console.print(sentence, markup=False, highlight=False)


@contextmanager
def shown(out: TextIO = sys.stderr) -> Iterator[PullProgress]:
    """Progress on `out`: bars if it is a terminal, else lines."""
    if not out.isatty():
        yield Lines(out)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=out)) as bars:
        yield Bars(bars)
