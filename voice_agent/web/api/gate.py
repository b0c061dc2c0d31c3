"""Who may pass: the key of a request, and how many requests it may make."""

from collections import defaultdict
from datetime import UTC, datetime

import structlog
from aiohttp import web

from ...access.attempts import network_of
from ...access.keys import ApiKey, KeyRefused, Keys
from ...access.sessions import Sessions
from ...errors import StorageUnavailable
from .call import Call
from .cookie import session_in
from .problem import ApiProblem
from .table import Access
from .visitor import Networks, address_of, from_own_page

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="voice-agent"'}
_SAFE = ("GET", "HEAD")
_PUBLIC = 0.1
"""Of a key's requests: what an address may ask without one."""

log = structlog.get_logger()


class Gate:
    """Finds and checks keys."""

    def __init__(
        self,
        keys: Keys,
        sessions: Sessions,
        requests_per_minute: int,
        public_url: str = "",
        proxies: Networks = (),
    ) -> None:
        self._keys = keys
        self._sessions = sessions
        self._public_url = public_url
        self._proxies = proxies
        self._limit = requests_per_minute
        self._minute = 0
        self._counts: dict[str, int] = defaultdict(int)
        """Requests of this minute by key; and by address of those that bring none."""
        self._seen: set[str] = set()
        """Sessions that were noted as used in this minute."""
        self._told = False

    async def admit(self, request: web.Request, access: Access) -> Call:
        """Raises ApiProblem."""
        if access == "public":
            self._check_rate(f"address {network_of(self._address(request))}", _PUBLIC)
            return Call(request, None)
        text, legacy = self._given(request)
        if not text:
            raise ApiProblem(401, "Give a key as `Authorization: Bearer va_…`.", headers=_CHALLENGE)
        try:
            key = await self._keys.verify(text)
        except KeyRefused as error:
            raise ApiProblem(401, str(error), headers=_CHALLENGE) from error
        self._check_kind(key, access)
        self._check_rate(key.id)
        if key.kind == "session":
            await self._note_use(key)
        return Call(request, key, legacy)

    def _address(self, request: web.Request) -> str:
        address = address_of(request, self._proxies)
        if not self._told and address == request.remote and "X-Forwarded-For" in request.headers:
            # All visitors seem to have this address, and one who guesses delays the others.
            log.warning("proxy_not_trusted", address=address, setting="server.trusted_proxies")
            self._told = True
        return address

    def _given(self, request: web.Request) -> tuple[str, bool]:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if text and scheme.lower() == "bearer":
            return text.strip(), False
        if text := request.query.get("apikey", ""):
            return text, True
        if (text := session_in(request, self._public_url)) and (
            # A cookie comes along with requests of any page.
            request.method in _SAFE or from_own_page(request, self._public_url)
        ):
            return text, False
        return "", False

    def _check_kind(self, key: ApiKey, access: Access) -> None:
        if access == "session" and key.kind != "session":
            raise ApiProblem(403, "This takes somebody who is signed in; a key does not do.")
        allowed = {
            "session": True,
            "client": key.kind in ("admin", "session", "secret", "client"),
            "workspace": key.kind in ("admin", "session", "secret"),
            "admin": key.is_admin,
        }
        if not allowed.get(access, False):
            raise ApiProblem(403, f"A {key.kind} key does not allow this.")

    def _check_rate(self, id: str, share: float = 1) -> None:
        now = datetime.now(UTC)
        minute = int(now.timestamp()) // 60
        if minute != self._minute:
            self._minute = minute
            self._counts.clear()
            self._seen.clear()
        self._counts[id] += 1
        limit = max(1, int(self._limit * share))
        if self._counts[id] > limit:
            raise ApiProblem(
                429,
                f"At most {limit} requests a minute are taken (`access.requests_per_minute`).",
                headers={"Retry-After": str(60 - now.second)},
            )

    async def _note_use(self, key: ApiKey) -> None:
        """At most once a minute."""
        if key.id in self._seen:
            return
        self._seen.add(key.id)
        try:
            await self._sessions.used(key.id, datetime.now(UTC))
        except StorageUnavailable:
            log.warning("session_use_not_noted")  # It could be read, which is what matters.
