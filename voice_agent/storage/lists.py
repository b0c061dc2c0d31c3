"""The do-not-call list."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from ..calls.numbers import Blocked
from .database import Database
from .tables import do_not_call


class DoNotCallRepository:
    """The do-not-call list of one workspace."""

    def __init__(self, database: Database, workspace: str) -> None:
        self._database = database
        self._workspace = workspace

    async def list(self, after: str = "", limit: int = 100) -> Sequence[Blocked]:
        columns = do_not_call.c
        query = (
            sa.select(columns.number, columns.reason, columns.created_at)
            .where(columns.workspace == self._workspace, columns.number > after)
            .order_by(columns.number)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [Blocked(*row) for row in await connection.execute(query)]

    async def has(self, number: str) -> bool:
        query = sa.select(sa.exists().where(*self._is(number)))
        async with self._database.read() as connection:
            return bool(await connection.scalar(query))

    async def add(self, number: str, reason: str, at: datetime) -> Blocked:
        row = {
            "workspace": self._workspace,
            "number": number,
            "reason": reason,
            "created_at": at,
        }
        insert = self._database.insert(do_not_call).values(**row).on_conflict_do_nothing()
        columns = do_not_call.c
        query = sa.select(columns.number, columns.reason, columns.created_at)
        async with self._database.write() as connection:
            await connection.execute(insert)
            kept = (await connection.execute(query.where(*self._is(number)))).one()
        return Blocked(*kept)

    async def remove(self, number: str) -> bool:
        query = sa.delete(do_not_call).where(*self._is(number))
        async with self._database.write() as connection:
            return bool((await connection.execute(query)).rowcount)

    def _is(self, number: str) -> tuple[sa.ColumnElement[bool], ...]:
        return do_not_call.c.workspace == self._workspace, do_not_call.c.number == number
