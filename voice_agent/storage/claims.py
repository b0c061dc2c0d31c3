"""What outgoing calls have claimed of their limits, for all processes together."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from ..calls.claims import KEPT_S, Claim, Receipt
from .database import Database
from .tables import claimed

_LOCK = 0x636C61696D
"""PostgreSQL's advisory lock of claims. In SQLite whoever writes is alone anyway."""


class ClaimRepository:
    """Satisfies `calls.claims.Claims`. The carrier's account is one for all workspaces."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, claims: Sequence[Claim], now: datetime) -> Receipt | Claim:
        at = int(now.timestamp())
        columns = claimed.c
        receipt = Receipt(secrets.token_hex(16))
        async with self._database.write() as connection:
            if not self._database.is_sqlite:
                # Between the sums and the rows nobody else may count.
                await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            await connection.execute(sa.delete(claimed).where(columns.at <= at - KEPT_S))
            for claim in claims:
                held = sa.select(sa.func.coalesce(sa.func.sum(columns.amount), 0)).where(
                    columns.key == claim.key, columns.at > at - claim.window_s
                )
                if int(await connection.scalar(held) or 0) + claim.amount > claim.limit:
                    return claim
            rows = [
                {"receipt": receipt.id, "key": claim.key, "at": at, "amount": claim.amount}
                for claim in claims
            ]
            await connection.execute(sa.insert(claimed), rows)
        return receipt

    async def settle(self, receipt: Receipt, used: Mapping[str, int]) -> None:
        columns = claimed.c
        async with self._database.write() as connection:
            for key, amount in used.items():
                await connection.execute(
                    sa.update(claimed)
                    .where(columns.receipt == receipt.id, columns.key == key)
                    .values(amount=amount)
                )
