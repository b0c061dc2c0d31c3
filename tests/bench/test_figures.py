import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import percentile, slope, spread


def test_a_percentile_is_a_measured_value() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert percentile(values, 50) == 3
    assert percentile(values, 95) == 5
    assert percentile(values, 0) == 1
    assert percentile([], 50) is None


def test_hundred_values_have_the_percentiles_of_their_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, p) for p in (50, 95, 99, 100)] == [50, 95, 99, 100]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_a_spread_is_in_order(values: list[float]) -> None:
    told = spread(values)
    assert told.n == len(values)
    assert told.p50 is not None and told.p95 is not None and told.p99 is not None
    assert told.p50 <= told.p95 <= told.p99
    assert told.worst == max(values)


def test_nothing_has_no_figures() -> None:
    assert spread([]).worst is None


def test_a_slope_ignores_an_outlier() -> None:
    points = [(float(x), 2.0 * x + 7) for x in range(20)]
    points[5] = (5.0, 1e6)
    assert slope(points) == pytest.approx(2)
    assert slope([(0.0, 1.0)]) == 0
    assert slope([(1.0, 1.0), (1.0, 9.0)]) == 0
