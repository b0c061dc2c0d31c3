"""Answers to requests that must not be carried out twice, by the key that the client gave."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from .database import Database
from .tables import idempotency

_KEPT = timedelta(hours=24)
_ABANDONED = timedelta(minutes=2)
"""A request that never got its answer may be tried again after this."""


class IdempotencyRepository:
    """Remembers each answer for a day."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self, workspace: str, key: str, request: str
    ) -> tuple[str, int | None, str | None] | None:
        """None if the request is new; else (request, status, answer) of the one that came first.

        `request` identifies what was asked; status and answer are None while it runs.
        """
        now = datetime.now(UTC)
        columns = idempotency.c
        mine = columns.workspace == workspace, columns.key == key
        stale = sa.or_(
            columns.created_at < now - _KEPT,
            sa.and_(columns.status.is_(None), columns.created_at < now - _ABANDONED),
        )
        row = {"workspace": workspace, "key": key, "request": request, "created_at": now}
        insert = self._database.insert(idempotency).values(**row).on_conflict_do_nothing()
        async with self._database.write() as connection:
            await connection.execute(sa.delete(idempotency).where(stale))
            if (await connection.execute(insert)).rowcount:
                return None
            query = sa.select(columns.request, columns.status, columns.response).where(*mine)
            first = (await connection.execute(query)).one()
            return first.request, first.status, first.response

    async def finish(self, workspace: str, key: str, status: int, response: str) -> None:
        """Keep the answer."""
        columns = idempotency.c
        query = sa.update(idempotency).where(columns.workspace == workspace, columns.key == key)
        async with self._database.write() as connection:
            await connection.execute(query.values(status=status, response=response))

    async def forget(self, workspace: str, key: str) -> None:
        """The request failed and may be tried again."""
        columns = idempotency.c
        query = sa.delete(idempotency).where(columns.workspace == workspace, columns.key == key)
        async with self._database.write() as connection:
            await connection.execute(query)
