"""The JavaScript SDK, as pages load it: ``/sdk/…``, and the address of an earlier product.

What is served lies beside this module, built from ``sdk/`` at the root of the repository.
"""

import gzip
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from aiohttp import web

from ..access.keys import KeyRefused, Keys
from ..errors import StorageUnavailable

FOLDER = Path(__file__).parent / "sdk"
LEGACY_PATHS = ("/PersonaClientPublic", "/PersonaClientPublicV2")

_TYPES = {".js": "text/javascript", ".ts": "text/plain"}
# Pages of every origin load it; `no-cache` asks each time whether it has changed, so that the
# script and its worklet are always of the same version.
_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}


@dataclass(frozen=True, slots=True)
class _Script:
    """A file as it is served."""

    body: bytes
    zipped: bytes
    etag: str
    content_type: str

    def response(self, request: web.Request) -> web.Response:
        if any(etag.value in (self.etag, "*") for etag in request.if_none_match or ()):
            response = web.Response(status=304, headers=_HEADERS)
        else:
            zips = "gzip" in request.headers.get("Accept-Encoding", "").lower()
            response = web.Response(
                body=self.zipped if zips else self.body,
                content_type=self.content_type,
                charset="utf-8",
                headers=_HEADERS,
            )
            if zips:
                response.headers["Content-Encoding"] = "gzip"
        response.etag = self.etag
        return response


@cache
def _script(path: Path) -> _Script:
    body = path.read_bytes()
    return _Script(
        body,
        gzip.compress(body, mtime=0),
        sha256(body).hexdigest()[:16],
        _TYPES[path.suffix],
    )


class ScriptRoutes:
    """The routes."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def routes(self) -> list[web.RouteDef]:
        return [
            *(web.get(f"/sdk/{path.name}", _serve(path)) for path in sorted(FOLDER.iterdir())),
            *(web.get(path, self._legacy) for path in LEGACY_PATHS),
        ]

    async def _legacy(self, request: web.Request) -> web.Response:
        """The classic script, for a publishable key: a key that cannot serve is told early."""
        key = request.query.get("apikey", "")
        if not key:
            return _refusal(401, "Give a client key: ?apikey=va_client_….")
        try:
            kind = (await self._keys.verify(key)).kind
        except KeyRefused as problem:
            return _refusal(401, str(problem))
        except StorageUnavailable:
            return _refusal(503, "The database does not answer.")
        if kind != "client":
            return _refusal(
                403,
                f"This is a key of kind {kind}, which everybody who opens the page can read: "
                "revoke it, and use a client key "
                "(`voice-agent keys create client --origin https://…`).",
            )
        response = _script(FOLDER / "persona.classic.js").response(request)
        response.headers["Cache-Control"] = "private, no-cache"
        return response


def _serve(path: Path) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(request: web.Request) -> web.Response:
        return _script(path).response(request)

    return serve


def _refusal(status: int, text: str) -> web.Response:
    headers = {**_HEADERS, "Cache-Control": "no-store"}
    return web.Response(status=status, text=f"{text}\n", headers=headers)
