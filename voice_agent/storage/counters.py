"""Message counters: exact, whoever counts at the same time."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ..calls.limits import Counted
from .database import Database
from .tables import account_counters, message_counters


class CounterRepository:
    """The message counters of one workspace."""

    def __init__(self, database: Database, workspace: str) -> None:
        self._database = database
        self._workspace = workspace

    async def use(self, persona_id: str, user_id: str, limit: int | None, at: datetime) -> bool:
        async with self._database.write() as connection:
            return await count(
                self._database, connection, self._workspace, persona_id, user_id, limit, at
            )

    async def used(self, persona_id: str, after: str = "", limit: int = 100) -> Sequence[Counted]:
        columns = message_counters.c
        query = (
            sa.select(columns.user_id, columns.used, columns.updated_at)
            .where(columns.workspace == self._workspace, columns.persona_id == persona_id)
            .where(columns.user_id > after)
            .order_by(columns.user_id)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [Counted(*row) for row in await connection.execute(query)]

    async def reset(self, persona_id: str, user_id: str) -> bool:
        columns = message_counters.c
        query = sa.delete(message_counters).where(
            columns.workspace == self._workspace,
            columns.persona_id == persona_id,
            columns.user_id == user_id,
        )
        async with self._database.write() as connection:
            return bool((await connection.execute(query)).rowcount)

    async def account(self) -> Sequence[tuple[str, int]]:
        columns = account_counters.c
        query = (
            sa.select(columns.month, columns.used)
            .where(columns.workspace == self._workspace)
            .order_by(columns.month.desc())
        )
        async with self._database.read() as connection:
            return [(row.month, row.used) for row in await connection.execute(query)]


async def count(
    database: Database,
    connection: AsyncConnection,
    workspace: str,
    persona_id: str,
    user_id: str,
    limit: int | None,
    at: datetime,
) -> bool:
    """Count a message unless the user's limit is reached, as one statement per counter."""
    if user_id:
        if limit is not None and limit < 1:
            return False
        row = {
            "workspace": workspace,
            "persona_id": persona_id,
            "user_id": user_id,
            "used": 1,
            "updated_at": at,
        }
        mine = database.insert(message_counters).values(**row)
        counted = mine.on_conflict_do_update(
            index_elements=["workspace", "persona_id", "user_id"],
            set_={"used": message_counters.c.used + 1, "updated_at": mine.excluded.updated_at},
            where=None if limit is None else message_counters.c.used < limit,
        ).returning(message_counters.c.used)
        if (await connection.execute(counted)).first() is None:
            return False
    month = {"workspace": workspace, "month": f"{at:%Y-%m}", "used": 1}
    all_ = database.insert(account_counters).values(**month)
    await connection.execute(
        all_.on_conflict_do_update(
            index_elements=["workspace", "month"], set_={"used": account_counters.c.used + 1}
        )
    )
    return True
