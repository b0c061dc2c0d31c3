"""What is logged, whatever other tests have configured."""

from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import capture_logs


@pytest.fixture
def logged() -> Iterator[list[structlog.typing.EventDict]]:
    """The log lines so far, as dictionaries."""
    before = structlog.get_config()
    structlog.reset_defaults()
    try:
        with capture_logs() as lines:
            yield lines
    finally:
        structlog.configure(**before)
