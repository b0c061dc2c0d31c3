"""The tables, as the newest migration leaves them."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

# `JSON` and not `JSONB`: the order of an actions schema's keys is the order of the prompt.
Json = sa.JSON(none_as_null=True)


class Time(TypeDecorator[datetime]):
    """A moment. SQLite keeps no time zone: ours is UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str) -> Column[str]:
    return Column(name, sa.Text, nullable=False, server_default="")


def _number(name: str) -> Column[int]:
    return Column(name, sa.BigInteger, nullable=False, server_default="0")


def _flag(name: str) -> Column[bool]:
    return Column(name, sa.Boolean, nullable=False, server_default=sa.false())


def _moment(name: str, nullable: bool = False) -> Column[datetime]:
    return Column(name, Time, nullable=nullable)


personas = Table(
    "personas",
    metadata,
    Column("id", sa.Text, primary_key=True),
    Column("workspace", sa.Text, nullable=False),
    Column("name", sa.Text, nullable=False),
    Column("draft", Json, nullable=False),
    _number("version"),
    _number("revision"),
    _moment("created_at"),
    _moment("updated_at"),
    UniqueConstraint("workspace", "name"),
)

persona_versions = Table(
    "persona_versions",
    metadata,
    Column("persona_id", sa.Text, ForeignKey("personas.id", ondelete="CASCADE"), primary_key=True),
    Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    Column("document", Json, nullable=False),
    _moment("published_at"),
)

# No foreign keys from here on: records arrive when they can, and parts of them may never.
conversations = Table(
    "conversations",
    metadata,
    Column("id", sa.Text, primary_key=True),
    Column("workspace", sa.Text, nullable=False),
    _text("persona_id"),
    _text("persona_name"),
    _number("persona_version"),
    _text("user_id"),
    _text("direction"),
    _text("call"),
    Column("later_calls", Json, nullable=False, server_default="[]"),
    Column("details", Json, nullable=False),
    Column("state", Json, nullable=False),
    _text("status"),
    _moment("created_at"),
    _moment("ended_at", nullable=True),
    _text("end_reason"),
    _text("recording"),
    _flag("complete"),
    Index(None, "workspace", "created_at", "id"),
    Index(None, "workspace", "persona_id", "created_at"),
    Index(None, "workspace", "user_id", "created_at"),
)

messages = Table(
    "messages",
    metadata,
    Column("conversation_id", sa.Text, primary_key=True),
    Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("speaker"),
    _text("text"),
    _text("intended"),
    _number("turn"),
    _text("leg"),
    _flag("withdrawn"),
    _moment("at"),
)

actions = Table(
    "actions",
    metadata,
    Column("conversation_id", sa.Text, primary_key=True),
    Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("name"),
    _text("arguments"),
    Column("result", sa.Text),
    _moment("started_at"),
    _moment("ended_at", nullable=True),
    Column("kind", sa.Text),
    Column("outcome", sa.Text),
    Column("webhook", Json),
)

message_counters = Table(
    "message_counters",
    metadata,
    Column("workspace", sa.Text, primary_key=True),
    Column("persona_id", sa.Text, primary_key=True),
    Column("user_id", sa.Text, primary_key=True),
    _number("used"),
    _moment("updated_at"),
)

account_counters = Table(
    "account_counters",
    metadata,
    Column("workspace", sa.Text, primary_key=True),
    Column("month", sa.Text, primary_key=True),
    _number("used"),
)

claimed = Table(
    "claimed",
    metadata,
    Column("receipt", sa.Text, primary_key=True),
    Column("key", sa.Text, primary_key=True),
    _number("at"),  # Seconds since 1970.
    _number("amount"),
    Index(None, "key", "at"),
    Index(None, "at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", sa.Text, primary_key=True),
    Column("kind", sa.Text, nullable=False),
    Column("workspace", sa.Text, nullable=False),
    _text("label"),
    Column("digest", sa.Text, nullable=False),
    Column("origins", Json, nullable=False),
    Column("personas", Json, nullable=False),
    _moment("created_at"),
    _moment("expires_at", nullable=True),
    _moment("revoked_at", nullable=True),
)

administrators = Table(
    "administrators",
    metadata,
    Column("id", sa.Text, primary_key=True),
    Column("name", sa.Text, nullable=False),
    Column("key", sa.Text, nullable=False, unique=True),  # The name, however it is written.
    Column("password", sa.Text, nullable=False),
    _text("totp"),
    _text("totp_pending"),
    _number("totp_step"),
    _moment("created_at"),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column(
        "administrator_id",
        sa.Text,
        ForeignKey("administrators.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("digest", sa.Text, primary_key=True),
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", sa.Text, primary_key=True),
    Column(
        "administrator_id",
        sa.Text,
        ForeignKey("administrators.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    _text("label"),
    Column("domain", sa.Text, nullable=False),
    Column("public_key", sa.LargeBinary, nullable=False),
    _number("signed"),
    _moment("created_at"),
    _moment("used_at", nullable=True),
)

challenges = Table(
    "challenges",
    metadata,
    Column("challenge", sa.Text, primary_key=True),
    Column("purpose", sa.Text, nullable=False),
    _text("administrator_id"),
    _moment("expires_at"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("key_id", sa.Text, ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True),
    Column("administrator_id", sa.Text, nullable=False, index=True),
    Column("method", sa.Text, nullable=False),
    _text("address"),
    _text("device"),
    _moment("proved_at"),
    _moment("used_at"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("key", sa.Text, primary_key=True),
    _number("failures"),
    Column("last_at", Time, nullable=False, index=True),
)

server_secrets = Table(
    "server_secrets",
    metadata,
    Column("name", sa.Text, primary_key=True),
    Column("value", sa.Text, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("workspace", sa.Text, primary_key=True),
    Column("key", sa.Text, primary_key=True),
    Column("request", sa.Text, nullable=False),
    Column("status", sa.Integer),
    Column("response", sa.Text),
    _moment("created_at"),
)

do_not_call = Table(
    "do_not_call",
    metadata,
    Column("workspace", sa.Text, primary_key=True),
    Column("number", sa.Text, primary_key=True),
    _text("reason"),
    _moment("created_at"),
)
