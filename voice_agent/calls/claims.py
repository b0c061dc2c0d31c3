"""Limits over sliding windows: amounts are claimed together, in one step, or not at all.

Looking first and counting later would let calls at the same time slip through between the two.
"""

import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

KEPT_S = 86_400
"""The longest window."""


@dataclass(frozen=True, slots=True)
class Claim:
    """So much of a limit is wanted."""

    key: str
    """What is counted, such as ``calls of persona p1``."""
    amount: int
    limit: int
    """The most that `window_s` may hold."""
    window_s: int
    """At most `KEPT_S`."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was claimed, so that what was not used can be given back."""

    id: str


class Claims(Protocol):
    """Counts amounts over sliding windows. Every method is atomic.

    All raise StorageUnavailable where they are kept outside of the process.
    """

    async def claim(self, claims: Sequence[Claim], now: datetime) -> Receipt | Claim:
        """Count all claims, each with a key of its own, or none: then it is the one too much."""

    async def settle(self, receipt: Receipt, used: Mapping[str, int]) -> None:
        """Put the amounts `used`, by key, in place of what was claimed for these keys."""


@dataclass(slots=True)
class _Entry:
    at: int
    amount: int
    receipt: str


class MemoryClaims:
    """Counts within one process, and forgets with it."""

    def __init__(self) -> None:
        self._entries: dict[str, deque[_Entry]] = {}
        """By key, oldest first."""

    async def claim(self, claims: Sequence[Claim], now: datetime) -> Receipt | Claim:
        at = int(now.timestamp())
        self._forget(at)
        for claim in claims:
            since = at - claim.window_s
            held = sum(e.amount for e in self._entries.get(claim.key, ()) if e.at > since)
            if held + claim.amount > claim.limit:
                return claim
        receipt = Receipt(secrets.token_hex(16))
        for claim in claims:
            entry = _Entry(at, claim.amount, receipt.id)
            self._entries.setdefault(claim.key, deque()).append(entry)
        return receipt

    async def settle(self, receipt: Receipt, used: Mapping[str, int]) -> None:
        for key, amount in used.items():
            for entry in self._entries.get(key, ()):
                if entry.receipt == receipt.id:
                    entry.amount = amount

    def _forget(self, at: int) -> None:
        for key, entries in list(self._entries.items()):
            while entries and entries[0].at <= at - KEPT_S:
                entries.popleft()
            if not entries:
                del self._entries[key]
