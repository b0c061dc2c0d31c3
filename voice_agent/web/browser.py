"""``WS /browser/media``: conversations that browsers, games and other clients begin and resume."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from aiohttp import web

from voice_codecs.browser import Init

from ..sections import BrowserSettings
from ..transports.session import Session
from ..transports.websocket import BrowserSocket, WebSocketLeg
from .entrance import Entrance

PATH = "/browser/media"


class BrowserRoutes:
    """The route and what stands behind it."""

    def __init__(
        self, settings: BrowserSettings, entrance: Entrance, count: Callable[[str], None]
    ) -> None:
        """`count` is told what is ignored, by kind."""
        self._settings = settings
        self._entrance = entrance
        self._count = count

    def routes(self) -> list[web.RouteDef]:
        return [web.get(PATH, self._media)]

    async def _media(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(
                status=426,
                headers={"Upgrade": "websocket"},
                text="This is the media socket of browsers; open it as a WebSocket.\n",
            )
        return await BrowserSocket(self._settings, self._admit, self._count).serve(request)

    def _admit(
        self, init: Init, leg: WebSocketLeg, origin: str
    ) -> AbstractAsyncContextManager[Session]:
        return self._admitted(init, leg, origin)

    @asynccontextmanager
    async def _admitted(self, init: Init, leg: WebSocketLeg, origin: str) -> AsyncIterator[Session]:
        invited = await self._entrance.invite(init, origin)
        async with self._entrance.enter(invited, leg, "WB") as session:
            yield session
