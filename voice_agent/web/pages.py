"""``/console``: the console's files, as the build left them in the package.

The policy allows scripts, styles and connections of this server and nothing else. Editors that put
``<style>`` elements into the page may do so with the nonce of this one response, which stands in
``index.html`` where the build has written `NONCE`.
"""

import asyncio
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).with_name("console")
NONCE = "__NONCE__"
"""The place of the nonce in ``index.html``."""
_ASSETS = "assets/"
"""Below it names hold a hash of the content."""
_YEAR = "public, max-age=31536000, immutable"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
_NOT_BUILT = """<!doctype html><html lang=en><meta charset=utf-8><title>Voice agent</title>
<p>The console is not built: run <code>make console</code> (it needs Node.js 20 or newer), or
install a released package, which contains it.
"""


def policy(nonce: str, host: str) -> str:
    """The Content-Security-Policy of a page that is served at `host`."""
    # Not every browser takes 'self' for WebSockets, too.
    sockets = f" ws://{host} wss://{host}" if re.fullmatch(r"[\w.-]+(:\d+)?", host, re.A) else ""
    style = f" 'nonce-{nonce}'" if nonce else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self'{style}",
            f"connect-src 'self'{sockets}",
            "img-src 'self' data:",
            "media-src 'self' blob:",
            "font-src 'self'",
            "worker-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def is_built(folder: Path = FOLDER) -> bool:
    return (folder / "index.html").is_file()


def address(url: str) -> str:
    """The console's address on a server at `url`: at a name if it can be, for passkeys need one."""
    return f"{url.rstrip('/').replace('//127.0.0.1:', '//localhost:')}/console/"


def sign_in_link(url: str, token: str, folder: Path = FOLDER) -> str:
    """What a new administrator opens. The token stands where no server's log sees it."""
    if is_built(folder):
        return f"{address(url)}#link={token}"
    return f"{url.rstrip('/')}/api/login#{token}"


class ConsoleRoutes:
    """The routes."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._built_at = 0
        self._files: Mapping[str, Path] = {}
        self._index = ""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._to_console),
            web.get("/console", self._to_console),
            web.get("/console/{path:.*}", self._console),
        ]

    async def _to_console(self, _: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/console/", **_HEADERS})

    async def _console(self, request: web.Request) -> web.StreamResponse:
        await asyncio.to_thread(self._look)
        path = request.match_info["path"]
        if path in self._files:
            cache = _YEAR if path.startswith(_ASSETS) else "no-cache"
            headers = _headers(request, "") | {"Cache-Control": cache}
            # Sends FILE.br or FILE.gz where there is one and the client takes it.
            return web.FileResponse(self._files[path], headers=headers)
        if path.startswith(_ASSETS):
            # An old page wants what is no more; the new page would be taken for a broken script.
            return web.Response(status=404, text="There is no such file.\n", headers=_HEADERS)
        return self._page(request)

    def _page(self, request: web.Request) -> web.Response:
        nonce = secrets.token_urlsafe(16)
        # Without a validator: an answer of 304 would bring the policy of one nonce to the page of
        # another.
        headers = _headers(request, nonce) | {"Cache-Control": "no-cache"}
        return web.Response(
            text=self._index.replace(NONCE, nonce) or _NOT_BUILT,
            status=200 if self._index else 404,
            content_type="text/html",
            headers=headers,
        )

    def _look(self) -> None:
        """Read what there is, if it was built anew. Only what was found here is ever served."""
        index = self._folder / "index.html"
        try:
            built_at = index.stat().st_mtime_ns
        except OSError:
            self._built_at, self._files, self._index = 0, {}, ""
            return
        if built_at == self._built_at:
            return
        self._index = index.read_text("utf-8")
        self._files = {
            file.relative_to(self._folder).as_posix(): file
            for file in self._folder.rglob("*")
            if file.is_file() and not file.is_symlink() and file != index
        }
        self._built_at = built_at


def _headers(request: web.Request, nonce: str) -> dict[str, str]:
    return _HEADERS | {"Content-Security-Policy": policy(nonce, request.host)}
