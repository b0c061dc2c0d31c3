"""The HTTP application. What it needs is given to it; it builds nothing itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import structlog
from aiohttp import web

from voice_codecs.twilio import MediaFormat
from voice_pipelines.engine.line import Line
from voice_pipelines.ports import Clock

from ..calls.plan import CallPlan
from ..calls.session import Switchboard
from ..errors import CallRefused
from ..settings import Settings
from ..telemetry.metrics import CONTENT_TYPE, Metrics
from ..telemetry.providers import ProviderStatus, resting_stages
from ..telephony import signature, twiml
from ..telephony.live import Ticket, Tickets
from ..telephony.urls import MEDIA_PATH, VOICE_PATH
from ..transports.sending import Close
from ..transports.twilio import MediaSocket, Stream
from .signed import MAX_FORM_BYTES, Signed

LEGACY_VOICE_PATH = "/twiml"
"""Where numbers point that were set up for an earlier product."""
_MEDIA_FORMAT = MediaFormat("audio/x-mulaw", 8000, 1)

log = structlog.get_logger()


class Front:
    """The routes and the state between them."""

    def __init__(
        self,
        settings: Settings,
        auth_token: str,
        switchboard: Switchboard,
        metrics: Metrics,
        tickets: Tickets,
        clock: Clock,
        plan: Callable[[Ticket], Awaitable[CallPlan]],
    ) -> None:
        """`auth_token` is empty where signatures are not checked.

        `tickets` are issued by `clock`; `plan` says who speaks on the stream that brings one.
        """
        self._settings = settings
        self._auth_token = auth_token
        self.signed = Signed(settings.server.public_url, auth_token)
        self._switchboard = switchboard
        self._metrics = metrics
        self._tickets = tickets
        self._clock = clock
        self._plan = plan
        self.providers: Callable[[], Sequence[ProviderStatus]] = tuple
        """How the providers fare; set when there are any."""

    def application(
        self, more: Sequence[web.RouteDef] = (), api: web.Application | None = None
    ) -> web.Application:
        """The routes, `more` of them, and the API under ``/api``."""
        application = web.Application(client_max_size=MAX_FORM_BYTES)
        application.add_routes(more)
        if api is not None:
            application.add_subapp("/api", api)
        application.add_routes(
            [
                web.get(VOICE_PATH, self._voice),
                web.post(VOICE_PATH, self._voice),
                web.get(LEGACY_VOICE_PATH, self._voice),
                web.post(LEGACY_VOICE_PATH, self._voice),
                web.get(MEDIA_PATH, self._media),
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._get_metrics),
            ]
        )
        return application

    # Carrier -------------------------------------------------------------------------------------

    async def _voice(self, request: web.Request) -> web.Response:
        """The carrier asks what to do with a call: connect it to the media socket."""
        form = await self.signed.form(request)
        try:
            self._switchboard.check()
        except CallRefused as refusal:
            log.warning("call_refused", reason=str(refusal))
            return _twiml(
                twiml.say_and_hang_up("We cannot take your call now. Please call again later.")
            )
        told = {**request.query, **form}
        caller, called = _printable(told.get("From", "")), _printable(told.get("To", ""))
        ticket = Ticket(caller, called, persona=request.query.get("persona", ""))
        token = self._tickets.issue(ticket, self._clock.now())
        parameters = {twiml.TOKEN_PARAMETER: token, twiml.FROM_PARAMETER: caller}
        try:
            return _twiml(twiml.connect_stream(self._media_url(request), parameters))
        except ValueError as error:
            raise web.HTTPBadRequest(text="The Host header is no address.\n") from error

    async def _media(self, request: web.Request) -> web.StreamResponse:
        """The carrier's media socket."""
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(
                status=426,
                headers={"Upgrade": "websocket"},
                text="This is the media socket of a carrier; open it as a WebSocket.\n",
            )
        if self._auth_token:
            given = request.headers.get(signature.HEADER, "")
            if not signature.valid_handshake(self._media_url(request), given, self._auth_token):
                log.warning("signature_invalid", path=MEDIA_PATH)
                return web.Response(status=403, text="The handshake's signature is not valid.\n")
        return await MediaSocket(
            self._settings.twilio, self._admit, self._metrics.message_ignored
        ).serve(request)

    def _admit(self, stream: Stream) -> AbstractAsyncContextManager[Line]:
        return self._admitted(stream)

    @asynccontextmanager
    async def _admitted(self, stream: Stream) -> AsyncIterator[Line]:
        start = stream.start
        token = start.parameters.get(twiml.TOKEN_PARAMETER, "")
        ticket = self._tickets.redeem(token, self._clock.now()) if token else None
        if ticket is None and self._settings.twilio.require_token:
            log.warning("media_token_invalid", given=bool(token))
            raise Close(1008, "the token is missing, wrong, expired or used")
        if start.media_format != _MEDIA_FORMAT:
            raise Close(1003, "mediaFormat must be audio/x-mulaw at 8000, mono")
        plan = await self._plan(ticket) if ticket else None
        board = self._switchboard
        try:
            async with board.caller(start.call_sid, stream.leg, True, plan) as line:
                yield line
        except CallRefused as refusal:
            raise Close(1013, str(refusal)) from refusal

    def _media_url(self, request: web.Request) -> str:
        parts = urlsplit(self._settings.server.public_url or f"http://{request.host}")
        scheme = "wss" if parts.scheme == "https" else "ws"
        return urlunsplit((scheme, parts.netloc, MEDIA_PATH, "", ""))

    # Operators -----------------------------------------------------------------------------------

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _readyz(self, _: web.Request) -> web.Response:
        board = self._switchboard
        providers = self.providers()
        waiting_for = ""
        if board.house is None:
            waiting_for = "the models to be loaded"
        elif board.draining:
            waiting_for = "the live calls to end"
        elif resting := resting_stages(providers):
            waiting_for = f"a provider for {' and '.join(resting)} to recover"
        status = {
            "ready": not waiting_for,
            "calls": len(board),
            "waiting_for": waiting_for,
            "providers": [provider.as_json() for provider in providers],
        }
        return web.json_response(status, status=503 if waiting_for else 200)

    async def _get_metrics(self, _: web.Request) -> web.Response:
        self._metrics.tasks.set(len(asyncio.all_tasks()))
        text = await asyncio.to_thread(self._metrics.text)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})


def _printable(number: str) -> str:
    """A caller's number or name, as it can stand in XML."""
    return "".join(character for character in number if character.isprintable())[:40]


def _twiml(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/xml")
