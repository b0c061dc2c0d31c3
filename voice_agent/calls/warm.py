"""Keeps the providers' connections open while somebody talks, beside the calls."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from .session import Switchboard

_EVERY_S = 10.0
"""How often connections are tended during calls: a vendor's ping must be answered within 20 s."""

log = structlog.get_logger()


async def keep_warm(
    warm: Callable[[], Awaitable[None]], switchboard: Switchboard, every_s: float = _EVERY_S
) -> None:
    """`warm` now, whenever a call is about to begin, and from time to time while calls are live.

    No call waits for it, and none fails by it.
    """
    while True:
        try:
            await warm()
        except Exception:
            log.exception("warming_failed")
        if len(switchboard):
            with suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await switchboard.expecting.wait()
        else:
            await switchboard.expecting.wait()
        switchboard.expecting.clear()
