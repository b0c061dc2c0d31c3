"""The database: migrations, writers at the same time, what a wrong URL is told."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import voice_agent.storage
from tests.voice_agent.databases import Postgres
from voice_agent.errors import ConfigurationError, StorageUnavailable
from voice_agent.storage.database import HEAD, Database
from voice_agent.storage.store import Store, opened
from voice_agent.storage.tables import account_counters, metadata


@pytest.fixture(params=["sqlite", "postgresql"])
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/not/there/yet.db"
    else:
        server: Postgres = request.getfixturevalue("server")
        async with server.database("template1") as url:
            yield url


def test_the_head_is_the_newest_migration() -> None:
    config = Config()
    folder = Path(voice_agent.storage.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


async def test_migrations_make_the_tables_that_the_program_knows(empty: str) -> None:
    database = Database(empty)
    assert await database.upgrade() == ""
    assert await database.revision() == HEAD
    assert await database.upgrade() == HEAD

    def differences(connection: sa.Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with database.read() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()


async def test_processes_may_start_at_once(empty: str) -> None:
    databases = [Database(empty) for _ in range(4)]
    before = await asyncio.gather(*(database.upgrade() for database in databases))
    assert sorted(before) == ["", HEAD, HEAD, HEAD]
    for database in databases:
        await database.close()


async def test_a_database_of_a_newer_program_is_left_alone(empty: str) -> None:
    async with opened(empty) as store, store.database.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="9999"):
        async with opened(empty):
            pass


async def test_nothing_is_lost_between_writers(store: Store) -> None:
    """Read, wait, write: as SQLite and SQLAlchemy come, 48 of 50 were lost."""
    columns = account_counters.c
    async with store.database.write() as connection:
        await connection.execute(sa.insert(account_counters), {"workspace": "w", "month": "m"})

    async def bump() -> None:
        async with store.database.write() as connection:
            query = sa.select(columns.used).where(columns.workspace == "w").with_for_update()
            used = await connection.scalar(query)
            assert used is not None
            await asyncio.sleep(0.001)
            await connection.execute(sa.update(account_counters).values(used=used + 1))

    await asyncio.gather(*(bump() for _ in range(50)))
    assert await store.counters("w").account() == [("m", 50)]


async def test_readers_go_on_while_somebody_writes(store: Store) -> None:
    async with store.database.write() as connection:
        await connection.execute(sa.insert(account_counters), {"workspace": "w", "month": "m"})
        async with asyncio.timeout(5):
            assert await store.counters("w").account() == []
    assert await store.counters("w").account() == [("m", 0)]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("var/agent.db", "write it like"),
        ("mysql://root@localhost/agent", "mysql"),
        ("sqlite+nothing:///x.db", ""),
    ],
)
async def test_a_wrong_url_is_explained(url: str, told: str) -> None:
    if not told:
        await Database(url).close()  # The driver is ours to choose.
        return
    with pytest.raises(ConfigurationError, match=told) as caught:
        Database(url)
    assert "storage.url" in str(caught.value)


async def test_a_database_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    for url in (
        "postgresql://nobody:secret@127.0.0.1:1/none",
        f"postgresql://nobody:secret@/none?host={tmp_path}",
        f"sqlite:///{tmp_path}",
    ):
        database = Database(url)
        with pytest.raises(StorageUnavailable) as caught:
            await database.revision()
        assert "secret" not in str(caught.value)
        await database.close()
    # The driver's thread of a connection that failed still has a word for the event loop.
    for thread in threading.enumerate():
        if "connection_worker" in thread.name:
            await asyncio.to_thread(thread.join, 30)


async def test_a_database_that_comes_back_is_used_again(server: Postgres) -> None:
    async with server.database() as url, opened(url) as store:
        await server.allow(url, connections=False)
        with pytest.raises(StorageUnavailable):
            await store.counters().account()
        await server.allow(url, connections=True)
        assert await store.counters().account() == []
