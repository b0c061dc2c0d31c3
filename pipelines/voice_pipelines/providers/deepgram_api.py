"""Deepgram's address, and how a connection to its ears is made."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from voice_pipelines.errors import ProviderTimeout, ProviderUnavailable

from .http_errors import handshake_error

if TYPE_CHECKING:
    import aiohttp

URL = "https://api.deepgram.com"

CLOSE_MS = 250
"""How long a connection may take to close; a silent one must not hold up the end of a call."""


async def connect(
    session: "aiohttp.ClientSession",
    url: str,
    query: Sequence[tuple[str, str]],
    api_key: str,
    *,
    provider: str,
    timeout_ms: int,
) -> "aiohttp.ClientWebSocketResponse":
    """A new connection. Raises ProviderError."""
    import aiohttp

    try:
        async with asyncio.timeout(timeout_ms / 1000):
            return await session.ws_connect(
                url,
                params=query,
                headers={"Authorization": f"Token {api_key}"},
                heartbeat=10,  # An end that has vanished without a word is noticed by this.
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_MS / 1000),
            )
    except aiohttp.WSServerHandshakeError as error:
        raise handshake_error(provider, error.status, error.headers or {}) from error
    except TimeoutError as error:
        raise ProviderTimeout(provider, "no connection in time") from error
    except (aiohttp.ClientError, OSError) as error:
        reason = type(error).__name__
        raise ProviderUnavailable(provider, f"connection failed: {reason}") from error
