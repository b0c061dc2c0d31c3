"""``WS /console/live``: what consoles see of calls while they go on. See docs/console.md.

Administrators only, by the session of the API; the socket ends with the session. Closes with

====================================================  ====
there is no session, or it has ended                  4401
a message that is not understood                      1008
the server shuts down, or too many consoles           1013
a console that reads nothing for a minute             1013
====================================================  ====
"""

import asyncio
from contextlib import suppress

import msgspec
import structlog
from aiohttp import WSMsgType, web

from ..calls.board import Board
from ..calls.feed import Watcher
from ..errors import StorageUnavailable
from .api.gate import Gate
from .api.problem import ApiProblem
from .api.visitor import from_other_page

PATH = "/console/live"
SIGNED_OUT = 4401
_REFUSED, _AGAIN = 1008, 1013
_CONSOLES = 200
_PING_S = 20.0
_SEND_S = 60.0
_CLOSE_S = 2.0
_CHECK_S = 30.0
"""How often it is looked whether the session is still valid."""
_LONGEST_MESSAGE = 4096
_UNAUTHORIZED = (401, 403)
_ENDING = tuple(f"/api/{path}" for path in ("account", "administrators", "keys", "login", "logout"))

log = structlog.get_logger()


class Watch(msgspec.Struct, frozen=True, tag_field="type", tag="watch"):
    """Tell me of `topic`: behind the event `after` of `epoch`, or from a snapshot on."""

    topic: str
    after: int | None = None
    epoch: str | None = None


class Unwatch(msgspec.Struct, frozen=True, tag_field="type", tag="unwatch"):
    topic: str


_decoder = msgspec.json.Decoder(Watch | Unwatch)


class _End(Exception):
    """The socket is closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class LiveRoutes:
    """The route, and the consoles that are connected."""

    def __init__(self, gate: Gate, board: Board, public_url: str = "") -> None:
        """`public_url` is where our pages are, besides the host that a request names."""
        self._gate = gate
        self._board = board
        self._public_url = public_url
        self._consoles: set[_Console] = set()
        self._closing = False

    def routes(self) -> list[web.RouteDef]:
        return [web.get(PATH, self._live)]

    def look_again(self) -> None:
        """Somebody may have been signed out: look at once."""
        for console in self._consoles:
            console.look.set()

    def close(self) -> None:
        """The server stops: send everybody away."""
        self._closing = True
        self.look_again()

    async def _live(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(
                status=426,
                headers={"Upgrade": "websocket"},
                text="This is the live socket of the console; open it as a WebSocket.\n",
            )
        if not self._is_own(request):
            return web.Response(status=403, text="Pages of other origins may not listen here.\n")
        socket = web.WebSocketResponse(
            timeout=_CLOSE_S, heartbeat=_PING_S, max_msg_size=_LONGEST_MESSAGE, compress=False
        )
        await socket.prepare(request)
        try:
            if len(self._consoles) >= _CONSOLES:
                raise _End(_AGAIN, f"At most {_CONSOLES} consoles are served.")
            try:
                workspace = await self._admitted(request)
            except (ApiProblem, StorageUnavailable) as problem:
                raise _End(_AGAIN, str(problem)) from problem
            await self._serve(request, socket, workspace)
        except* _End as ends:
            end = ends.exceptions[0]
            assert isinstance(end, _End)
            await socket.close(code=end.code, message=end.reason.encode()[:120])
        except* ConnectionError:
            pass  # It went away while something was sent.
        return socket

    async def _serve(
        self, request: web.Request, socket: web.WebSocketResponse, workspace: str
    ) -> None:
        console = _Console(socket, self._board, workspace)
        self._consoles.add(console)
        try:
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(console.send())
                guarding = group.create_task(self._guard(request, console))
                try:
                    await console.listen()
                finally:
                    sending.cancel()
                    guarding.cancel()
        finally:
            self._consoles.discard(console)
            console.watcher.close()

    async def _guard(self, request: web.Request, console: "_Console") -> None:
        """Raises _End when the console may not go on."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CHECK_S):
                    await console.look.wait()
            console.look.clear()
            try:
                await self._admitted(request)
            except (ApiProblem, StorageUnavailable):
                continue  # Whoever was let in stays as long as nobody can say otherwise.

    async def _admitted(self, request: web.Request) -> str:
        """The workspace that the session is for.

        Raises _End if there is none, and ApiProblem or StorageUnavailable if that is not known now.
        """
        if self._closing:
            raise _End(_AGAIN, "The server is shutting down.")
        try:
            return (await self._gate.admit(request, "admin")).workspace
        except ApiProblem as problem:
            if problem.status not in _UNAUTHORIZED:
                raise
            raise _End(SIGNED_OUT, problem.detail) from problem

    def _is_own(self, request: web.Request) -> bool:
        """A page of ours, or no page at all: a cookie comes along whoever opens the socket."""
        if from_other_page(request, self._public_url):
            return False
        return "Origin" in request.headers or "Authorization" in request.headers


class _Console:
    """One connected console."""

    def __init__(self, socket: web.WebSocketResponse, board: Board, workspace: str) -> None:
        self._socket = socket
        self._news = asyncio.Event()
        self._news.set()
        self.watcher: Watcher = board.watcher(workspace, self._news.set)
        self.look = asyncio.Event()

    async def send(self) -> None:
        """Send what waits, at the speed of whoever reads it. Raises _End, ConnectionError."""
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                async with asyncio.timeout(_SEND_S):
                    for text in self.watcher.take():
                        await self._socket.send_str(text)
        except TimeoutError as error:
            raise _End(_AGAIN, "The console does not read.") from error

    async def listen(self) -> None:
        """Take messages until the console leaves. Raises _End."""
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                raise _End(_REFUSED, "Send text.")
            try:
                wanted = _decoder.decode(message.data)
            except msgspec.DecodeError as error:
                raise _End(_REFUSED, f"Not understood: {error}.") from error
            match wanted:
                case Watch(topic, after, epoch):
                    self.watcher.watch(topic, after, epoch)
                case Unwatch(topic):
                    self.watcher.unwatch(topic)


def signs_out(request: web.Request) -> bool:
    """Whether a request to the API may have ended sessions or keys."""
    return request.method not in ("GET", "HEAD") and request.path.startswith(_ENDING)
