"""Connections that are open before they are needed, and stay so.

A TLS handshake across an ocean takes longer than a model takes to its first word. HTTP clients keep
a connection for the next request, but 5 s only by default: less than one turn of a conversation.
"""

import asyncio
from collections.abc import Awaitable, Callable

KEEP_ALIVE_S = 120.0
"""How long an unused connection is kept. One that the server has closed meanwhile is noticed before
it is used, so this may be longer than the servers' own patience."""

MOST_CONNECTIONS = 1000
MOST_KEPT = 100

_AGAIN_S = 45.0
"""The usual load balancer closes what was idle for 60 s."""

_TIMEOUT_S = 5.0


class Knocker:
    """Makes a request that costs nothing, so that a connection is open and known to be used.

    What is answered does not matter, nor whether: the request that comes will tell. `failures` are
    what the HTTP library raises beyond OSError.
    """

    def __init__(
        self, request: Callable[[], Awaitable[object]], failures: tuple[type[Exception], ...]
    ) -> None:
        self._request = request
        self._failures: tuple[type[Exception], ...] = (TimeoutError, OSError, *failures)
        self._next = 0.0

    async def knock(self) -> None:
        """Open a connection or use an open one, unless that was done a moment ago."""
        now = asyncio.get_running_loop().time()
        if now < self._next:
            return
        self._next = now + _AGAIN_S
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                await self._request()
        except self._failures:
            self._next = 0.0  # The next call tries again.

    def lost(self) -> None:
        """A connection was given up: the next knock is not to be skipped."""
        self._next = 0.0
