"""The client for addresses that customers choose: nothing inside the house, nothing without bounds.

The address is checked when it is dialed, on what the name has been resolved to for this very
connection, so that a name which resolves differently a moment later gains nothing, and numeric
forms of any kind (``127.1``, ``0x7f.1``) are what they resolve to. Redirects are not followed, no
proxy and no cookie is used, answers are cut at a size and the whole takes a bounded time.
"""

import asyncio
import base64
import hashlib
import hmac
import socket
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

import structlog

from ..errors import VoiceAgentError
from .addresses import AllowList, is_public

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver

CONNECT_ATTEMPTS = 2
_RETRY_WAIT_S = 0.2
_log = structlog.get_logger()


class RequestRefused(VoiceAgentError):
    """The request was not made: its address is not allowed. The text is for the operator."""


class RequestFailed(VoiceAgentError):
    """There was no answer; `sent` tells whether the other side may have seen the request."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Rules:
    """What outgoing requests may do."""

    allow: AllowList = field(default_factory=AllowList)
    public: bool = True
    """Whether hosts of the public internet may be called at all, or listed ones only."""
    allow_http: bool = False
    """Plain http to public hosts; listed ones may always be called so."""
    ports: frozenset[int] = frozenset({80, 443, 8080, 8443})
    """Of public hosts."""
    connect_ms: int = 3_000
    timeout_ms: int = 10_000
    """From the beginning to the last byte of the answer, repeated connection attempts included."""
    longest_answer: int = 65_536
    """Bytes; what is longer is cut."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    content_type: str
    body: bytes
    cut: bool
    """The body was longer than what is kept."""


@dataclass(slots=True)
class _Dialing:
    """One request, as the socket factory below it sees it."""

    host: str
    port: int
    refused: str = ""
    """An address that was not dialed."""


_dialing: ContextVar[_Dialing] = ContextVar("dialing")


class GuardedClient:
    """Sends requests within `Rules`. Enter it to open it."""

    def __init__(self, rules: Rules, resolver: "AbstractResolver | None" = None) -> None:
        self.rules = rules
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        import aiohttp

        connector = aiohttp.TCPConnector(
            socket_factory=self._socket,
            resolver=self._resolver,
            ttl_dns_cache=10,
            limit=200,
            limit_per_host=20,
            # A kept connection may be closed by the other side just as the next request goes out,
            # which could then neither be repeated nor be told from one that was carried out.
            force_close=True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            trust_env=False,  # A proxy would resolve the names, beyond our checks.
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # A few kilobytes could become gigabytes.
            timeout=aiohttp.ClientTimeout(sock_connect=self.rules.connect_ms / 1000),
            skip_auto_headers=("User-Agent",),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def request(
        self,
        method: Literal["GET", "POST"],
        url: str,
        headers: Mapping[str, str],
        body: bytes = b"",
    ) -> Answer:
        """The answer, whatever its status. Raises RequestRefused or RequestFailed.

        `url` must be encoded already. A connection that could not be made is tried once more, as
        nothing has been sent then; nothing else is.
        """
        import stamina
        import yarl

        try:
            target = yarl.URL(url, encoded=True)
            dialing = self._checked(target)
        except ValueError as error:
            raise RequestRefused("The address cannot be understood.") from error
        token = _dialing.set(dialing)
        try:
            async with asyncio.timeout(self.rules.timeout_ms / 1000):
                async for attempt in stamina.retry_context(
                    on=_may_be_repeated,
                    attempts=CONNECT_ATTEMPTS,
                    timeout=None,
                    wait_initial=_RETRY_WAIT_S,
                    wait_jitter=_RETRY_WAIT_S,
                ):
                    with attempt:
                        return await self._once(method, target, headers, body, dialing)
            raise AssertionError("an attempt returns or raises")
        except TimeoutError as error:
            raise RequestFailed("It did not answer in time.", sent=True) from error
        finally:
            _dialing.reset(token)

    def _checked(self, url: Any) -> _Dialing:
        """Refuse by what the address says of itself. Raises RequestRefused, ValueError."""
        host, port = url.host or "", url.port
        if url.scheme not in ("http", "https") or not host or not port:
            raise RequestRefused("The address must begin with https:// and a host.")
        if url.user is not None or url.password is not None:
            raise RequestRefused("The address must not contain a user or a password.")
        if self.rules.allow.names(host, port):
            return _Dialing(host, port)
        if not self.rules.public:
            raise RequestRefused(f"The host {host} is not listed in `actions.allow`.")
        if url.scheme == "http" and not self.rules.allow_http:
            raise RequestRefused("Plain http is not allowed: use https, or `actions.allow_http`.")
        if port not in self.rules.ports:
            raise RequestRefused(f"Port {port} is not allowed: add it to `actions.ports`.")
        return _Dialing(host, port)

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        """The socket for one resolved address, if it may be dialed."""
        family, kind, protocol, _, address = info
        dialing = _dialing.get()
        if not (
            self.rules.allow.opens(dialing.host, address[0], dialing.port)
            or (self.rules.public and is_public(address[0]))
        ):
            dialing.refused = str(address[0])
            raise OSError("the address is not public")
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made

    async def _once(
        self,
        method: str,
        url: Any,
        headers: Mapping[str, str],
        body: bytes,
        dialing: _Dialing,
    ) -> Answer:
        import aiohttp

        if self._session is None:
            raise RequestFailed("The client is closed.", sent=False)
        try:
            async with self._session.request(
                method,
                url,
                headers={"Accept-Encoding": "identity", "User-Agent": "voice-agent", **headers},
                data=body or None,
                allow_redirects=False,
            ) as answer:
                read, cut = await self._read(answer)
                return Answer(answer.status, answer.content_type, read, cut)
        except aiohttp.ClientConnectorError as error:
            if dialing.refused:
                # The operator should know which; who configured the address need not.
                _log.warning("webhook_address_refused", host=dialing.host)
                raise RequestRefused(f"The host {dialing.host} is not public.") from error
            raise RequestFailed("It cannot be reached.", sent=False) from error
        except aiohttp.ConnectionTimeoutError as error:
            raise RequestFailed("It cannot be reached.", sent=False) from error
        except (aiohttp.ClientError, OSError) as error:
            raise RequestFailed("The connection broke.", sent=True) from error

    async def _read(self, answer: "aiohttp.ClientResponse") -> tuple[bytes, bool]:
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            return b"", True  # It was asked not to compress.
        read = bytearray()
        async for chunk in answer.content.iter_chunked(8192):
            read += chunk
            if len(read) > self.rules.longest_answer:
                answer.close()
                return bytes(read[: self.rules.longest_answer]), True
        return bytes(read), False


def _may_be_repeated(error: Exception) -> bool:
    return isinstance(error, RequestFailed) and not error.sent


# Signing -----------------------------------------------------------------------------------------


class Signer:
    """Signs requests as https://www.standardwebhooks.com has it, so that receivers have libraries.

    ``webhook-signature`` is ``v1,`` and the base64 HMAC-SHA256 of ``id.timestamp.payload``. The
    payload is the body, or for a GET, which has none, the path with the query.
    """

    def __init__(self, secrets: Iterable[bytes], now: Callable[[], int]) -> None:
        """`secrets`: the current one first; all sign, so that they can be changed. `now`: Unix
        seconds."""
        self._secrets = tuple(secrets)
        self._now = now

    def headers(self, identity: str, payload: bytes) -> dict[str, str]:
        """The three headers; none if there is no secret."""
        if not self._secrets:
            return {}
        timestamp = str(self._now())
        signed = f"{identity}.{timestamp}.".encode() + payload
        signatures = [
            "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
            for secret in self._secrets
        ]
        return {
            "webhook-id": identity,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(signatures),
        }


def signing_key(secret: str) -> bytes:
    """The key in a secret: base64 after ``whsec_``, else the text itself. Raises ValueError."""
    if secret.startswith("whsec_"):
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    return secret.encode()
