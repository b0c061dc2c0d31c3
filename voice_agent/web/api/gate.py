"""Who may pass: the key of a request, and how many requests it may make."""

from collections import defaultdict
from datetime import UTC, datetime
from urllib.parse import urlsplit

from aiohttp import web

from ...access.keys import ApiKey, KeyRefused, Keys
from .call import Call
from .problem import ApiProblem
from .table import Access

COOKIE = "voice_agent_session"
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="voice-agent"'}
_SAFE = ("GET", "HEAD")


class Gate:
    """Finds and checks keys."""

    def __init__(self, keys: Keys, requests_per_minute: int) -> None:
        self._keys = keys
        self._limit = requests_per_minute
        self._minute = 0
        self._counts: dict[str, int] = defaultdict(int)

    async def admit(self, request: web.Request, access: Access) -> Call:
        """Raises ApiProblem."""
        if access == "public":
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
        return Call(request, key, legacy)

    def _given(self, request: web.Request) -> tuple[str, bool]:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if text and scheme.lower() == "bearer":
            return text.strip(), False
        if text := request.query.get("apikey", ""):
            return text, True
        if (text := request.cookies.get(COOKIE, "")) and _same_origin(request):
            return text, False
        return "", False

    def _check_kind(self, key: ApiKey, access: Access) -> None:
        allowed = {
            "client": key.kind in ("admin", "session", "secret", "client"),
            "workspace": key.kind in ("admin", "session", "secret"),
            "admin": key.is_admin,
        }
        if not allowed.get(access, False):
            raise ApiProblem(403, f"A {key.kind} key does not allow this.")

    def _check_rate(self, id: str) -> None:
        now = datetime.now(UTC)
        minute = int(now.timestamp()) // 60
        if minute != self._minute:
            self._minute = minute
            self._counts.clear()
        self._counts[id] += 1
        if self._counts[id] > self._limit:
            raise ApiProblem(
                429,
                f"A key may make {self._limit} requests a minute (`access.requests_per_minute`).",
                headers={"Retry-After": str(60 - now.second)},
            )


def _same_origin(request: web.Request) -> bool:
    """Whether a page of ours sent it: a cookie comes along with requests of any page."""
    if request.method in _SAFE:
        return True
    if site := request.headers.get("Sec-Fetch-Site"):
        return site == "same-origin"
    origin = request.headers.get("Origin", "")
    return bool(origin) and urlsplit(origin).netloc == request.host
