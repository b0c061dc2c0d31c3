"""Sessions of the console, and failed attempts to open one."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ..access.attempts import FORGOTTEN, Track
from ..access.sessions import Method, Session, Visitor
from .database import Database
from .tables import api_keys, attempts, sessions

_KEPT = timedelta(days=30)
"""How long a session that has run out is remembered."""
_COLUMNS = (*sessions.c, api_keys.c.created_at, api_keys.c.expires_at)


class SessionRepository:
    """All sessions; their keys are `KeyRepository`'s."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(
        self, id: str, administrator: str, method: Method, visitor: Visitor, now: datetime
    ) -> None:
        row = {
            "key_id": id,
            "administrator_id": administrator,
            "method": method,
            "address": visitor.address,
            "device": visitor.device,
            "proved_at": now,
            "used_at": now,
        }
        # A link's stays: it tells that the server has found its administrator (`first_link`).
        old = sa.select(sessions.c.key_id).where(sessions.c.method != "link")
        forget = sa.delete(api_keys).where(
            api_keys.c.id.in_(old), api_keys.c.expires_at < now - _KEPT
        )
        async with self._database.write() as connection:
            await connection.execute(forget)
            await connection.execute(sa.insert(sessions), row)

    async def get(self, id: str, now: datetime) -> Session | None:
        query = _open(now).where(sessions.c.key_id == id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else _session(row)

    async def belongs_to(self, id: str, administrator: str) -> None:
        await self._change(id, administrator_id=administrator)

    async def proved(self, id: str, now: datetime) -> None:
        await self._change(id, proved_at=now)

    async def used(self, id: str, now: datetime) -> None:
        await self._change(id, used_at=now)

    async def list(self, administrator: str, now: datetime) -> Sequence[Session]:
        query = (
            _open(now)
            .where(sessions.c.administrator_id == administrator)
            .order_by(sessions.c.used_at.desc(), sessions.c.key_id)
        )
        async with self._database.read() as connection:
            return [_session(row) for row in await connection.execute(query)]

    async def end(self, administrator: str, id: str, now: datetime) -> bool:
        return bool(await self._end(ended(administrator, now).where(api_keys.c.id == id)))

    async def end_others(self, administrator: str, kept: str, now: datetime) -> int:
        return await self._end(ended(administrator, now).where(api_keys.c.id != kept))

    async def _end(self, query: sa.Update) -> int:
        async with self._database.write() as connection:
            return (await connection.execute(query)).rowcount

    async def _change(self, id: str, **values: object) -> None:
        query = sa.update(sessions).where(sessions.c.key_id == id).values(**values)
        async with self._database.write() as connection:
            await connection.execute(query)


class AttemptRepository:
    """Failures by key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, tracks: Sequence[Track], now: datetime) -> timedelta:
        columns = attempts.c
        # In one order, so that two who count at once do not wait for each other.
        by_key = {track.key: track for track in sorted(tracks, key=lambda track: track.key)}
        rows = [{"key": key, "failures": 0, "last_at": now} for key in by_key]
        insert = self._database.insert(attempts).on_conflict_do_nothing()
        query = (
            sa.select(attempts)
            .where(columns.key.in_(by_key))
            .order_by(columns.key)
            .with_for_update()
        )
        async with self._database.write() as connection:
            await connection.execute(sa.delete(attempts).where(columns.last_at < now - FORGOTTEN))
            await connection.execute(insert, rows)
            wait = timedelta(0)
            for row in await connection.execute(query):
                wait = max(wait, by_key[row.key].wait(row.failures, row.last_at, now))
            if not wait:
                await connection.execute(
                    sa.update(attempts)
                    .where(columns.key.in_(by_key))
                    .values(failures=columns.failures + 1, last_at=now)
                )
        return wait

    async def succeeded(self, forget: str, others: Sequence[str]) -> None:
        async with self._database.write() as connection:
            await connection.execute(sa.delete(attempts).where(attempts.c.key == forget))
            await connection.execute(_one_less(others))

    async def took_back(self, keys: Sequence[str]) -> None:
        async with self._database.write() as connection:
            await connection.execute(_one_less(keys))


def ended(administrator: str, now: datetime) -> sa.Update:
    """Ends the open sessions of an administrator."""
    theirs = sa.select(sessions.c.key_id).where(sessions.c.administrator_id == administrator)
    return (
        sa.update(api_keys)
        .where(api_keys.c.id.in_(theirs), api_keys.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def _one_less(keys: Sequence[str]) -> sa.Update:
    columns = attempts.c
    return (
        sa.update(attempts)
        .where(columns.key.in_(keys), columns.failures > 0)
        .values(failures=columns.failures - 1)
    )


def _open(now: datetime) -> sa.Select[Any]:
    return (
        sa.select(*_COLUMNS)
        .join(api_keys, api_keys.c.id == sessions.c.key_id)
        .where(api_keys.c.revoked_at.is_(None), api_keys.c.expires_at > now)
    )


def _session(row: sa.Row[Any]) -> Session:
    return Session(
        id=row.key_id,
        administrator=row.administrator_id,
        method=row.method,
        address=row.address,
        device=row.device,
        created_at=row.created_at,
        expires_at=row.expires_at,
        proved_at=row.proved_at,
        used_at=row.used_at,
    )
