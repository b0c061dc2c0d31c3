"""The carrier's REST API: calls, text messages and numbers, with deadlines and typed errors.

The vendor's SDK knows the operations and their parameters; the requests go out through `http`. The
SDK takes a second to import, so that is done on first use, in a thread.
"""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import aiohttp

from ..errors import ConfigurationError
from .http import API_URL, REQUEST_S, Http

CallStatus = Literal[
    "queued", "initiated", "ringing", "in-progress", "completed", "busy", "failed", "no-answer",
    "canceled",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Account:
    """Whose API it is."""

    sid: str
    auth_token: str

    def __repr__(self) -> str:
        return f"Account({self.sid})"

    @property
    def authorization(self) -> str:
        """The header that proves who asks."""
        secret = base64.b64encode(f"{self.sid}:{self.auth_token}".encode()).decode()
        return f"Basic {secret}"


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
                authorization = self._account.authorization
                self._sdk.http_client = Http(authorization, self._session, self._api_url)
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

    # The place of `Http` is held by one that does nothing: this runs in a thread without a loop.
    nothing = AsyncHttpClient.__new__(AsyncHttpClient)
    nothing.is_async = True
    # The environment is not read, so that no region, edge or other account slips in.
    client = Client(account.sid, account.auth_token, http_client=nothing, environment={"": ""})
    _ = client.calls, client.messages, client.incoming_phone_numbers, client.api.v2010.accounts
    return client


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
