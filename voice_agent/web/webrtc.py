"""``/webrtc``: conversations over WebRTC are offered, moved to another network, and ended here.

See docs/browser.md; plain WHIP (RFC 9725) is understood too.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import wraps
from importlib import import_module
from importlib.util import find_spec
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import web

from voice_codecs.browser import Init, MalformedMessage, parse_offer, parse_reoffer
from voice_pipelines.engine.clock import Metronome

from ..sections import ServerSettings, WebRtcSettings
from ..settings import is_loopback
from ..transports.session import Refused
from ..transports.webrtc.bindings import Bindings, bindings
from ..transports.webrtc.ice import ice_servers
from ..transports.webrtc.offer import OfferRefused
from .entrance import Entrance, Invited

if TYPE_CHECKING:
    from ..transports.webrtc.call import WebRtcCall

OFFER_PATH = "/webrtc/offer"
ICE_PATH = "/webrtc/ice"
CALLS_PATH = "/webrtc/calls"
_MODULES = ("aiortc", "opuslib_next")
_CALL = "voice_agent.transports.webrtc.call"
_MOST_WAITING = 50
"""Calls that were answered and are not connected yet; a page takes half a second for it."""
_END_S = 5.0
_SDP = "application/sdp"
_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location",
    "Cache-Control": "no-store",
}
_PREFLIGHT = {
    **_HEADERS,
    "Access-Control-Allow-Methods": "GET, POST, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "86400",
}
_HERE_ONLY = (
    "WebRTC stays on the server's own machine, and Firefox does not come there, unless "
    "`webrtc.addresses` is set; use the WebSocket."
)
_STATUS = {
    "malformed": 400,
    "format": 400,
    "persona_missing": 400,
    "token_refused": 401,
    "origin_refused": 403,
    "persona_not_allowed": 403,
    "draft_refused": 403,
    "unsaved_refused": 403,
    "persona_unknown": 404,
    "conversation_unknown": 404,
    "not_saved": 404,
    "call_unknown": 404,
    "not_trickled": 405,
    "lost": 409,
    "webrtc_unavailable": 501,
    "busy": 503,
    "unavailable": 503,
}
_TITLES = {
    400: "The request is not valid",
    401: "A session token is needed",
    403: "The token does not allow this",
    404: "There is no such thing",
    405: "This cannot be done here",
    409: "It conflicts with what is there",
    501: "There is no WebRTC here",
    503: "Not available now",
}

_Handler = Callable[[web.Request], Awaitable[web.Response]]

log = structlog.get_logger()


class _Problem(Exception):
    """Ends a request with a problem."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class WebRtcRoutes:
    """The routes, and the calls behind them."""

    def __init__(
        self,
        settings: WebRtcSettings,
        server: ServerSettings,
        most_malformed: int,
        turn_secret: str,
        entrance: Entrance,
        count: Callable[[str], None],
        metronome: Metronome,
    ) -> None:
        """`count` is told what is ignored, by kind."""
        self._settings = settings
        self._server = server
        self._bindings = Bindings()
        self._most_malformed = most_malformed
        self._turn_secret = turn_secret
        self._entrance = entrance
        self._count = count
        self._metronome = metronome
        self._calls: dict[str, WebRtcCall] = {}
        self._waiting = 0
        self._group: asyncio.TaskGroup | None = None
        self._make: Callable[..., WebRtcCall] | None = None
        self._missing = ""
        """Why there is no WebRTC here."""

    def routes(self) -> list[web.RouteDef]:
        place = f"{CALLS_PATH}/{{id}}"
        return [
            web.post(OFFER_PATH, _told(self._offer)),
            web.get(ICE_PATH, _told(self._ice)),
            web.post(place, _told(self._move)),
            web.patch(place, _told(_no_patch)),
            web.delete(place, _told(self._leave)),
            *(web.options(path, _preflight) for path in (OFFER_PATH, ICE_PATH, place)),
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Own the calls. Leaving ends them. Raises ConfigurationError."""
        if not self._settings.enabled:
            self._missing = "WebRTC is off (`webrtc.enabled`); use the WebSocket."
        elif not all(find_spec(name) for name in _MODULES):
            self._missing = (
                "WebRTC is not installed (pip install 'voice-agent[webrtc]'); use the WebSocket."
            )
        else:
            self._bindings = await bindings(self._settings, self._server.host)
            if self._bindings.on_loopback and self._server.public_url:
                log.warning("webrtc_on_loopback_only", fix="set `webrtc.addresses`")
            # Imported before the first call, for which it would be a second of silence.
            self._make = (await asyncio.to_thread(import_module, _CALL)).WebRtcCall
        failed: Exception | None = None
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                yield
            except Exception as error:
                failed = error  # Not ours; it is not to come out wrapped in a group.
            finally:
                self._make, self._missing = None, "The server is shutting down."
                for call in list(self._calls.values()):
                    call.leave()
        if failed is not None:
            raise failed

    # Requests ------------------------------------------------------------------------------------

    async def _offer(self, request: web.Request) -> web.Response:
        """A page offers a connection."""
        if self._make is None:
            raise _Problem("webrtc_unavailable", self._missing)
        if self._bindings.on_loopback and not _reaches_loopback(request):
            # Tried in vain, it would be seconds of silence.
            raise _Problem("webrtc_unavailable", _HERE_ONLY)
        if self._waiting >= _MOST_WAITING:
            raise _Problem("busy", "Too many calls are being connected.")
        plain = request.content_type == _SDP
        if plain:
            sdp, init = (await request.text()), _init_of(request)
        else:
            offer = parse_offer(await request.read())
            sdp, init = offer.sdp, offer.init
        invited = await self._entrance.invite(init, request.headers.get("Origin", ""))
        call = self._make(
            self._settings,
            self._bindings,
            self._most_malformed,
            self._count,
            self._spawn,
            self._metronome,
        )
        try:
            answer, _ = await call.answer(sdp)
        except OfferRefused as refusal:
            if refusal.code != "busy":
                raise
            raise _Problem(
                "webrtc_unavailable", f"{refusal} The WebSocket needs none."
            ) from refusal
        id = token_urlsafe(24)
        self._calls[id] = call
        self._waiting += 1
        self._spawn(self._runs(id, call, invited))
        headers = {"Location": f"{CALLS_PATH}/{id}"}
        if plain:
            return web.Response(status=201, text=answer, content_type=_SDP, headers=headers)
        body = {"sdp": answer, "iceServers": self._servers(init.user_id or invited.plan.user_id)}
        return web.json_response(body, status=201, headers=headers)

    async def _ice(self, request: web.Request) -> web.Response:
        """A page asks for the servers that help it to be reached."""
        token = self._entrance.token(_bearer(request), request.headers.get("Origin", ""))
        return web.json_response({"iceServers": self._servers(token.user_id)})

    async def _move(self, request: web.Request) -> web.Response:
        """A page is in another network now."""
        call = self._call(request)
        offer = parse_reoffer(await request.read())
        answer, received = await call.answer(offer.sdp, offer.received)
        return web.json_response({"sdp": answer, "received": received})

    async def _leave(self, request: web.Request) -> web.Response:
        """A page pauses the conversation."""
        call = self._call(request)
        call.leave()
        try:
            await asyncio.wait_for(call.done.wait(), _END_S)
        except TimeoutError:
            log.warning("call_not_ended")
        return web.Response(status=204)

    # Calls ---------------------------------------------------------------------------------------

    async def _runs(self, id: str, call: "WebRtcCall", invited: Invited) -> None:
        waits = True

        def enter(leg: Any) -> Any:
            nonlocal waits
            waits = False
            self._waiting -= 1
            return self._entrance.enter(invited, leg, "WR")

        try:
            await call.run(enter)
        finally:
            del self._calls[id]
            self._waiting -= waits

    def _call(self, request: web.Request) -> "WebRtcCall":
        if (call := self._calls.get(request.match_info["id"])) is None:
            raise _Problem("call_unknown", "The call is over; resume the conversation.")
        return call

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._group is not None  # There is one for as long as there are calls.
        self._group.create_task(_guarded(work))

    def _servers(self, user: str) -> list[dict[str, Any]]:
        settings = self._settings
        expires = int(datetime.now(UTC).timestamp()) + settings.turn_ms // 1000
        return ice_servers(
            settings.stun_urls, settings.turn_urls, self._turn_secret, user or "page", expires
        )


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:  # The boundary of a call: a bug ends this one, and none of the others.
        log.exception("call_crashed")


def _told(handler: _Handler) -> _Handler:
    """What goes wrong is told as a problem document, and every page may read all of it."""

    @wraps(handler)
    async def told(request: web.Request) -> web.Response:
        try:
            response = await handler(request)
        except (_Problem, OfferRefused) as problem:
            response = _problem(problem.code, str(problem))
        except Refused as refusal:
            response = _problem(refusal.error, refusal.reason)
        except (MalformedMessage, UnicodeDecodeError) as error:
            response = _problem("malformed", f"The body is not as docs/browser.md says: {error}.")
        response.headers.update(_HEADERS)
        return response

    return told


def _problem(code: str, detail: str) -> web.Response:
    """RFC 9457."""
    status = _STATUS.get(code, 400)
    body = {
        "type": "about:blank",
        "title": _TITLES[status],
        "status": status,
        "detail": detail,
        "code": code,
    }
    headers = {"Retry-After": "5"} if status == 503 else {}
    if status == 405:
        headers["Allow"] = "POST, DELETE, OPTIONS"
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="voice-agent"'
    return web.Response(
        text=json.dumps(body),
        status=status,
        content_type="application/problem+json",
        headers=headers,
    )


async def _no_patch(_: web.Request) -> web.Response:
    """What WHIP demands of servers without trickled candidates and ICE restarts (RFC 9725, 4.3).

    Neither would help: our own candidates are complete, and where a page's packets come from is
    found out by themselves. A page in another network offers a whole new connection.
    """
    raise _Problem("not_trickled", "Candidates are not trickled; POST an offer that is complete.")


async def _preflight(_: web.Request) -> web.Response:
    return web.Response(status=204, headers=_PREFLIGHT)


def _reaches_loopback(request: web.Request) -> bool:
    """Whether this page, which came to a name or address of ours, may send its sound to loopback.

    Chromium does; Firefox never pairs its own address with a loopback one (ESR 153, seen).
    """
    firefox = "Firefox/" in request.headers.get("User-Agent", "")
    return is_loopback(request.url.host or "") and not firefox


def _bearer(request: web.Request) -> str:
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise _Problem("token_refused", "Give a session token as `Authorization: Bearer …`.")
    return text.strip()


def _init_of(request: web.Request) -> Init:
    """What a plain WHIP client says."""
    query = request.query
    return Init(
        token=_bearer(request),
        persona_id=query.get("personaId", "")[:200],
        persona_name=query.get("personaName", "")[:200],
        user_id=query.get("userId", "")[:200],
    )
