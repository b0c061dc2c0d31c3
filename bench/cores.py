"""Which core runs what: the server alone on one, the callers on the others."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Cores:
    """Where to run; both empty where the system cannot pin a process."""

    server: frozenset[int]
    callers: frozenset[int]

    @property
    def note(self) -> str:
        """What was done, for the report."""
        if not self.server:
            return "not pinned: this system cannot, so the core share is of any core"
        if self.server == self.callers:
            return "one core only: the server and its callers share it, so no figure is usable"
        return f"server on core {_names(self.server)}, callers on {_names(self.callers)}"


def share_out() -> Cores:
    """The last core that this process may use for the server, the rest for the callers."""
    if sys.platform != "linux":
        return Cores(frozenset(), frozenset())
    usable = sorted(os.sched_getaffinity(0))
    server = frozenset(usable[-1:])
    return Cores(server, frozenset(usable[:-1]) or server)


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """Run on `cores` while the context lasts. A child started inside stays there."""
    if sys.platform != "linux" or not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def busy_s(cores: frozenset[int]) -> float:
    """Seconds of work that `cores` have done since the machine started, whoever asked for it."""
    times = psutil.cpu_times(percpu=True)
    chosen = [times[core] for core in sorted(cores)] if cores else times
    return sum(
        sum(core) - core.idle - getattr(core, "iowait", 0.0) - _guests(core) for core in chosen
    )


def _guests(core: object) -> float:
    """Linux counts the time of guests as user time, too."""
    return float(getattr(core, "guest", 0.0)) + float(getattr(core, "guest_nice", 0.0))


def _names(cores: frozenset[int]) -> str:
    return ", ".join(str(core) for core in sorted(cores))
