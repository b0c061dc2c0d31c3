"""How each provider fares, for the readiness page and the metrics: counted, never decided upon.

The wrappers that try providers tell a `Health` what became of each request, through a Protocol of
their own. A snapshot is a value; whoever serves or exports it needs to know nothing else.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from voice_pipelines.errors import ProviderError

from .breaker import Breaker, State

_RECENT = 256
"""Requests over which the quantiles of latency are taken."""


class Condition(Enum):
    """How a provider fares at the moment."""

    OK = "ok"
    FAILING = "failing"
    """The last request failed."""
    OPEN = "open"
    """It is left alone for a while, or being probed."""


@dataclass(frozen=True, slots=True)
class HealthSnapshot:
    """One provider's health at one moment."""

    name: str
    condition: Condition
    ok: int
    """Requests answered to their end."""
    failed: int
    failures: Mapping[str, int]
    """`failed` by the kind of error, such as "ProviderTimeout"."""
    overtaken: int
    """Requests that were so slow that another provider answered first."""
    first_results: int
    first_result_ms_total: int
    first_result_ms_p50: int | None
    """Of the recent requests, as is p95."""
    first_result_ms_p95: int | None
    wait_ms: int
    """How long it is still left alone."""


class Health:
    """Counts what became of one provider's requests since the process began."""

    def __init__(self, name: str, breaker: Breaker) -> None:
        self.name = name
        self._breaker = breaker
        self._ok = 0
        self._overtaken = 0
        self._failures: Counter[str] = Counter()
        self._failing = False
        self._first_results = 0
        self._first_result_ms_total = 0
        self._recent: deque[int] = deque(maxlen=_RECENT)

    def first_result(self, ms: int) -> None:
        """The first useful part of an answer came `ms` after the request."""
        self._first_results += 1
        self._first_result_ms_total += ms
        self._recent.append(ms)

    def succeeded(self) -> None:
        """A request was answered to its end."""
        self._ok += 1
        self._failing = False

    def failed(self, error: ProviderError) -> None:
        """A request failed."""
        self._failures[type(error).__name__] += 1
        self._failing = True

    def overtaken(self) -> None:
        """Another provider, asked later, answered first."""
        self._overtaken += 1

    def snapshot(self, now: int) -> HealthSnapshot:
        """How it fares at `now`, of the clock that the breaker goes by."""
        recent = sorted(self._recent)
        return HealthSnapshot(
            name=self.name,
            condition=self._condition(now),
            ok=self._ok,
            failed=self._failures.total(),
            failures=dict(self._failures),
            overtaken=self._overtaken,
            first_results=self._first_results,
            first_result_ms_total=self._first_result_ms_total,
            first_result_ms_p50=_quantile(recent, 50),
            first_result_ms_p95=_quantile(recent, 95),
            wait_ms=self._breaker.wait_ms(now),
        )

    def _condition(self, now: int) -> Condition:
        if self._breaker.state(now) is not State.CLOSED:
            return Condition.OPEN
        return Condition.FAILING if self._failing else Condition.OK


def _quantile(ordered: list[int], percent: int) -> int | None:
    """The smallest value that `percent` of the values do not exceed."""
    if not ordered:
        return None
    return ordered[-(-len(ordered) * percent // 100) - 1]
