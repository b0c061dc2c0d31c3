"""The cookie of a session.

Over https its name begins with ``__Host-``: browsers take such a cookie from this very host only,
so that no other host of the same domain can slip one in (RFC 6265bis, 4.1.3.2). Over http, which is
for this machine, a cookie cannot have that name.
"""

from datetime import datetime
from urllib.parse import urlsplit

from aiohttp import web

from ...access.keys import NewKey
from ...access.known_browsers import LIFE_S
from .visitor import KNOWN_BROWSER, page_origin

COOKIE = "voice_agent_session"
SECURE_COOKIE = f"__Host-{COOKIE}"


def session_in(request: web.Request, public_url: str) -> str:
    """The key that the cookie holds; empty for none."""
    if text := request.cookies.get(SECURE_COOKIE, ""):
        return text
    if public_url and request.host == urlsplit(public_url).netloc:
        return ""  # Reached over https: any other cookie is not ours.
    return request.cookies.get(COOKIE, "")


def give(
    response: web.Response, request: web.Request, public_url: str, made: NewKey, now: datetime
) -> None:
    """Have the browser keep a session's key, where scripts do not get it."""
    secure = page_origin(request, public_url).startswith("https://")
    assert made.key.expires_at is not None  # A session's.
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        made.text,
        max_age=int((made.key.expires_at - now).total_seconds()),
        path="/",
        httponly=True,
        secure=secure,
        samesite="Strict",
    )


def know(response: web.Response, request: web.Request, public_url: str, signed: str) -> None:
    """Have the browser keep that somebody has signed in with it, also when they have signed out.

    Whoever slips another one in gains nothing by it: it needs no name that browsers protect.
    """
    response.set_cookie(
        KNOWN_BROWSER,
        signed,
        max_age=LIFE_S,
        path="/",
        httponly=True,
        secure=page_origin(request, public_url).startswith("https://"),
        samesite="Strict",
    )


def take(response: web.Response, request: web.Request) -> None:
    """Have the browser forget it."""
    for name in (SECURE_COOKIE, COOKIE):
        if name in request.cookies:
            secure = name == SECURE_COOKIE
            response.del_cookie(name, path="/", httponly=True, secure=secure, samesite="Strict")
