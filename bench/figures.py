"""The arithmetic of the figures: percentiles and slopes. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution in five numbers; None where there is nothing to tell about."""

    n: int
    p50: float | None
    p95: float | None
    p99: float | None
    worst: float | None


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The nearest-rank percentile: a value that was measured, never one between two."""
    if not values:
        return None
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]


def spread(values: Sequence[float]) -> Spread:
    """`values` in five numbers."""
    p50, p95, p99 = (percentile(values, percent) for percent in (50, 95, 99))
    return Spread(len(values), p50, p95, p99, max(values, default=None))


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes of all pairs of points (Theil-Sen): a few outliers do not move it.

    0 for fewer than two points. O(n²): for hundreds of points, not thousands.
    """
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 != x2]
    return median(slopes) if slopes else 0.0
