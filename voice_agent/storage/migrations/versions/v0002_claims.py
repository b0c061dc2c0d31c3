"""What outgoing calls have claimed of their limits."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "claimed",
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("amount", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("receipt", "key", name=op.f("pk_claimed")),
    )
    op.create_index(op.f("ix_claimed_key_claimed_at"), "claimed", ["key", "at"])
    op.create_index(op.f("ix_claimed_at"), "claimed", ["at"])
