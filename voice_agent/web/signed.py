"""The carrier's webhooks: their forms, and whether the carrier sent them."""

from urllib.parse import parse_qsl

import structlog
from aiohttp import web
from multidict import MultiDict

from ..telephony import signature

MAX_FORM_BYTES = 64 * 1024
_FORM = "application/x-www-form-urlencoded"

log = structlog.get_logger()


class Signed:
    """Reads webhooks and refuses those that the carrier has not signed."""

    def __init__(self, public_url: str, auth_token: str) -> None:
        """`auth_token` is empty where signatures are not checked."""
        self._public_url = public_url.rstrip("/")
        self._auth_token = auth_token

    async def form(self, request: web.Request) -> MultiDict[str]:
        """The form of a webhook. Raises web.HTTPException for what cannot be read or believed."""
        form = await _form(request)
        if self._auth_token:
            given = request.headers.get(signature.HEADER, "")
            settings = request.headers.get(signature.SETTINGS_HEADER, "")
            # As the carrier called it: from the configured origin, never from headers.
            url = f"{self._public_url}{request.raw_path}"
            if not signature.valid_form(url, form, given, self._auth_token, settings):
                log.warning("signature_invalid", path=_route(request))
                raise web.HTTPForbidden(
                    text=f"The request's signature does not fit {url} and the auth token. "
                    "Is `server.public_url` the address that the carrier calls?\n",
                )
        return form


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


async def _form(request: web.Request) -> MultiDict[str]:
    if not request.body_exists:
        return MultiDict()
    if request.content_type != _FORM:
        raise web.HTTPUnsupportedMediaType(text=f"A carrier posts {_FORM}.\n")
    try:
        text = (await request.read()).decode()
        return MultiDict(parse_qsl(text, keep_blank_values=True, errors="strict"))
    except ValueError as error:
        raise web.HTTPBadRequest(text="The form is not UTF-8.\n") from error
