"""Each repository test runs on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.voice_agent.databases import Postgres, postgres
from voice_agent.storage.store import Store, opened


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A database that is empty, up to date where that is quicker."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/var/test.db"
    else:
        running: Postgres = request.getfixturevalue("server")
        async with running.database() as made:
            yield made


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with opened(url) as store:
        yield store
