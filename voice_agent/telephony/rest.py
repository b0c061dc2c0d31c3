"""The carrier's REST API: calls, text messages and numbers, with deadlines and typed errors.

The vendor's SDK knows the operations and their parameters; the requests go out through `_Http`,
which takes the place of the SDK's own client: that one has no deadline, says nothing of a
`Retry-After`, cannot be pointed at another host and logs the numbers that are called. What is sent
twice is only what was certainly not accepted: a request that found no connection, one that was
answered 429, and any GET. The SDK takes a second to import, so that is done on first use, in a
thread.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import aiohttp
import structlog

from ..errors import ConfigurationError
from .errors import TwilioError, Unconfirmed, Unreachable, refusal

API_URL = "https://api.twilio.com"
REQUEST_S = 10.0
"""How long a request may take, with all that is tried again."""
_ATTEMPTS = 3
_PAUSE_S = 0.25
_MAX_ANSWER_BYTES = 1024 * 1024

CallStatus = Literal[
    "queued", "initiated", "ringing", "in-progress", "completed", "busy", "failed", "no-answer",
    "canceled",
]  # fmt: skip

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Account:
    """Whose API it is."""

    sid: str
    auth_token: str

    def __repr__(self) -> str:
        return f"Account({self.sid})"


@dataclass(frozen=True, slots=True)
class CallRequest:
    """An outgoing call. The numbers are E.164; all URLs are ours."""

    to: str
    from_: str
    twiml: str
    status_callback: str
    timeout_s: int
    """How long it rings."""
    time_limit_s: int
    """How long the call may last."""
    machine_callback: str = ""
    """Told who answered; empty to not find out."""
    wait_for_beep: bool = True
    """Tell of a machine when its greeting has ended, not as soon as it is known to be one."""
    machine_timeout_s: int = 30


@dataclass(frozen=True, slots=True)
class CallState:
    """A call as the carrier sees it."""

    sid: str
    status: str
    """One of `CallStatus`, or what the carrier has added since."""
    duration_s: int
    """0 as long as it is not known."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the account."""

    sid: str
    number: str
    voice: bool
    sms: bool
    voice_url: str
    voice_method: str
    application_sid: str
    """If it is set, the carrier asks that application and never `voice_url`."""
    status_callback: str


class Rest:
    """The operations that an agent needs. All of them raise TwilioError."""

    def __init__(self, account: Account, http: aiohttp.ClientSession, api_url: str) -> None:
        self._account = account
        self._session = http
        self._api_url = api_url
        self._importing = asyncio.Lock()
        self._sdk: Any = None

    @property
    def account_sid(self) -> str:
        return self._account.sid

    async def warm(self) -> None:
        """Import the SDK, so that the first request does not wait for it."""
        await self._client()

    # Calls ---------------------------------------------------------------------------------------

    async def call(self, request: CallRequest) -> CallState:
        """Place a call. It is never recorded by the carrier."""
        options: dict[str, Any] = {}
        if request.machine_callback:
            options = {
                "machine_detection": "DetectMessageEnd" if request.wait_for_beep else "Enable",
                "machine_detection_timeout": request.machine_timeout_s,
                "async_amd": "true",
                "async_amd_status_callback": request.machine_callback,
                "async_amd_status_callback_method": "POST",
            }
        client = await self._client()
        return _call_state(
            await client.calls.create_async(
                to=request.to,
                from_=request.from_,
                twiml=request.twiml,
                status_callback=request.status_callback,
                status_callback_event=["initiated", "ringing", "answered", "completed"],
                status_callback_method="POST",
                timeout=request.timeout_s,
                time_limit=request.time_limit_s,
                record=False,
                **options,
            )
        )

    async def call_state(self, sid: str) -> CallState:
        client = await self._client()
        return _call_state(await client.calls(sid).fetch_async())

    async def redirect(self, sid: str, twiml: str) -> None:
        """Have a live call do something else. Raises CallNotInProgress if it has ended."""
        client = await self._client()
        await client.calls(sid).update_async(twiml=twiml)

    async def hang_up(self, sid: str) -> None:
        """End a call, or one that still rings."""
        client = await self._client()
        await client.calls(sid).update_async(status="completed")

    # Text messages -------------------------------------------------------------------------------

    async def send_sms(self, to: str, from_: str, body: str) -> str:
        """Send a text message; returns its SID."""
        client = await self._client()
        message = await client.messages.create_async(to=to, from_=from_, body=body)
        return str(message.sid)

    # Set-up --------------------------------------------------------------------------------------

    async def account_status(self) -> str:
        """``active``, ``suspended`` or ``closed``."""
        client = await self._client()
        account = await client.api.v2010.accounts(self._account.sid).fetch_async()
        return str(account.status)

    async def numbers(self) -> list[Number]:
        """The account's numbers, at most a hundred."""
        client = await self._client()
        return [
            _number(entry) for entry in await client.incoming_phone_numbers.list_async(limit=100)
        ]

    async def number(self, number: str) -> Number | None:
        """The account's number, None if it has no such number."""
        client = await self._client()
        found = await client.incoming_phone_numbers.list_async(phone_number=number, limit=2)
        exact = [entry for entry in found if entry.phone_number == number]
        return _number(exact[0]) if exact else None

    async def set_voice_webhook(self, number_sid: str, url: str) -> Number:
        """Have the carrier ask `url`, by POST, what to do with calls to a number."""
        client = await self._client()
        # An application set on the number would win over its URL.
        changed = await client.incoming_phone_numbers(number_sid).update_async(
            voice_url=url, voice_method="POST", voice_application_sid=""
        )
        return _number(changed)

    async def _client(self) -> Any:
        # Untyped: the SDK ships no annotations.
        async with self._importing:
            if self._sdk is None:
                self._sdk = await asyncio.to_thread(_sdk, self._account)
                self._sdk.http_client = _Http(self._account, self._session, self._api_url)
        return self._sdk


@asynccontextmanager
async def connected(account: Account, api_url: str = "") -> AsyncIterator[Rest]:
    """The API for as long as the context lasts. Raises ConfigurationError.

    `api_url` is another origin: a compatible carrier's, or a simulator on this machine.
    """
    api_url = (api_url or API_URL).rstrip("/")
    parts = urlsplit(api_url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise ConfigurationError(f"`twilio.api_url` is {api_url}: it must begin with https://.")
    if not account.sid or not account.auth_token:
        raise ConfigurationError(
            "The carrier's API needs the account's SID and its auth token: put them into the "
            "environment variables that `twilio.account_sid_env` and `twilio.auth_token_env` name."
        )
    timeout = aiohttp.ClientTimeout(total=REQUEST_S, connect=5.0)
    async with aiohttp.ClientSession(
        timeout=timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
    ) as http:
        yield Rest(account, http, api_url)


def _sdk(account: Account) -> Any:
    from twilio.http import AsyncHttpClient  # type: ignore[import-untyped]
    from twilio.rest import Client  # type: ignore[import-untyped]

    # The place of `_Http` is held by one that does nothing: this runs in a thread without a loop.
    nothing = AsyncHttpClient.__new__(AsyncHttpClient)
    nothing.is_async = True
    # The environment is not read, so that no region, edge or other account slips in.
    client = Client(account.sid, account.auth_token, http_client=nothing, environment={"": ""})
    _ = client.calls, client.messages, client.incoming_phone_numbers, client.api.v2010.accounts
    return client


class _Http:
    """Sends the SDK's requests: the one method that it calls of its HTTP client."""

    is_async = True

    def __init__(self, account: Account, session: aiohttp.ClientSession, api_url: str) -> None:
        secret = base64.b64encode(f"{account.sid}:{account.auth_token}".encode()).decode()
        self._authorization = f"Basic {secret}"
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


def _call_state(call: Any) -> CallState:
    duration = str(call.duration or "")
    return CallState(str(call.sid), str(call.status), int(duration) if duration.isdigit() else 0)


def _number(entry: Any) -> Number:
    able = entry.capabilities or {}
    return Number(
        sid=str(entry.sid),
        number=str(entry.phone_number),
        voice=bool(able.get("voice")),
        sms=bool(able.get("sms")),
        voice_url=str(entry.voice_url or ""),
        voice_method=str(entry.voice_method or ""),
        application_sid=str(entry.voice_application_sid or ""),
        status_callback=str(entry.status_callback or ""),
    )
