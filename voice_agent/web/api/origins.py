"""What pages of other origins may ask of the API: session tokens, and nothing else.

They ask with a publishable key that names their origin; no cookie comes along. Whatever is answered
they may read, refusals too: it is the sentence in it that helps whoever made the page. A page
whose origin the key does not name gets a refusal and no token.
"""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from ...access.keys import ApiKey
from .problem import ApiProblem

_PATH = "/api/sessions"
_PREFLIGHT = {
    hdrs.ACCESS_CONTROL_ALLOW_METHODS: "POST",
    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "authorization, content-type",
    hdrs.ACCESS_CONTROL_MAX_AGE: "600",
}

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def other_origins(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Answers preflights, and lets pages read the answers."""
    origin = request.headers.get(hdrs.ORIGIN, "")
    if request.path != _PATH or not origin:
        return await handler(request)
    if request.method == hdrs.METH_OPTIONS:
        response: web.StreamResponse = web.Response(status=204, headers=_PREFLIGHT)
    else:
        response = await handler(request)
    response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
    response.headers.add(hdrs.VARY, hdrs.ORIGIN)
    return response


def check_origin(key: ApiKey, origin: str) -> None:
    """A key in a page must be a publishable one, and for its origin. Raises ApiProblem."""
    if origin and key.kind in ("admin", "secret"):
        raise ApiProblem(
            403,
            f"This is a key of kind {key.kind}, which everybody who opens the page can read: "
            "revoke it, and use a client key.",
        )
    if not key.allows_origin(origin):
        raise ApiProblem(
            403,
            f"The key is not for pages of {origin or 'no origin'}: it names {_listed(key)}.",
        )


def _listed(key: ApiKey) -> str:
    return ", ".join(key.origins) or "none"
