"""What a report tells: calls, their turns, and how long each stage took over all of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ...sections import PriceSettings
from ..cost import Cost, estimate
from ..figures import CallFigures
from ..turns import STAGES, Turn

FIRST_AUDIO = "first_audio"
"""The name of the whole: from the caller's last sound to the agent's first."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How one figure is distributed, in milliseconds."""

    name: str
    """`FIRST_AUDIO` or one of `STAGES`."""
    values: tuple[int, ...]
    """Sorted, never empty."""

    def quantile(self, share: float) -> int:
        """The smallest value that at least `share` of all do not exceed."""
        rank = -(-len(self.values) * share // 1)
        return self.values[max(0, int(rank) - 1)]

    def as_row(self) -> dict[str, int]:
        return {
            "count": len(self.values),
            "min_ms": self.values[0],
            "p50_ms": self.quantile(0.5),
            "p95_ms": self.quantile(0.95),
            "max_ms": self.values[-1],
        }


@dataclass(frozen=True, slots=True)
class ReportedCall:
    """A call and what it costs, if prices are known."""

    file: str
    figures: CallFigures
    cost: Cost | None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is told, in the order of the calls' beginnings."""

    calls: tuple[ReportedCall, ...]

    def spreads(self) -> list[Spread]:
        """First audio, then every stage, as far as there are figures; of heard answers alone."""
        found: dict[str, list[int]] = {FIRST_AUDIO: [], **{name: [] for name in STAGES}}
        for call in self.calls:
            for turn in call.figures.heard_answers:
                if turn.first_audio_ms is not None:
                    found[FIRST_AUDIO].append(turn.first_audio_ms)
                for stage in turn.stages:
                    found[stage.name].append(stage.took_ms)
        return [Spread(name, tuple(sorted(values))) for name, values in found.items() if values]

    def slowest(self, count: int) -> list[tuple[ReportedCall, Turn]]:
        """The answers that were longest in coming, the slowest first."""
        measured = [
            (turn.first_audio_ms, call, turn)
            for call in self.calls
            for turn in call.figures.answers
            if turn.first_audio_ms is not None
        ]
        measured.sort(key=lambda found: -found[0])
        return [(call, turn) for _, call, turn in measured[:count]]

    def cost(self) -> Cost | None:
        """Of all calls together; None if no prices are known."""
        costs = [call.cost for call in self.calls if call.cost is not None]
        if not costs:
            return None
        return Cost(
            llm=sum(cost.llm for cost in costs),
            tts=sum(cost.tts for cost in costs),
            stt=sum(cost.stt for cost in costs),
            currency=costs[0].currency,
        )

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        cost = self.cost()
        return {
            "calls": [_call_row(call) for call in self.calls],
            "first_audio_and_stages": {spread.name: spread.as_row() for spread in self.spreads()},
            "cost": None if cost is None else _cost_row(cost),
        }


def report(calls: Sequence[tuple[str, CallFigures]], prices: PriceSettings) -> Report:
    """The report of calls, each with the name of its file."""
    found = [
        ReportedCall(file, figures, estimate(figures.usage, prices)) for file, figures in calls
    ]
    return Report(tuple(sorted(found, key=lambda call: call.figures.started)))


def heard_and_not(turn: Turn) -> tuple[str, str]:
    """What the caller heard of a turn, and what of it was never heard."""
    said, heard = turn.agent_text, turn.heard_text
    if said.startswith(heard):
        return heard, said[len(heard) :].strip()
    words = said.split()  # White space may differ between what was sent and what was spoken.
    count = len(heard.split())
    return " ".join(words[:count]), " ".join(words[count:])


def _call_row(call: ReportedCall) -> dict[str, Any]:
    figures = call.figures
    return {
        "call": figures.call,
        "file": call.file,
        "started": figures.started,
        "duration_ms": figures.duration_ms,
        "reason": figures.reason,
        "interruptions": figures.interruptions,
        "usage": msgspec.to_builtins(figures.usage),
        "cost": None if call.cost is None else _cost_row(call.cost),
        "turns": list(_turn_rows(figures)),
    }


def _turn_rows(figures: CallFigures) -> Iterator[dict[str, Any]]:
    for turn in figures.turns:
        heard, not_heard = heard_and_not(turn)
        yield {
            "turn": turn.number,
            "kind": "answer" if turn.is_answer else "phrase",
            "caller": turn.user_text,
            "heard": heard,
            "not_heard": not_heard,
            "interrupted": turn.interrupted,
            "first_audio_ms": turn.first_audio_ms,
            "stages": {
                stage.name: {"start_ms": stage.start, "end_ms": stage.end} for stage in turn.stages
            },
            "input_tokens": turn.input_tokens,
            "cached_tokens": turn.cached_tokens,
            "output_tokens": turn.output_tokens,
        }


def _cost_row(cost: Cost) -> dict[str, Any]:
    return {
        "llm": cost.llm,
        "tts": cost.tts,
        "stt": cost.stt,
        "total": cost.total,
        "currency": cost.currency,
    }
