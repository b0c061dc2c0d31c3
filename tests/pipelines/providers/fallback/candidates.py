"""Candidates of a fallback, and the clock that it goes by."""

from collections.abc import Sequence
from typing import TypeVar

from voice_pipelines.providers.breaker import Breaker
from voice_pipelines.providers.fallback.candidate import Candidate
from voice_pipelines.providers.health import Health
from voice_pipelines.providers.scripted import Fault, Outcome

HANG_S = 10
ALWAYS = range(50)

Provider = TypeVar("Provider")


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.ms = 0

    def now(self) -> int:
        return self.ms


def faults(outcome: Outcome | None, requests: Sequence[int] = ALWAYS) -> dict[int, Fault]:
    return {} if outcome is None else {number: Fault(outcome) for number in requests}


def candidate(name: str, provider: Provider, failures: int = 2) -> Candidate[Provider]:
    breaker = Breaker(failures=failures, rest_ms=1_000)
    return Candidate(name, provider, breaker, Health(name, breaker))


def health(candidate: Candidate[object]) -> tuple[int, int]:
    """(requests that went well, that failed)."""
    assert isinstance(candidate.health, Health)
    seen = candidate.health.snapshot(0)
    return seen.ok, seen.failed
