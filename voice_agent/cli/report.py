"""``voice-agent report``: what recorded calls were like."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import VoiceAgentError
from .output import complain, remark, say, say_json
from .serve import Overrides

if TYPE_CHECKING:
    from ..telemetry.figures import CallFigures


def report(
    first: Path,
    *journals: Path,
    html: Path | None = None,
    config: str = "local.toml",
    overrides: Overrides = (),
    json: bool = False,
) -> int:
    """Show where the time went in recorded calls, what was heard, and what they cost.

    A journal that cannot be read is named; the others are shown all the same (exit code 1).

    Parameters
    ----------
    first
        A journal, or a folder of journals.
    journals
        More of them.
    html
        Write one self-contained page to this file.
    config
        Whose `[prices]` to use: a TOML file, or the name of an included one.
    json
        Print the figures as JSON.
    """
    from ..settings import load
    from ..telemetry.report.summary import report as summarized

    prices = load(config, overrides).settings.prices
    calls, unreadable = _read([first, *journals])
    if not calls:
        return 1
    found = summarized(calls, prices)
    if html is not None:
        from ..telemetry.report.html import render

        try:
            html.write_text(render(found), "utf-8")
        except OSError as error:
            raise VoiceAgentError(f"{html} cannot be written: {error.strerror}.") from error
        remark(f"{len(calls)} call(s) in {html}")
    if json:
        say_json(found.as_json())
    elif html is None:
        from ..telemetry.report.text import lines

        for line in lines(found, shutil.get_terminal_size().columns):
            say(line)
    return 1 if unreadable else 0


def _read(paths: list[Path]) -> "tuple[list[tuple[str, CallFigures]], int]":
    """The calls of all journals that can be read, and how many cannot. Raises VoiceAgentError."""
    from ..calls.journal_file import load
    from ..telemetry.figures import figures

    calls, unreadable = [], 0
    for path in _files(paths):
        try:
            calls.append((str(path), figures(load(path))))
        except VoiceAgentError as error:
            unreadable += 1
            complain(str(error))
    return calls, unreadable


def _files(paths: list[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        inside = sorted(path.rglob("*.jsonl"))
        if not inside:
            raise VoiceAgentError(f"There is no journal (*.jsonl) in the folder {path}.")
        files += inside
    return list(dict.fromkeys(files))
