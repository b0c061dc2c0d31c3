"""API keys, and the secret that signs session tokens."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ..access.keys import (
    LINK_LIFE,
    SESSION_LIFE,
    ApiKey,
    KeyRefused,
    Kind,
    NewKey,
    digest,
    random_id,
    random_secret,
    read,
    same,
    written,
)
from ..calls.records import DEFAULT_WORKSPACE
from .database import Database
from .tables import api_keys, server_secrets

_SIGNING = "session tokens"


class KeyRepository:
    """The keys of all workspaces."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        kind: Kind,
        workspace: str,
        label: str = "",
        origins: Sequence[str] = (),
        personas: Sequence[str] = (),
        life: timedelta | None = None,
    ) -> NewKey:
        async with self._database.write() as connection:
            return await _create(connection, kind, workspace, label, origins, personas, life)

    async def verify(self, text: str) -> ApiKey:
        given = read(text)
        if given is not None and given.kind != "link":
            query = sa.select(api_keys).where(
                api_keys.c.id == given.id, api_keys.c.kind == given.kind
            )
            async with self._database.read() as connection:
                row = (await connection.execute(query)).first()
            if row is not None and same(row.digest, given.digest):
                key = _key(row)
                if key.is_valid(datetime.now(UTC)):
                    return key
        raise KeyRefused("The key is unknown, has expired or was revoked.")

    async def is_valid(self, id: str) -> bool:
        query = sa.select(api_keys).where(api_keys.c.id == id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        return row is not None and _key(row).is_valid(datetime.now(UTC))

    async def list(
        self, workspace: str | None = None, after: str = "", limit: int = 100
    ) -> Sequence[ApiKey]:
        query = (
            sa.select(api_keys)
            .where(api_keys.c.revoked_at.is_(None), api_keys.c.kind != "link")
            .where(api_keys.c.id > after)
            .order_by(api_keys.c.id)
            .limit(limit)
        )
        if workspace is not None:
            query = query.where(api_keys.c.workspace == workspace)
        async with self._database.read() as connection:
            return [_key(row) for row in await connection.execute(query)]

    async def revoke(self, id: str, workspace: str | None = None) -> bool:
        query = sa.update(api_keys).where(api_keys.c.id == id, api_keys.c.revoked_at.is_(None))
        if workspace is not None:
            query = query.where(api_keys.c.workspace == workspace)
        async with self._database.write() as connection:
            done = await connection.execute(query.values(revoked_at=datetime.now(UTC)))
        return bool(done.rowcount)

    async def exchange(self, link: str, life: timedelta = SESSION_LIFE) -> NewKey:
        now = datetime.now(UTC)
        given = read(link)
        if given is not None and given.kind == "link":
            # One statement finds and ends it: of two who try at once one succeeds.
            used = (
                sa.update(api_keys)
                .where(api_keys.c.id == given.id, api_keys.c.kind == "link")
                .where(api_keys.c.digest == given.digest, api_keys.c.revoked_at.is_(None))
                .where(api_keys.c.expires_at > now)
                .values(revoked_at=now)
                .returning(api_keys.c.label)
            )
            async with self._database.write() as connection:
                if (row := (await connection.execute(used)).first()) is not None:
                    label = row.label or "administrator"
                    return await _create(connection, "session", DEFAULT_WORKSPACE, label, life=life)
        raise KeyRefused(
            "The link has been used or has expired; `voice-agent keys link` prints one."
        )

    async def first_link(self) -> NewKey | None:
        # Sessions count even after their end: whoever had one has had the time to make a key.
        claimed = sa.select(sa.exists().where(api_keys.c.kind.in_(("admin", "session"))))
        async with self._database.write() as connection:
            if await connection.scalar(claimed):
                return None
            return await _new_link(connection)

    async def new_link(self, label: str = "") -> NewKey:
        async with self._database.write() as connection:
            return await _new_link(connection, label)

    async def signing_secret(self) -> str:
        row = {"name": _SIGNING, "value": secrets.token_urlsafe(32)}
        insert = self._database.insert(server_secrets).values(**row).on_conflict_do_nothing()
        query = sa.select(server_secrets.c.value).where(server_secrets.c.name == _SIGNING)
        async with self._database.write() as connection:
            await connection.execute(insert)
            return str(await connection.scalar(query))


async def _new_link(connection: AsyncConnection, label: str = "") -> NewKey:
    ended = sa.update(api_keys).where(api_keys.c.kind == "link", api_keys.c.revoked_at.is_(None))
    await connection.execute(ended.values(revoked_at=datetime.now(UTC)))
    return await _create(connection, "link", DEFAULT_WORKSPACE, label, life=LINK_LIFE)


async def _create(
    connection: AsyncConnection,
    kind: Kind,
    workspace: str,
    label: str = "",
    origins: Sequence[str] = (),
    personas: Sequence[str] = (),
    life: timedelta | None = None,
) -> NewKey:
    now = datetime.now(UTC)
    secret = random_secret()
    key = ApiKey(
        id=random_id(),
        kind=kind,
        workspace=workspace,
        created_at=now,
        label=label,
        origins=tuple(origins),
        personas=tuple(personas),
        expires_at=None if life is None else now + life,
    )
    row: dict[str, Any] = {name: getattr(key, name) for name in key.__dataclass_fields__}
    row |= {"digest": digest(secret), "origins": list(origins), "personas": list(personas)}
    await connection.execute(sa.insert(api_keys), row)
    return NewKey(key, written(kind, key.id, secret))


def _key(row: sa.Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        kind=row.kind,
        workspace=row.workspace,
        created_at=row.created_at,
        label=row.label,
        origins=tuple(row.origins),
        personas=tuple(row.personas),
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
