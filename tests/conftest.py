"""What holds for every test."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command that configures the logs in this process writes to a stream that pytest closes."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
