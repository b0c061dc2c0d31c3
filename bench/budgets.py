"""What the figures are held against. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

FRAMEWORK_P50 = "framework_p50_ms"
FRAMEWORK_P95 = "framework_p95_ms"
CLEAR_P50 = "clear_p50_ms"
CLEAR_P95 = "clear_p95_ms"
CPU = "cpu_ms_per_call_second"
MEMORY = "memory_mib_per_call"
CALLS = "calls_held"
CALLS_FORGIVEN = "calls_held_lag_forgiven"
IMPORT = "import_s"
IDLE = "idle_rss_mib"


class Verdict(Enum):
    """How a figure stands to its budget."""

    MET = "met"
    MISSED = "missed"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Budget:
    """A bound on one figure."""

    key: str
    what: str
    limit: float
    unit: str
    at_least: bool = False
    """The figure must reach the limit; otherwise it must not exceed it."""

    def verdict(self, value: float | None) -> Verdict:
        if value is None:
            return Verdict.NOT_MEASURED
        met = value >= self.limit if self.at_least else value <= self.limit
        return Verdict.MET if met else Verdict.MISSED


@dataclass(frozen=True, slots=True)
class Judged:
    """A budget and what was measured."""

    budget: Budget
    value: float | None
    verdict: Verdict


AT_CALLS = 100
"""Budgets of a loaded server hold for so many calls; fewer prove nothing."""

LOADED = (
    Budget(CLEAR_P50, "interruption to `clear`, p50, 100 calls", 225, "ms"),
    Budget(CLEAR_P95, "interruption to `clear`, p95, 100 calls", 260, "ms"),
    Budget(CPU, "processor time for each second of a call, 100 calls", 8, "ms"),
    Budget(MEMORY, "memory for each call, 100 calls", 0.3, "MiB"),
)
LOADED_EXACT = (
    Budget(FRAMEWORK_P50, "latency added by the framework, p50, 100 calls", 5, "ms"),
    Budget(FRAMEWORK_P95, "latency added by the framework, p95, 100 calls", 15, "ms"),
)
"""Judged where the detector hears the end of speech exactly: its lag is not the framework's."""
SWEPT = (
    Budget(CALLS, "calls on one core", 100, "", at_least=True),
    Budget(CALLS_FORGIVEN, "the same, the detector's lag forgiven", 100, "", at_least=True),
)
IDLING = (
    Budget(IMPORT, "importing the server", 0.5, "s"),
    Budget(IDLE, "memory of the idle server, without local models", 100, "MiB"),
)


def judged(budgets: Iterable[Budget], figures: Mapping[str, float | None]) -> list[Judged]:
    """Each budget with its figure and verdict."""
    return [
        Judged(budget, figures.get(budget.key), budget.verdict(figures.get(budget.key)))
        for budget in budgets
    ]
