"""Administrators, their codes and their passkeys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ..access.accounts import AccountConflict, Administrator, key_of
from ..access.keys import random_id
from ..access.passkeys import CHALLENGE_LIFE, Passkey, Purpose
from .database import Database
from .sessions import ended
from .tables import administrators, challenges, passkeys, recovery_codes


class AccountRepository:
    """All administrators."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, id: str) -> Administrator | None:
        return await self._one(administrators.c.id == id)

    async def named(self, name: str) -> Administrator | None:
        return await self._one(administrators.c.key == key_of(name))

    async def list(self) -> Sequence[Administrator]:
        query = sa.select(administrators).order_by(administrators.c.key)
        async with self._database.read() as connection:
            return [_administrator(row) for row in await connection.execute(query)]

    async def create(self, name: str, password: str, now: datetime) -> Administrator:
        made = Administrator(id=random_id(), name=name, created_at=now, password=password)
        row = {
            "id": made.id,
            "name": name,
            "key": key_of(name),
            "password": password,
            "created_at": now,
        }
        insert = self._database.insert(administrators).values(**row).on_conflict_do_nothing()
        async with self._database.write() as connection:
            if not (await connection.execute(insert)).rowcount:
                raise AccountConflict("There is an administrator of this name already.")
        return made

    async def set_password(self, id: str, password: str) -> None:
        await self._change(id, password=password)

    async def remove(self, id: str, now: datetime) -> bool:
        query = sa.delete(administrators).where(administrators.c.id == id)
        async with self._database.write() as connection:
            await connection.execute(ended(id, now))
            return bool((await connection.execute(query)).rowcount)

    async def begin_totp(self, id: str, secret: str) -> None:
        await self._change(id, totp_pending=secret)

    async def confirm_totp(self, id: str, secret: str, step: int, codes: Sequence[str]) -> bool:
        columns = administrators.c
        query = (
            sa.update(administrators)
            .where(columns.id == id, columns.totp_pending == secret, columns.totp == "")
            .values(totp=secret, totp_pending="", totp_step=step)
        )
        async with self._database.write() as connection:
            if not (await connection.execute(query)).rowcount:
                return False
            await _set_codes(connection, id, codes)
            return True

    async def reseal_totp(self, id: str, before: str, after: str) -> None:
        async with self._database.write() as connection:
            for column in (administrators.c.totp, administrators.c.totp_pending):
                query = sa.update(administrators).where(administrators.c.id == id, column == before)
                await connection.execute(query.values({column: after}))

    async def use_totp(self, id: str, step: int) -> bool:
        columns = administrators.c
        # One statement: of two who bring the same code at once one is let in.
        query = (
            sa.update(administrators)
            .where(columns.id == id, columns.totp != "", columns.totp_step < step)
            .values(totp_step=step)
        )
        async with self._database.write() as connection:
            return bool((await connection.execute(query)).rowcount)

    async def end_totp(self, id: str) -> None:
        query = sa.update(administrators).where(administrators.c.id == id)
        async with self._database.write() as connection:
            await connection.execute(query.values(totp="", totp_pending=""))
            await _set_codes(connection, id, ())

    async def set_recovery_codes(self, id: str, codes: Sequence[str]) -> None:
        async with self._database.write() as connection:
            await _set_codes(connection, id, codes)

    async def use_recovery_code(self, id: str, code: str) -> bool:
        columns = recovery_codes.c
        query = sa.delete(recovery_codes).where(
            columns.administrator_id == id, columns.digest == code
        )
        async with self._database.write() as connection:
            return bool((await connection.execute(query)).rowcount)

    async def recovery_codes(self, id: str) -> int:
        query = (
            sa.select(sa.func.count())
            .select_from(recovery_codes)
            .where(recovery_codes.c.administrator_id == id)
        )
        async with self._database.read() as connection:
            return int(await connection.scalar(query) or 0)

    async def _one(self, condition: sa.ColumnElement[bool]) -> Administrator | None:
        async with self._database.read() as connection:
            row = (await connection.execute(sa.select(administrators).where(condition))).first()
        return None if row is None else _administrator(row)

    async def _change(self, id: str, **values: str) -> None:
        query = sa.update(administrators).where(administrators.c.id == id).values(**values)
        async with self._database.write() as connection:
            await connection.execute(query)


class PasskeyRepository:
    """All passkeys, and the challenges that wait for an answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def issue(
        self, challenge: str, purpose: Purpose, administrator: str, now: datetime
    ) -> None:
        row = {
            "challenge": challenge,
            "purpose": purpose,
            "administrator_id": administrator,
            "expires_at": now + CHALLENGE_LIFE,
        }
        async with self._database.write() as connection:
            await connection.execute(sa.delete(challenges).where(challenges.c.expires_at < now))
            await connection.execute(sa.insert(challenges), row)

    async def redeem(self, challenge: str, purpose: Purpose, now: datetime) -> str | None:
        columns = challenges.c
        query = (
            sa.delete(challenges)
            .where(columns.challenge == challenge, columns.purpose == purpose)
            .where(columns.expires_at >= now)
            .returning(columns.administrator_id)
        )
        async with self._database.write() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else str(row.administrator_id)

    async def add(self, passkey: Passkey) -> None:
        row = {
            "id": passkey.id,
            "administrator_id": passkey.administrator,
            "label": passkey.label,
            "domain": passkey.domain,
            "public_key": passkey.public_key,
            "signed": passkey.signed,
            "created_at": passkey.created_at,
        }
        insert = self._database.insert(passkeys).values(**row).on_conflict_do_nothing()
        async with self._database.write() as connection:
            if not (await connection.execute(insert)).rowcount:
                raise AccountConflict("This passkey is there already.")

    async def get(self, id: str) -> Passkey | None:
        query = sa.select(passkeys).where(passkeys.c.id == id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else _passkey(row)

    async def list(self, administrator: str) -> Sequence[Passkey]:
        columns = passkeys.c
        query = (
            sa.select(passkeys)
            .where(columns.administrator_id == administrator)
            .order_by(columns.created_at, columns.id)
        )
        async with self._database.read() as connection:
            return [_passkey(row) for row in await connection.execute(query)]

    async def used(self, id: str, before: int, signed: int, now: datetime) -> bool:
        columns = passkeys.c
        query = (
            sa.update(passkeys)
            .where(columns.id == id, columns.signed == before)
            .values(signed=signed, used_at=now)
        )
        async with self._database.write() as connection:
            return bool((await connection.execute(query)).rowcount)

    async def remove(self, administrator: str, id: str) -> bool:
        columns = passkeys.c
        query = sa.delete(passkeys).where(
            columns.administrator_id == administrator, columns.id == id
        )
        async with self._database.write() as connection:
            return bool((await connection.execute(query)).rowcount)


async def _set_codes(connection: AsyncConnection, id: str, codes: Sequence[str]) -> None:
    await connection.execute(
        sa.delete(recovery_codes).where(recovery_codes.c.administrator_id == id)
    )
    rows = [{"administrator_id": id, "digest": code} for code in codes]
    if rows:
        await connection.execute(sa.insert(recovery_codes), rows)


def _administrator(row: sa.Row[Any]) -> Administrator:
    return Administrator(
        id=row.id,
        name=row.name,
        created_at=row.created_at,
        password=row.password,
        totp=row.totp,
        totp_pending=row.totp_pending,
    )


def _passkey(row: sa.Row[Any]) -> Passkey:
    return Passkey(
        id=row.id,
        administrator=row.administrator_id,
        label=row.label,
        domain=row.domain,
        public_key=row.public_key,
        signed=row.signed,
        created_at=row.created_at,
        used_at=row.used_at,
    )
