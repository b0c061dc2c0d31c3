"""Servers in processes of their own, for those who start them."""

import asyncio
import json
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def ending(process: Process, within_s: float) -> AsyncIterator[None]:
    """On leaving, `process` is told to end; if it does not in time, it is killed."""
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), within_s)
            except TimeoutError:
                process.kill()
                await process.wait()


async def told_when_ready(process: Process, within_s: float) -> dict[str, Any]:
    """What ``voice-agent serve --json`` tells of itself on its standard output, a pipe.

    Raises TimeoutError, and ChildProcessError if it ended before it was ready.
    """
    assert process.stdout is not None  # It was asked for.
    document = b""
    async with asyncio.timeout(within_s):
        while line := await process.stdout.readline():
            document += line
            if line.rstrip() == b"}":
                told: dict[str, Any] = json.loads(document)
                return told
    raise ChildProcessError("the server ended before it was ready")
