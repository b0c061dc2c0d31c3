"""Servers on loopback, for as long as a test needs them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def loopback(application: web.Application, shutdown_s: float = 1) -> AsyncIterator[str]:
    """Serve `application` on a port of its own; its URL. Who hangs up ends what it asked for."""
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=shutdown_s)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
