"""A report as lines for a terminal."""

from collections.abc import Iterator

from ..turns import STAGES, Turn
from .summary import Report, ReportedCall, heard_and_not
from .words import STAGE_NAMES, counted, duration, milliseconds, moment

_HEADS = {
    "endpointing": "endpt",
    "stt": "stt",
    "llm_first_token": "llm",
    "first_clause": "clause",
    "tts_first_byte": "tts",
    "sending": "send",
    "heard": "heard",
}
_WORDS_MIN = 20


def lines(report: Report, width: int) -> Iterator[str]:
    """Every call with its turns, then the distributions; lines of at most `width` if it is wide."""
    for call in report.calls:
        yield _call_line(call)
        yield from _turn_lines(call, width)
        yield ""
    if spreads := report.spreads():
        yield f"{'over all answers':18}{'n':>6}{'min':>10}{'p50':>10}{'p95':>10}{'max':>10}"
        for spread in spreads:
            row = spread.as_row()
            figures = (milliseconds(row[key]) for key in ("min_ms", "p50_ms", "p95_ms", "max_ms"))
            yield f"{STAGE_NAMES[spread.name]:18}{row['count']:6}" + "".join(
                f"{figure:>10}" for figure in figures
            )
    if cost := report.cost():
        yield f"estimated cost: {cost}"


def _call_line(call: ReportedCall) -> str:
    figures = call.figures
    parts = [
        figures.call,
        moment(figures.started),
        duration(figures.duration_ms),
        counted(len(figures.heard_answers), "answer"),
        counted(figures.interruptions, "interruption"),
        figures.reason or "no end recorded",
    ]
    if call.cost is not None:
        parts.append(str(call.cost))
    return "  ".join(parts)


def _turn_lines(call: ReportedCall, width: int) -> Iterator[str]:
    heads = "".join(f"{_HEADS[name]:>8}" for name in STAGES)
    head = f"  {'turn':>4}{'first':>8}{heads}  "
    yield f"{head}words (not heard in brackets)"
    for turn in call.figures.turns:
        took = {stage.name: stage.took_ms for stage in turn.stages}
        cells = "".join(f"{_cell(took.get(name)):>8}" for name in STAGES)
        words = _words(turn, max(width - len(head), _WORDS_MIN))
        yield f"  {turn.number:4}{_cell(turn.first_audio_ms):>8}{cells}  {words}"


def _cell(ms: int | None) -> str:
    return "" if ms is None else str(ms)


def _words(turn: Turn, room: int) -> str:
    heard, not_heard = heard_and_not(turn)
    said = f"{heard} [{not_heard}]".strip() if not_heard else heard
    words = f"{turn.user_text} → {said}" if turn.user_text else said
    return words if len(words) <= room else words[: room - 1] + "…"
