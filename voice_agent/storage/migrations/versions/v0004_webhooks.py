"""How actions went, what webhooks exchanged, and on which calls conversations were resumed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("actions", sa.Column("kind", sa.Text(), nullable=True))
    op.add_column("actions", sa.Column("outcome", sa.Text(), nullable=True))
    op.add_column("actions", sa.Column("webhook", sa.JSON(none_as_null=True), nullable=True))
    op.add_column(
        "conversations",
        sa.Column("later_calls", sa.JSON(none_as_null=True), server_default="[]", nullable=False),
    )
