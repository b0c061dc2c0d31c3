"""The database: one door for writing, one for reading, and its migrations.

SQLite allows one writer. Left alone, SQLAlchemy and WAL lose updates without an error: two
transactions read, both write, the second overwrites the first. So a writing transaction takes the
lock when it begins, and a single connection writes, so that writers of this process wait in a fair
queue and not on the file. Readers have connections of their own, and are never in its way.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ..errors import ConfigurationError, StorageUnavailable

HEAD = "0004"
"""The newest migration. Who is there already need not import Alembic."""

_ANSWER_S = 10.0
"""The longest that one transaction may take."""
_MIGRATION_S = 600.0
_BUSY_MS = 5000
"""How long another process's transaction is waited for."""
_READERS = 4
_POSTGRES_CONNECTIONS = 10
_OURS = ("22", "42")
"""Classes of PostgreSQL's errors that trying again does not mend: data and statements. SQLAlchemy
has no type for what asyncpg makes of them."""
_LOCK = 0x766F696365
"""The advisory lock of the migrations, one number for all our processes."""


class Database:
    """Engines for one URL."""

    def __init__(self, url: str, password: str = "") -> None:
        """`url` as SQLAlchemy writes it, without a driver: ``sqlite:///var/voice-agent.db``,
        ``postgresql://user@host/name``. Raises ConfigurationError.
        """
        parsed = _with_driver(url)
        if password:
            parsed = parsed.set(password=password)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self._file = Path(parsed.database) if self.is_sqlite and parsed.database else None
        try:
            if self.is_sqlite:
                self._writing = _sqlite(parsed, 1)
                event.listen(self._writing.sync_engine, "begin", _lock_at_once)
                self._reading = _sqlite(parsed, _READERS)
            else:
                self._writing = self._reading = create_async_engine(
                    parsed,
                    pool_size=_POSTGRES_CONNECTIONS,
                    max_overflow=0,
                    pool_timeout=_ANSWER_S,
                    pool_pre_ping=True,
                    connect_args={"timeout": 5, "command_timeout": _ANSWER_S},
                )
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"`storage.url` needs the package {error.name}: pip install voice-agent[postgres]."
            ) from error

    async def close(self) -> None:
        await self._reading.dispose()
        if self._writing is not self._reading:
            await self._writing.dispose()

    def insert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """An insertion that knows ``on_conflict_…``."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that may write: committed at the end, taken back by an exception.

        Raises StorageUnavailable.
        """
        return self._transaction(self._writing)

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that reads. Raises StorageUnavailable."""
        return self._transaction(self._reading)

    @asynccontextmanager
    async def _transaction(
        self, engine: AsyncEngine, within_s: float = _ANSWER_S
    ) -> AsyncIterator[AsyncConnection]:
        try:
            async with asyncio.timeout(within_s), engine.begin() as connection:
                yield connection
        except (IntegrityError, DataError, ProgrammingError):
            raise  # Ours: a bug, or a value that cannot be kept.
        except (DBAPIError, PoolTimeout, TimeoutError, OSError) as error:
            cause = getattr(error, "orig", error).__cause__
            if str(getattr(cause, "sqlstate", "")).startswith(_OURS):
                raise ValueError(_reason(error)) from error
            raise StorageUnavailable(f"The database does not answer ({_reason(error)}).") from error

    async def upgrade(self) -> str:
        """Bring the tables up to date; the migration from which that was done.

        Several processes may do so at once. Raises StorageUnavailable, ConfigurationError.
        """
        if self._file is not None:
            await asyncio.to_thread(self._file.parent.mkdir, parents=True, exist_ok=True)
        try:
            async with self._transaction(self._writing, _MIGRATION_S) as connection:
                if not self.is_sqlite:
                    await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                before = await connection.run_sync(revision)
                if before != HEAD:
                    await connection.run_sync(_migrate)
                return before
        except SQLAlchemyError as error:
            raise ConfigurationError(
                f"The database could not be brought up to date: {_reason(error)}."
            ) from error

    async def revision(self) -> str:
        """The migration that the tables are at; empty before the first one."""
        async with self.read() as connection:
            return await connection.run_sync(revision)


def revision(connection: Connection) -> str:
    """The migration that the tables are at; empty before the first one."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")) or "")


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise ConfigurationError(
            f"The database is at migration {revision(connection)}, which this version of the "
            f"program does not know: use the version that wrote it, or a newer one ({error})."
        ) from error


def _with_driver(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError) as error:
        raise ConfigurationError(
            "`storage.url` is no database URL: write it like sqlite:///var/voice-agent.db or "
            "postgresql://user@host/name."
        ) from error
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    if backend == "postgres":
        backend = "postgresql"
    if backend not in drivers:
        raise ConfigurationError(
            f"`storage.url` names {backend}; kept are records in sqlite and postgresql."
        )
    return parsed.set(drivername=drivers[backend])


def _sqlite(url: URL, connections: int) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_ANSWER_S,
        poolclass=sa.AsyncAdaptedQueuePool,
        connect_args={"timeout": _BUSY_MS / 1000},
    )
    event.listen(engine.sync_engine, "connect", _set_up)
    return engine


def _set_up(connection: Any, _: object) -> None:
    # Else the driver begins transactions itself, late and without the lock.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={_BUSY_MS}",
        "journal_mode=WAL",
        # With WAL a killed process loses nothing; a power cut may cost the last transactions.
        "synchronous=NORMAL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _lock_at_once(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _reason(error: BaseException) -> str:
    """Without the statement and its values, which do not belong into logs."""
    origin = getattr(error, "orig", None) or error
    if isinstance(origin, OSError) and origin.strerror:
        return origin.strerror
    cause = origin.__cause__ or origin
    return f"{type(cause).__name__}: {cause}".splitlines()[0][:200]
