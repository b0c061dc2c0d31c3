"""Numbers that are not to be called."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Blocked:
    """A number that is not to be called."""

    number: str
    """E.164."""
    reason: str
    created_at: datetime


class DoNotCall(Protocol):
    """The do-not-call list of one workspace. All raise StorageUnavailable."""

    async def list(self, after: str = "", limit: int = 100) -> Sequence[Blocked]:
        """By number; those behind `after`."""

    async def has(self, number: str) -> bool: ...

    async def add(self, number: str, reason: str, at: datetime) -> Blocked:
        """Nothing changes if it is there already."""

    async def remove(self, number: str) -> bool:
        """False if it was not there."""
