"""The gate: scores of windows in, changes out."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_pipelines.audio.gate import Change, Gate, GatePolicy

STARTED, CONFIRMED, STOPPED = Change
RATE = 8000
LOUD, QUIET, SILENT = 0.9, 0.4, 0.1
Script = Sequence[tuple[int, Change]]


def changes(
    scores: Sequence[float], window_ms: int = 32, policy: GatePolicy | None = None
) -> list[tuple[int, Change]]:
    """(number of the window, counted from 1, and what it changed)."""
    gate = Gate(policy or GatePolicy(stop_ms=60))
    samples = window_ms * RATE // 1000
    return [
        (number, change)
        for number, score in enumerate(scores, start=1)
        for change in gate.push(score, number * samples)
    ]


WINDOWS_OF_32 = {
    "one window is a candidate; 60 ms of silence take two more": (
        [SILENT, LOUD, SILENT, SILENT],
        [(2, STARTED), (4, STOPPED)],
    ),
    "three in a row confirm": (
        [LOUD, LOUD, LOUD, LOUD],
        [(1, STARTED), (3, CONFIRMED)],
    ),
    "three of four confirm": (
        [LOUD, SILENT, LOUD, LOUD],
        [(1, STARTED), (4, CONFIRMED)],
    ),
    "three of five do not": (
        [LOUD, QUIET, LOUD, QUIET, LOUD],
        [(1, STARTED)],
    ),
    "the window that confirms is loud itself": (
        [LOUD, LOUD, QUIET, QUIET, LOUD, QUIET, LOUD, LOUD],
        [(1, STARTED), (8, CONFIRMED)],
    ),
    "quiet windows keep it open but do not open it": (
        [QUIET, QUIET, LOUD, QUIET, QUIET, QUIET, SILENT, SILENT],
        [(3, STARTED), (8, STOPPED)],
    ),
    "what came before the stop is forgotten": (
        [LOUD, LOUD, SILENT, SILENT, LOUD, LOUD],
        [(1, STARTED), (4, STOPPED), (5, STARTED)],
    ),
    "the thresholds themselves are below": (
        [0.5, 0.51, 0.35, 0.35],
        [(2, STARTED), (4, STOPPED)],
    ),
    "after a stop it is confirmed anew": (
        [LOUD, LOUD, LOUD, SILENT, SILENT, LOUD, LOUD, LOUD],
        [(1, STARTED), (3, CONFIRMED), (5, STOPPED), (6, STARTED), (8, CONFIRMED)],
    ),
    "one silent window is no stop": (
        [LOUD, SILENT, LOUD, SILENT, LOUD],
        [(1, STARTED)],
    ),
}


@pytest.mark.parametrize("case", WINDOWS_OF_32)
def test_windows_of_32_ms(case: str) -> None:
    scores, expected = WINDOWS_OF_32[case]
    assert changes(scores) == expected


WINDOWS_OF_20 = {
    "three take 60 ms: a candidate only": ([1, 1, 1], [(1, STARTED)]),
    "five take 100 ms and confirm": ([1, 1, 1, 1, 1], [(1, STARTED), (5, CONFIRMED)]),
    "five of the last six confirm": ([1, 1, 0, 1, 1, 1], [(1, STARTED), (6, CONFIRMED)]),
    "five of seven do not": ([1, 1, 0, 1, 0, 1, 1], [(1, STARTED)]),
    "three silent ones are 60 ms": ([1, 0, 0, 0], [(1, STARTED), (4, STOPPED)]),
}


@pytest.mark.parametrize("case", WINDOWS_OF_20)
def test_windows_of_20_ms(case: str) -> None:
    scores, expected = WINDOWS_OF_20[case]
    assert changes(scores, window_ms=20) == expected


@pytest.mark.parametrize(("stop_ms", "windows"), [(60, 2), (64, 2), (65, 3), (100, 4), (200, 7)])
def test_the_stop_comes_with_the_first_window_that_completes_the_silence(
    stop_ms: int, windows: int
) -> None:
    told = changes([LOUD] + [SILENT] * 10, policy=GatePolicy(stop_ms=stop_ms))
    assert told == [(1, STARTED), (1 + windows, STOPPED)]


def test_it_knows_where_the_voice_ended() -> None:
    gate = Gate(GatePolicy())
    for number, score in enumerate([SILENT, LOUD, QUIET, SILENT, SILENT], start=1):
        gate.push(score, number * 256)
    assert gate.voiced_until == 3 * 256


scores = st.lists(st.one_of(st.sampled_from([SILENT, QUIET, LOUD]), st.floats(0, 1)), max_size=80)
policies = st.builds(
    GatePolicy,
    start_score=st.sampled_from([0.5, 0.7]),
    stay_score=st.sampled_from([0.2, 0.35]),
    stop_ms=st.integers(1, 300),
)


@given(scores, st.sampled_from([20, 32]), policies)
def test_starts_and_stops_alternate_and_each_speech_is_confirmed_at_most_once(
    scores: list[float], window_ms: int, policy: GatePolicy
) -> None:
    told = [change for _, change in changes(scores, window_ms, policy)]
    edges = [change for change in told if change is not CONFIRMED]
    assert edges[::2] == [STARTED] * len(edges[::2])
    assert edges[1::2] == [STOPPED] * len(edges[1::2])
    for before, change in zip([None, *told], told, strict=False):
        assert change is not CONFIRMED or before is STARTED


@given(scores, st.sampled_from([20, 32]), policies)
def test_it_does_what_the_definition_says(
    scores: list[float], window_ms: int, policy: GatePolicy
) -> None:
    """The definition, word by word, over whole windows."""
    expected: list[tuple[int, Change]] = []
    of = -(-policy.confirm_within_ms // window_ms) if window_ms == 32 else 6
    need = -(-policy.confirm_ms // window_ms)
    run: list[bool] = []
    is_open, voiced_at = False, 0
    for number, score in enumerate(scores, start=1):
        loud = score > policy.start_score
        run = [*run, loud][-of:]
        if loud or (is_open and score > policy.stay_score):
            voiced_at = number
        if loud and not is_open:
            is_open = True
            expected.append((number, STARTED))
        if loud and (number, CONFIRMED) not in expected and not _confirmed(expected):
            if sum(run) >= need:
                expected.append((number, CONFIRMED))
        if is_open and (number - voiced_at) * window_ms >= policy.stop_ms:
            is_open, run = False, []
            expected.append((number, STOPPED))
    assert changes(scores, window_ms, policy) == expected


def _confirmed(told: list[tuple[int, Change]]) -> bool:
    return bool(told) and told[-1][1] is CONFIRMED
