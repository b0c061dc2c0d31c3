"""A report as one page of HTML that asks nothing of the network.

`page` decides where every bar begins and ends, in percent; the template only writes it down. What
was said comes from callers and models: the template escapes all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..turns import STAGES, Turn
from .summary import FIRST_AUDIO, Report, ReportedCall, Spread, heard_and_not
from .words import (
    STAGE_MEANINGS,
    STAGE_NAMES,
    counted,
    duration,
    milliseconds,
    moment,
)

_SCALES = (1000, 1500, 2000, 3000, 5000, 7000, 10_000, 20_000, 30_000, 60_000)
"""How much one waterfall may show: few scales, so that most turns can be compared by eye."""
_BINS = 16
_BIN_MS = (100, 250, 500, 1000, 5000, 10**9)
_SLOWEST = 10
_HEARD_ROOM = 1.08
"""The room that is left behind the first audio to show that it is heard."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One stage in a waterfall. Percentages of the width."""

    name: str
    left: float
    width: float
    label: str
    cut: bool
    """It goes on beyond the right edge."""


@dataclass(frozen=True, slots=True)
class TurnView:
    """One turn as it is drawn."""

    anchor: str
    number: int
    answer: bool
    user: str
    heard: str
    not_heard: str
    first_audio: str
    interrupted: bool
    tokens: str
    bars: Sequence[Bar]
    scale: str
    first_audio_at: float | None
    """Where the first audio is, in percent."""


@dataclass(frozen=True, slots=True)
class CallView:
    """One call as it is drawn."""

    anchor: str
    call: str
    file: str
    facts: Sequence[tuple[str, str]]
    turns: Sequence[TurnView]


@dataclass(frozen=True, slots=True)
class SpreadView:
    """One distribution as it is drawn. Percentages of the width."""

    name: str
    low: float
    middle: float
    high: float
    end: float
    p50: str
    p95: str
    most: str
    count: int


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of a histogram. Percentages of the whole picture."""

    left: float
    width: float
    height: float
    label: str


def render(report: Report) -> str:
    """The page."""
    # Only this command needs it, and start-up time is a budget.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(page(report))


def page(report: Report) -> dict[str, Any]:
    """What the template is given."""
    views = [_call(number, call) for number, call in enumerate(report.calls, start=1)]
    by_call = {id(call): view for call, view in zip(report.calls, views, strict=True)}
    slowest = []
    for call, turn in report.slowest(_SLOWEST):
        view = by_call[id(call)]
        slowest += [(view, one) for one in view.turns if one.anchor == _anchor(view.anchor, turn)]
    spreads = report.spreads()
    first_audio = next((spread for spread in spreads if spread.name == FIRST_AUDIO), None)
    return {
        "facts": _facts(report, first_audio),
        "calls": views,
        "slowest": slowest,
        "spreads": _spreads([spread for spread in spreads if spread.name != "heard"]),
        **_histogram(first_audio),
        "first_audio": first_audio.as_row() if first_audio else None,
        "stages": [(name, STAGE_NAMES[name], STAGE_MEANINGS[name]) for name in STAGES],
        "titles": STAGE_NAMES,
        "ms": milliseconds,
    }


def _facts(report: Report, first_audio: Spread | None) -> list[tuple[str, str]]:
    calls = [call.figures for call in report.calls]
    facts = [
        ("calls", str(len(calls))),
        ("answers", str(sum(len(call.heard_answers) for call in calls))),
        ("interruptions", str(sum(call.interruptions for call in calls))),
    ]
    if first_audio is not None:
        facts.append(("first audio, median", milliseconds(first_audio.quantile(0.5))))
        facts.append(("first audio, p95", milliseconds(first_audio.quantile(0.95))))
    if (cost := report.cost()) is not None:
        facts.append(("estimated cost", str(cost)))
    return facts


def _call(number: int, call: ReportedCall) -> CallView:
    figures = call.figures
    first = sorted(figures.first_audio_ms)
    facts = [
        ("began", f"{moment(figures.started)} UTC"),
        ("duration", duration(figures.duration_ms)),
        ("answers", str(len(figures.heard_answers))),
        ("interruptions", str(figures.interruptions)),
        ("first audio, median", milliseconds(first[(len(first) - 1) // 2] if first else None)),
        ("ended by", figures.reason or "not recorded"),
        ("synthesized", counted(figures.usage.characters, "character")),
    ]
    if unheard := len(figures.answers) - len(figures.heard_answers):
        facts.insert(3, ("answers not heard", str(unheard)))
    if figures.usage.counted:
        facts.append(("tokens", _call_tokens(call)))
    if call.cost is not None:
        facts.append(("estimated cost", str(call.cost)))
    anchor = f"call-{number}"
    turns = [_turn(_anchor(anchor, turn), turn) for turn in figures.turns]
    return CallView(anchor, figures.call, call.file, facts, turns)


def _call_tokens(call: ReportedCall) -> str:
    usage = call.figures.usage
    told = f"{usage.input_tokens} in ({usage.cached_tokens} cached), {usage.output_tokens} out"
    untold = usage.requests - usage.counted
    return told + (f"; {counted(untold, 'request')} not told" if untold > 0 else "")


def _anchor(call: str, turn: Turn) -> str:
    return f"{call}-turn-{turn.number}"


def _turn(anchor: str, turn: Turn) -> TurnView:
    heard, not_heard = heard_and_not(turn)
    bars, scale, first_audio_at = _waterfall(turn) if turn.is_answer else ([], 0, None)
    tokens = ""
    if turn.input_tokens is not None:
        cached = f" ({turn.cached_tokens} cached)" if turn.cached_tokens else ""
        tokens = f"{turn.input_tokens}{cached} + {turn.output_tokens} tokens"
    return TurnView(
        anchor=anchor,
        number=turn.number,
        answer=turn.is_answer,
        user=turn.user_text,
        heard=heard,
        not_heard=not_heard,
        first_audio=milliseconds(turn.first_audio_ms),
        interrupted=turn.interrupted,
        tokens=tokens,
        bars=bars,
        scale=milliseconds(scale),
        first_audio_at=first_audio_at,
    )


def _waterfall(turn: Turn) -> tuple[list[Bar], int, float | None]:
    """The bars, the milliseconds that the width stands for, and where the first audio is.

    The picture begins with the caller's last sound, or with the first thing that is known, and ends
    shortly behind the first audio: how long the answer was has no bearing on how late it was.
    """
    if not turn.stages:
        return [], 0, None
    begin = min(stage.start for stage in turn.stages)
    if turn.speech_ended is not None:
        begin = min(begin, turn.speech_ended)
    waited = [stage.end for stage in turn.stages if stage.name != "heard"]
    end = turn.first_audio if turn.first_audio is not None else max(waited)
    scale = _scale((end - begin) * _HEARD_ROOM)
    bars = []
    for stage in turn.stages:
        left = _share(stage.start - begin, scale)
        right = _share(stage.end - begin, scale)
        bars.append(
            Bar(stage.name, left, right - left, milliseconds(stage.took_ms), right >= 100.0)
        )
    at = None if turn.first_audio is None else _share(turn.first_audio - begin, scale)
    return bars, scale, at


def _scale(ms: float) -> int:
    return next((scale for scale in _SCALES if ms <= scale), int(ms) + 1)


def _share(part: float, whole: float) -> float:
    """Percent, within the picture."""
    return round(min(max(100 * part / whole, 0.0), 100.0), 2)


def _spreads(spreads: Sequence[Spread]) -> list[SpreadView]:
    whole = max((spread.values[-1] for spread in spreads), default=1) or 1
    return [
        SpreadView(
            name=spread.name,
            low=_share(spread.values[0], whole),
            middle=_share(spread.quantile(0.5), whole),
            high=_share(spread.quantile(0.95), whole),
            end=_share(spread.values[-1], whole),
            p50=milliseconds(spread.quantile(0.5)),
            p95=milliseconds(spread.quantile(0.95)),
            most=milliseconds(spread.values[-1]),
            count=len(spread.values),
        )
        for spread in spreads
    ]


def _histogram(spread: Spread | None) -> dict[str, Any]:
    """The bars, and where the first one begins and the last one ends."""
    if spread is None:
        return {"bins": [], "bins_from": "", "bins_to": ""}
    step = next(step for step in _BIN_MS if _bin_count(spread, step) <= _BINS)
    first, count = spread.values[0] // step, _bin_count(spread, step)
    heights = [0] * count
    for value in spread.values:
        heights[value // step - first] += 1
    bins = [
        Bin(
            left=round(100 * number / count, 2),
            width=round(100 / count, 2),
            height=round(100 * height / max(heights), 2),
            label=f"{(first + number) * step}–{(first + number + 1) * step} ms: "
            + counted(height, "answer"),
        )
        for number, height in enumerate(heights)
    ]
    ends = milliseconds(first * step), milliseconds((first + count) * step)
    return {"bins": bins, "bins_from": ends[0], "bins_to": ends[1]}


def _bin_count(spread: Spread, step: int) -> int:
    return spread.values[-1] // step - spread.values[0] // step + 1
