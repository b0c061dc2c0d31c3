"""When silence means "your turn": how long to wait, from everything that is known at a pause."""

from collections.abc import Sequence

from .policy import EndpointingPolicy
from .words import Expectation, is_unfinished, looks_complete

_REMEMBERED_PAUSES = 8


class Pauses:
    """The pauses inside this caller's turns so far: slow speakers get more patience."""

    def __init__(self) -> None:
        self._lengths: list[int] = []

    def resumed_after(self, pause_ms: int) -> None:
        """The caller went on speaking after `pause_ms`; it was not the end of the turn."""
        self._lengths.append(pause_ms)
        del self._lengths[:-_REMEMBERED_PAUSES]

    def longest(self) -> int:
        """The second longest remembered pause (the longest may be an accident); 0 if unknown."""
        return _second_longest(self._lengths)


def _second_longest(lengths: Sequence[int]) -> int:
    return sorted(lengths)[-2] if len(lengths) > 1 else 0


def patience(
    policy: EndpointingPolicy,
    text: str,
    probability: float | None,
    expected: Expectation,
    pauses: Pauses,
) -> int:
    """Milliseconds of silence after the last voiced audio at which the caller's turn is over.

    `probability` is the end-of-turn model's, None while it is unknown. Words weigh more than the
    model: no model knows that a telephone number has ten digits.
    """
    if policy.mode == "fixed":
        return policy.fixed_ms
    if is_unfinished(text):
        return policy.max_ms
    if not looks_complete(text, expected):
        return max(policy.spelling_ms, policy.typical_ms)
    if probability is None:
        wait = policy.typical_ms
    elif probability >= policy.finished_probability:
        return policy.min_ms
    elif probability <= policy.unfinished_probability:
        wait = (policy.typical_ms + policy.max_ms) // 2
    else:
        span = policy.finished_probability - policy.unfinished_probability
        doubt = (policy.finished_probability - probability) / span
        wait = policy.min_ms + round(doubt * (policy.typical_ms - policy.min_ms))
    slow = pauses.longest() * 5 // 4
    return min(max(wait, slow), policy.max_ms)
