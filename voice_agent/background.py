"""Work beside the calls, for as long as the server runs."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` for as long as the context lasts."""
    failed: Exception | None = None
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        try:
            yield
        except Exception as error:
            failed = error  # The caller's own; it is not to come out wrapped in a group.
        finally:
            task.cancel()
    if failed is not None:
        raise failed
