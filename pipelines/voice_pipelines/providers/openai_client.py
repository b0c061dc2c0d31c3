"""The `openai` SDK as our adapters use it: one client per server, errors in our own terms.

The SDK's retries are off: when to try again, or to ask somebody else, is for whoever sees the
conversation's clock to say. It is imported when the first client is made, which takes about half a
second.
"""

import asyncio
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from voice_pipelines.errors import ProviderGarbled, ProviderTimeout, ProviderUnavailable

from .http_errors import code_error, http_error
from .warmth import KEEP_ALIVE_S, MOST_CONNECTIONS, MOST_KEPT, Knocker

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

_SPARE = 2
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Client:
    """A client of the server at `base_url`, to be closed.

    `silence_timeout_ms` bounds the wait for an answer's beginning and for each next part.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        connect_timeout_ms: int,
        silence_timeout_ms: int,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        import httpx2
        import openai

        self._http = _http(loopback=urlsplit(base_url).hostname in LOOPBACK)
        self.sdk: AsyncOpenAI = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key,
            max_retries=0,
            timeout=openai.Timeout(silence_timeout_ms / 1000, connect=connect_timeout_ms / 1000),
            default_headers=headers,
            http_client=self._http,
        )
        self._knocker = Knocker(self._ask_for_nothing, (httpx2.HTTPError,))

    async def warm(self) -> None:
        """See that two connections are open; never fails.

        Two, as an answer that nobody wants any more costs its connection: the one that is asked for
        instead of it finds another.
        """
        await self._knocker.knock()

    def lost(self) -> None:
        """An answer was given up before its end, and its connection with it."""
        self._knocker.lost()

    async def close(self) -> None:
        """Close the connections, those in use included."""
        await self.sdk.close()

    async def _ask_for_nothing(self) -> None:
        # Without a body: the list of some vendors' models is long.
        url = str(self.sdk.base_url).rstrip("/") + "/models"
        asked = (self._http.head(url, headers=self.sdk.auth_headers) for _ in range(_SPARE))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer


def _http(loopback: bool) -> "httpx2.AsyncClient":
    import httpx2
    import openai

    limits = httpx2.Limits(
        max_connections=MOST_CONNECTIONS,
        max_keepalive_connections=MOST_KEPT,
        keepalive_expiry=KEEP_ALIVE_S,
    )
    if not loopback:
        return openai.DefaultAsyncHttpxClient(limits=limits)
    # Our own machine: past any proxy, and without the 100 ms that loading the authorities for TLS
    # takes, as such a client is made anew whenever a local server has been restarted.
    return openai.DefaultAsyncHttpxClient(
        limits=limits, trust_env=False, verify=False, follow_redirects=False
    )


@contextmanager
def translated_errors(provider: str) -> Iterator[None]:
    """Raises the SDK's errors as ours. The server's prose stays out: it quotes keys and prompts."""
    import httpx2
    import openai as sdk

    try:
        yield
    except (sdk.APITimeoutError, httpx2.TimeoutException) as error:
        raise ProviderTimeout(provider, "no answer in time") from error
    except (sdk.APIConnectionError, httpx2.RequestError, ssl.SSLError) as error:
        reason = type(error.__cause__ or error).__name__
        raise ProviderUnavailable(provider, f"connection failed: {reason}") from error
    except sdk.APIStatusError as error:
        raise http_error(
            provider, error.status_code, error.response.headers, error.code or error.type
        ) from error
    except sdk.APIError as error:  # an error event in the midst of the stream
        raise code_error(provider, error.code or error.type) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ProviderGarbled(provider, "the answer is not JSON") from error
