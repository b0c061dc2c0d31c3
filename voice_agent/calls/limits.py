"""How much a user may say to a persona, over all conversations."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from ..errors import StorageUnavailable
from .record_writer import RecordWriter
from .records import MessageUsed

_COUNT_S = 0.25
"""How long a turn waits to learn whether it may be answered. The database takes a millisecond."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Counted:
    """How many messages of one user a persona has answered."""

    user_id: str
    used: int
    updated_at: datetime


class Counters(Protocol):
    """The message counters of one workspace. All raise StorageUnavailable."""

    async def use(self, persona_id: str, user_id: str, limit: int | None, at: datetime) -> bool:
        """Count one message of the user and of the account, if the user's limit allows it.

        Exact whoever else counts at the same time. Without a user id there is no limit.
        """

    async def used(self, persona_id: str, after: str = "", limit: int = 100) -> Sequence[Counted]:
        """The users of a persona, by id; those behind `after`."""

    async def reset(self, persona_id: str, user_id: str) -> bool:
        """Begin again at none; False if there was no count."""

    async def account(self) -> Sequence[tuple[str, int]]:
        """Messages answered per month (``2026-11``), the newest first."""


class Allowance:
    """Asks the counters before each answer. A database that is down stops nobody from talking."""

    def __init__(self, counters: Counters, writer: RecordWriter, workspace: str) -> None:
        self._counters = counters
        self._writer = writer
        self._workspace = workspace

    async def use(
        self,
        conversation_id: str,
        persona_id: str,
        user_id: str,
        limit: int | None,
        at: datetime,
    ) -> bool:
        """Count a message that is about to be answered; False if the limit is reached.

        `limit` is None where none is on. While the database is down everybody is answered, and the
        message is counted later.
        """
        try:
            async with asyncio.timeout(_COUNT_S):
                return await self._counters.use(persona_id, user_id, limit, at)
        except (StorageUnavailable, TimeoutError):
            log.warning("message_counted_later")
        self._writer.write(MessageUsed(conversation_id, self._workspace, persona_id, user_id, at))
        return True
