"""What the benchmarks print: tables for people, JSON for programs, remarks on standard error."""

import sys
from collections.abc import Sequence

import msgspec

from .budgets import Judged

NOTHING = "-"


def figure(value: float | None, digits: int = 0) -> str:
    """A number for a table."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up in a terminal, too."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in [lines[0], rule, *lines[1:]]
    )


def budget_table(judgements: Sequence[Judged]) -> str:
    """Figures against their budgets."""
    rows = []
    for each in judgements:
        budget = each.budget
        sign = "≥" if budget.at_least else "≤"
        measured = NOTHING if each.value is None else _quantity(round(each.value, 2), budget.unit)
        limit = f"{sign} {_quantity(budget.limit, budget.unit)}"
        rows.append((budget.what, limit, measured, each.verdict.value))
    return table(("budget", "limit", "measured", "verdict"), rows)


def _quantity(value: float, unit: str) -> str:
    return f"{value:g} {unit}".rstrip()


def say(text: str = "") -> None:
    """A part of the result."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def say_json(value: object) -> None:
    """The result as one JSON document."""
    say(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def remark(text: str) -> None:
    """How far the benchmark is."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
