"""How long a step takes: one thread, the best of five runs."""

import time
from collections.abc import Callable
from dataclasses import dataclass

_BEST_OF = 5
_SHORTEST_S = 0.05


@dataclass(frozen=True, slots=True)
class Cost:
    """What one step costs."""

    step: str
    us: float
    per: str
    """What it was done once for."""


def best_us(work: Callable[[], object], units: int = 1) -> float:
    """Microseconds of `work`, which does `units` of something, for each of them."""
    times = 1
    while (took := _timed(work, times)) < _SHORTEST_S:
        times *= max(2, int(_SHORTEST_S / max(took, 1e-9)) + 1)
    best = min([took, *(_timed(work, times) for _ in range(_BEST_OF - 1))])
    return best / times / units * 1e6


def _timed(work: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        work()
    return time.perf_counter() - began
