"""The `openai` SDK as our adapters use it: one client per server, errors in our own terms.

The SDK's retries are off: when to try again, or to ask somebody else, is for whoever sees the
conversation's clock to say. It is imported when the first client is made, which takes about half a
second.
"""

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from voice_pipelines.errors import ProviderGarbled, ProviderTimeout, ProviderUnavailable

from .http_errors import code_error, http_error

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def open_client(
    base_url: str,
    api_key: str,
    connect_timeout_ms: int,
    silence_timeout_ms: int,
    headers: Mapping[str, str] | None = None,
) -> "AsyncOpenAI":
    """A client of the server at `base_url`, to be closed.

    `silence_timeout_ms` bounds the wait for an answer's beginning and for each next part.
    """
    import openai

    host = urlsplit(base_url).hostname
    return openai.AsyncOpenAI(
        base_url=base_url,
        api_key=api_key,
        max_retries=0,
        default_headers=headers,
        timeout=openai.Timeout(silence_timeout_ms / 1000, connect=connect_timeout_ms / 1000),
        http_client=_loopback_http() if host in LOOPBACK else None,
    )


def _loopback_http() -> "httpx2.AsyncClient":
    """For our own machine: past any proxy, and without the 100 ms that loading the authorities
    for TLS takes, as such a client is made anew whenever a local server has been restarted."""
    import openai

    return openai.DefaultAsyncHttpxClient(trust_env=False, verify=False, follow_redirects=False)


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
