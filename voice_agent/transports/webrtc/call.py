"""One conversation over WebRTC, over as many connections as it takes.

::

      answer            connected            broke                  not back in time
    ─────────► OFFERED ───────────► TALKING ───────► WAITING ─────────────────────► OVER
                  │                   ▲  ▲              │                            ▲
                  │ too late          │  └──────────────┘ reconnect, connected       │
                  └───────────────────┼───────────────────────────────────────────► │
                                      └── reconnect while it still stands: replaced  │
                       end, DELETE, the page has closed it, the agent hangs up ──────┘

While no sign of life comes, in TALKING or WAITING, the agent stands still at what was heard last;
it goes on from there when the page is back.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import structlog

from voice_codecs.browser import End
from voice_codecs.echo import EchoGuard
from voice_pipelines.engine.clock import Metronome

from ...sections import WebRtcSettings
from ..sending import Close
from ..session import ClientLeg, ClientMessages, Session, error_of
from .bindings import Bindings
from .connection import Connection
from .leg import WebRtcLeg
from .offer import OfferRefused

_LOOK_S = 1.0
"""How often it is looked whether anything still comes."""

Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Starts work that may outlive the call by some seconds."""

log = structlog.get_logger()


class Admission(Protocol):
    """Runs the call of a client that is connected."""

    def __call__(self, leg: ClientLeg) -> AbstractAsyncContextManager[Session]:
        """The session; entering it raises Close where there can be none."""


class WebRtcCall:
    """Make it, `answer` the offer, and `run` it to its end."""

    def __init__(
        self,
        settings: WebRtcSettings,
        bindings: Bindings,
        most_malformed: int,
        count: Callable[[str], None],
        spawn: Spawn,
        metronome: Metronome,
    ) -> None:
        """`count` is told each message that was ignored, by kind."""
        loop = asyncio.get_running_loop()
        self._settings = settings
        self._bindings = bindings
        self._metronome = metronome
        self._spawn = spawn
        self._loop = loop
        self._count = count
        self._over: asyncio.Future[Close] = loop.create_future()
        self._stands: asyncio.Future[None] = loop.create_future()
        self._leg = WebRtcLeg(settings.playout_ms, self._hung_up)
        self._messages = ClientMessages(self._leg, most_malformed, count, loop.time)
        self._session: Session | None = None
        self._connection: Connection | None = None
        """The one that is used."""
        self._offered: Connection | None = None
        """The one that is about to be."""
        self._listening: Connection | None = None
        """The one whose messages count."""
        self._missing = 0
        """Messages to the page that the offered one begins behind."""
        self._received = 0
        """Messages of the page so far."""
        self._waiting: asyncio.TimerHandle | None = None
        self._cut = False
        """Nothing gets through to the page, as far as is known."""
        self._echo = EchoGuard() if settings.echo_guard else None
        self.done = asyncio.Event()
        """Set when nothing of it is left."""

    async def answer(self, offer: str, received: int = 0) -> tuple[str, int]:
        """Make a connection of the offer; give our answer, and how many messages came so far.

        `received` are those that came to the page. Raises OfferRefused.
        """
        if not self._leg.remembers(received):
            raise OfferRefused("Too much was missed; resume the conversation.", "lost")
        settings = self._settings
        connection = Connection(
            self,
            settings.most_hold_ms,
            settings.bits_per_second,
            self._bindings,
            self._metronome,
        )
        try:
            answer = await connection.answer(offer, settings.public_address)
        except BaseException:
            self._spawn(connection.close())
            raise
        if self._over.done():
            self._spawn(connection.close())
            raise OfferRefused("The call is over; resume the conversation.", "call_unknown")
        if self._offered is not None:
            self._spawn(self._offered.close())
        self._offered, self._missing = connection, received
        if self._connection is not None or self._waiting is not None:
            self._wait(settings.setup_ms)
        # From now on what the old one still brings is sent again by the new one, in both ways.
        self._listening = connection
        self._leg.detach()
        return answer, self._received

    async def run(self, admit: Admission) -> None:
        """Talk, from the first connection to the end."""
        try:
            if await self._connects():
                await self._talks(admit)
        finally:
            if not self._over.done():
                self._over.set_result(Close(1000, "the conversation is over"))
            if self._waiting is not None:
                self._waiting.cancel()
            for connection in {self._connection, self._offered} - {None}:
                assert connection is not None
                await connection.close()
            self.done.set()

    def leave(self) -> None:
        """The page wants to pause the conversation."""
        if self._session is not None:
            self._act(lambda session: self._messages.act(End(), session))
        self._end(Close(1000, "gone before it started"))

    async def _connects(self) -> bool:
        """Wait for the first connection; False if there is none in time."""
        await asyncio.wait(
            (self._stands, self._over),
            timeout=self._settings.setup_ms / 1000,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if self._stands.done() and not self._over.done():
            return True
        log.info("call_not_connected")
        return False

    async def _talks(self, admit: Admission) -> None:
        # What `end` remains if a bug ends the call: its context swallows the exception.
        end = Close(1011, "the server failed")
        try:
            async with admit(self._leg) as session:
                self._leg.connect(session.line.acknowledged)
                self._leg.open()
                self._session = session
                end = await self._until_over()
        except Close as refusal:
            end = refusal
            self._leg.withdraw()
        finally:
            self._session = None
            structlog.contextvars.clear_contextvars()
        if end.code != 1000:
            log.info("call_closed", code=end.code, reason=end.reason)
            self._leg.tell(error_of(end))
        if self._connection is not None:
            await self._connection.drain()

    async def _until_over(self) -> Close:
        """Wait for the end, and look now and then whether anything still comes."""
        quiet_s = self._settings.quiet_ms / 1000
        look_s = min(_LOOK_S, quiet_s / 2)
        watched, packets, since = None, 0, self._loop.time()
        while not self._over.done():
            await asyncio.wait((self._over,), timeout=look_s)
            if (connection := self._connection) is None:
                continue
            came, now = await connection.packets(), self._loop.time()
            if connection is not watched or came != packets:
                watched, packets, since = connection, came, now
            elif now - since >= quiet_s:
                log.info("connection_quiet", quiet_s=quiet_s)
                self.broke(connection, left=False)
        return self._over.result()

    def _wait(self, ms: int) -> None:
        """Be over when there is no connection for so long."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = self._loop.call_later(ms / 1000, self._not_back)

    def _not_back(self) -> None:
        self._waiting = None
        if self._offered is not None:
            self._spawn(self._offered.close())
            self._offered = None
        if self._connection is None:
            self._pause("the page did not come back")

    def _pause(self, reason: str) -> None:
        if self._session is not None and not self._over.done():
            self._session.live.client_is_gone()
        self._end(Close(1000, reason))

    def _hung_up(self) -> None:
        self._end(Close(1000, "the conversation is over"))

    def _end(self, end: Close) -> None:
        if not self._over.done():
            self._over.set_result(end)

    def _act(self, act: Callable[[Session], None]) -> None:
        if self._session is None or self._over.done():
            return
        try:
            act(self._session)
        except Close as end:
            self._end(end)

    # Satisfies `connection.Party` ----------------------------------------------------------------

    def connected(self, connection: Connection) -> None:
        if connection is not self._offered:
            return
        before, self._connection, self._offered = self._connection, connection, None
        if before is not None:
            if before.pulse.quiet(before.now()):
                self._cuts()  # What it still had to bring may be lost.
            self._spawn(before.close())
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        self._leg.attach(connection.send, self._missing)
        if not self._stands.done():
            self._stands.set_result(None)

    def heard(self, connection: Connection, pcm: bytes) -> None:
        session = self._session
        if connection is not self._connection or session is None or self._messages.muted:
            return
        if self._echo is not None and self._echo.is_echo(pcm):
            pcm = bytes(len(pcm))
        session.line.hear(pcm)

    def said(self, connection: Connection, text: str | bytes) -> None:
        if connection is not self._listening:
            return
        self._received += 1

        def act(session: Session) -> None:
            self._messages.came()
            if isinstance(text, bytes):
                self._count("malformed")
            elif (message := self._messages.parse(text)) is not None:
                self._messages.act(message, session)

        self._act(act)

    def frame(self, connection: Connection) -> bytes | None:
        if connection is not self._connection:
            return None
        self._feel(connection)
        frame = self._leg.frame(connection.now(), connection.pulse.latest)
        if self._echo is not None:
            self._echo.played(frame)
        return frame

    def _feel(self, connection: Connection) -> None:
        """Look whether the page is there, if the agent speaks or would."""
        pulse, now = connection.pulse, connection.now()
        if (self._cut or self._leg.waits) and pulse.asks(now):
            self._spawn(connection.check())
        if pulse.gone:
            self._cuts()
        elif self._cut and self._session is not None:
            self._cut = False
            self._session.line.mend()

    def _cuts(self) -> None:
        if not self._cut and self._session is not None:
            self._cut = True
            self._session.line.cut()

    def broke(self, connection: Connection, left: bool) -> None:
        self._spawn(connection.close())
        if connection is self._offered:
            self._offered = None
            if self._connection is None and self._waiting is None:
                self._end(Close(1000, "gone before it started"))
        elif connection is self._connection:
            self._connection = None
            self._leg.detach()
            self._cuts()
            if left:
                self._pause("the page has left")
            elif self._waiting is None:
                log.info("connection_broken")
                self._wait(self._settings.grace_ms)
