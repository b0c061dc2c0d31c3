"""The requests to the carrier's REST API: sent within a deadline, and again where that is harmless.

It takes the place of the HTTP client of the vendor's SDK: that one has no deadline, says nothing of
a `Retry-After`, cannot be pointed at another host and logs the numbers that are called. What is
sent twice is only what was certainly not accepted: a request that found no connection, one that was
answered 429, and any GET.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import structlog

from .errors import TwilioError, Unconfirmed, Unreachable, refusal

API_URL = "https://api.twilio.com"
REQUEST_S = 10.0
"""How long a request may take, with all that is tried again."""
_ATTEMPTS = 3
_PAUSE_S = 0.25
_MAX_ANSWER_BYTES = 1024 * 1024

log = structlog.get_logger()


class Http:
    """Sends the SDK's requests: the one method that it calls of its HTTP client."""

    is_async = True

    def __init__(self, authorization: str, session: aiohttp.ClientSession, api_url: str) -> None:
        self._authorization = authorization
        self._session = session
        self._api_url = api_url

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> Any:
        """A response as the SDK wants it. Raises TwilioError for all that is none.

        The credentials, time limit and redirects that the SDK suggests are those of this module.
        """
        from twilio.http.response import Response  # type: ignore[import-untyped]

        loop = asyncio.get_running_loop()
        due = loop.time() + REQUEST_S
        own = dict(headers or {}) | {"Authorization": self._authorization}
        where = url.replace(API_URL, self._api_url, 1)
        for attempt in range(1, _ATTEMPTS + 1):
            left = due - loop.time()
            try:
                status, text, wait = await self._send(method, where, params, data, own, left)
            except _Try as failed:
                error, wait = failed.error, _PAUSE_S * attempt
            else:
                if status < 400:
                    return Response(status, text)
                error = refusal(status, _code(text), wait)
                again = status == 429 or (method == "GET" and status >= 500)
                if not again:
                    raise error
                wait = wait or _PAUSE_S * attempt
            if attempt == _ATTEMPTS or wait >= due - loop.time():
                raise error
            log.info("twilio_request_again", code=error.code, status=error.status, wait_s=wait)
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    async def _send(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None,
        data: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        within_s: float,
    ) -> tuple[int, str, float]:
        """Status, body and `Retry-After` in seconds. Raises _Try, Unreachable or Unconfirmed."""
        unconfirmed = Unconfirmed("Twilio did not answer in time.")
        try:
            async with (
                asyncio.timeout(within_s),
                self._session.request(
                    method,
                    url,
                    params=_pairs(params),
                    data=_pairs(data) if method != "GET" else None,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                body = await response.content.read(_MAX_ANSWER_BYTES)
                while not response.content.at_eof() and len(body) < _MAX_ANSWER_BYTES:
                    body += await response.content.read(_MAX_ANSWER_BYTES - len(body))
                if 300 <= response.status < 400:
                    raise Unreachable("Twilio's API is somewhere else.", 0, response.status)
                text = body.decode("utf-8", "replace")
                return response.status, text, _seconds(response.headers.get("Retry-After", ""))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise _Try(Unreachable("Twilio's API cannot be reached.")) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            if method == "GET":
                raise _Try(Unreachable("Twilio did not answer in time.")) from error
            raise unconfirmed from error


class _Try(Exception):
    """It may be tried again; `error` is to be raised if that does not help."""

    def __init__(self, error: TwilioError) -> None:
        super().__init__(str(error))
        self.error = error


def _pairs(values: Mapping[str, Any] | None) -> list[tuple[str, str]] | None:
    """Parameters as they are sent: a list repeats its key."""
    if not values:
        return None
    pairs: list[tuple[str, str]] = []
    for key, value in values.items():
        for each in value if isinstance(value, list | tuple) else (value,):
            pairs.append((key, str(each).lower() if isinstance(each, bool) else str(each)))
    return pairs


def _code(text: str) -> int:
    """The carrier's code in the body of an error, 0 if there is none."""
    try:
        body = json.loads(text)
    except ValueError:
        return 0
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, int) else 0


def _seconds(retry_after: str) -> float:
    """A `Retry-After` in seconds. (Its other form, a date, is not used here.)"""
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
