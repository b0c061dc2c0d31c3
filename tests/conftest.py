"""What holds for every test."""

import gzip
import json
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

# How long an example takes says something of the machine, and nothing of the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_collection() -> None:
    """Tell Hypothesis which characters UTF-8 has: it would try a million, for nine seconds.

    It keeps what it finds in a file; where that is another one some day, it tries them again.
    """
    try:
        from hypothesis.internal.charmap import charmap_file
    except ImportError:
        return
    file = charmap_file("codec-v2-utf-8")
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        known = [[[0, 0xD7FF], [0xE000, 0x10FFFF]], []]  # All but surrogates, and back again.
        part = file.with_suffix(f".{os.getpid()}")
        part.write_bytes(gzip.compress(json.dumps(known).encode()))
        part.replace(file)


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command that configures the logs in this process writes to a stream that pytest closes."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
