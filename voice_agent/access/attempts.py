"""How often somebody may try: after some failures, each further one costs twice the time.

Failures are counted for the name and the address that tried it, for either alone, and for a browser
that is known (`known_browsers`); `sign_in` says how many are free. They are kept in the database: a
restart, or another process, is no new beginning. An attempt counts as failed from its
beginning, so that many at once are as many failures; a success takes that back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from ..errors import VoiceAgentError

FORGOTTEN = timedelta(hours=24)
"""So long after the last failure they are forgotten."""
_SECOND = timedelta(seconds=1)
_DOUBLINGS = 30
"""More would only make large numbers."""


class TryLater(VoiceAgentError):
    """Too many attempts; `wait` tells how long to stay away."""

    def __init__(self, wait: timedelta) -> None:
        seconds = max(1, -(-wait // _SECOND))
        super().__init__(f"Too many attempts: try again in {seconds} s.")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Track:
    """What failures are counted for."""

    key: str
    free: int
    """Failures before anything is delayed."""
    longest: timedelta
    """The delay does not grow beyond this."""

    def wait(self, failures: int, last: datetime, now: datetime) -> timedelta:
        """How long no attempt is taken from now on; zero if one is."""
        if failures < self.free:
            return timedelta(0)
        delay = min(_SECOND * (1 << min(failures - self.free, _DOUBLINGS)), self.longest)
        return max(last + delay - now, timedelta(0))


def network_of(address: str) -> str:
    """What an address counts as: whoever has one of IPv6 has 2**64 of them."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)


class Attempts(Protocol):
    """The counters. All raise StorageUnavailable."""

    async def begin(self, tracks: Sequence[Track], now: datetime) -> timedelta:
        """Count an attempt; or, if one has to wait, how long, and count nothing."""

    async def succeeded(self, forget: str, others: Sequence[str]) -> None:
        """Forget the failures under one key, and take this attempt back under the others."""

    async def took_back(self, keys: Sequence[str]) -> None:
        """This attempt was neither a failure nor a success."""
