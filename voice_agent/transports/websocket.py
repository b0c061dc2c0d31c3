"""The media socket of browsers, games and other clients: see docs/browser.md for its protocol.

What the socket does wrong and what follows (RFC 6455 close codes):

=====================================================  ======================================
a message that is no JSON, or a field of a wrong type  told, counted; 1007 after too many
half a sample, audio much faster than real time        dropped and counted
a message over 64 KiB                                  1009
anything but `init` first; a second `init`             1002
no `init` in time; a token that does not allow it      1008
very many messages                                     1008
a rate that is neither 8000 nor 16000                  1003
no line is free, or the server shuts down              1013
no answer to a ping                                    dropped, the conversation is paused
`end`                                                  1000, the conversation is paused
the call ends because of a bug in the server           1011
=====================================================  ======================================
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import structlog
from aiohttp import WSMsgType, web

from voice_codecs.browser import (
    MAX_MESSAGE_BYTES,
    RATES,
    Flush,
    FromClient,
    FromServer,
    Init,
    Played,
    serialize,
)
from voice_codecs.pcm import PCM16_8K, PCM16_16K, AudioFormat
from voice_pipelines.engine.line import Line

from ..sections import BrowserSettings
from .pulse import Pulse
from .sending import CLOSE_S, UNREAD_LIMIT, Close, runs_through
from .session import Allowance, ClientMessages, Refused, Session, error_of

_FORMATS = {8000: PCM16_8K, 16_000: PCM16_16K}
_AHEAD_MS = 5000
"""Audio that may come at once, after a pause of the network."""
_LOOK_MS = 250
"""How often it is looked whether the client is still there, while there is something to be heard;
TCP may need as long to send again what was lost."""

log = structlog.get_logger()


class Admission(Protocol):
    """Decides on a socket and runs its call."""

    def __call__(
        self, init: Init, leg: "WebSocketLeg", origin: str
    ) -> AbstractAsyncContextManager[Session]:
        """The session; entering it raises Close where the socket is refused."""


class _Gone(Exception):
    """The far end is not there any more."""


class WebSocketLeg:
    """A client's socket as a leg: PCM16, in order, flushed in band, heard as the client tells."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self._socket = socket
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._pulse = Pulse(self._now(), _LOOK_MS, _LOOK_MS)
        self._line: Line | None = None
        self._cut = False
        """Nothing gets through to the client, as far as is known."""
        self._looking: asyncio.TimerHandle | None = None
        self._format = PCM16_16K
        self._opening: Sequence[FromServer] = ()
        self._generation = 0
        self._sent = 0
        """Samples of the generation."""
        self._marks: deque[tuple[int, str]] = deque()
        """(samples of the generation before it, name) of what was not acknowledged yet."""
        self.end = Close(1000, "the conversation is over")
        """How the socket is closed when the call ends."""
        self.hung_up = False
        """The server has ended it, not the client."""
        self.dropped = 0
        """Messages that the dead socket did not take."""

    def begin(self, rate: int, opening: Sequence[FromServer]) -> None:
        """The format is known. `opening` is said before anything else, once there is a call."""
        self._format = _FORMATS[rate]
        self._opening = opening

    def open(self) -> None:
        """There is a call: say the opening, if nothing else has made it go out."""
        opening, self._opening = self._opening, ()
        for message in opening:
            self._write(serialize(message))

    def connect(self, line: Line | None) -> None:
        """The call's line, which is told when nothing gets through; None when it is over."""
        self._line = line
        if line is None and self._looking is not None:
            self._looking.cancel()

    def came(self) -> None:
        """Something came of the client."""
        self._pulse.came(self._now())
        if self._cut and self._line is not None:
            self._cut = False
            self._line.mend()

    def refuse(self, refusal: Close) -> None:
        """Say why there is no call."""
        self._opening = ()
        self.tell(error_of(refusal))

    @property
    def format(self) -> AudioFormat:
        return self._format

    def send(self, audio: bytes) -> None:
        self.open()
        self._sent += self._format.samples(audio)
        self._write(audio)

    def mark(self, name: str) -> None:
        self._marks.append((self._sent, name))
        self._look_again()

    def clear(self) -> None:
        self._generation += 1
        self._sent = 0
        self._marks.clear()
        self.tell(Flush(self._generation))

    def tell(self, message: FromServer) -> None:
        """Send a message to the client, in band."""
        self.open()
        self._write(serialize(message))

    def played(self, generation: int, samples: int) -> Sequence[str]:
        """The client has played so much of a generation: the marks that it has passed.

        What it says of an earlier generation proves nothing, nor of more than it was sent.
        """
        if generation != self._generation or samples > self._sent:
            return ()
        passed = []
        while self._marks and self._marks[0][0] <= samples:
            passed.append(self._marks.popleft()[1])
        return passed

    def _look_again(self) -> None:
        if self._looking is None and self._line is not None:
            self._looking = self._loop.call_later(_LOOK_MS / 1000, self._look)

    def _look(self) -> None:
        """Look whether the client is there, while the agent speaks or would."""
        self._looking = None
        if self._line is None or not (self._marks or self._cut):
            return
        if self._pulse.asks(self._now()) and not self._socket.closed:
            runs_through(self._socket.ping())
        if self._pulse.gone and not self._cut:
            self._cut = True
            self._line.cut()
        self._look_again()

    def _now(self) -> int:
        return int(self._loop.time() * 1000)

    def abort(self) -> None:
        """Drop the connection without a word: nobody is listening."""
        if self._transport is not None:
            self._transport.abort()

    async def hang_up(self) -> None:
        """Close the socket."""
        self.hung_up = True
        reason = self.end.reason.encode()[:120]  # A close frame takes 123 bytes of it.
        try:
            await asyncio.wait_for(self._socket.close(code=self.end.code, message=reason), CLOSE_S)
        except (TimeoutError, ConnectionError):
            self.abort()

    def _write(self, message: str | bytes) -> None:
        """Send without a task: the coroutine of a socket that is not congested never waits."""
        transport, socket = self._transport, self._socket
        congested = transport is None or transport.get_write_buffer_size() > UNREAD_LIMIT
        if congested or socket.closed or transport is None or transport.is_closing():
            self.dropped += 1
            return
        text = isinstance(message, str)
        sending = socket.send_str(message) if text else socket.send_bytes(message)  # type: ignore[arg-type]
        if not runs_through(sending):
            self.dropped += 1
            transport.abort()


class BrowserSocket:
    """The protocol on one media socket, from the handshake to the close."""

    def __init__(
        self,
        settings: BrowserSettings,
        admit: Admission,
        count: Callable[[str], None],
    ) -> None:
        """`count` is told each message that was ignored, by kind."""
        self._settings = settings
        self._admit = admit
        self._count = count
        self._now = asyncio.get_running_loop().time

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Upgrade the request and stay until the conversation is over or paused."""
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE_BYTES,
            compress=False,
            timeout=CLOSE_S,
            autoping=False,  # The answers to our pings are news.
            heartbeat=self._settings.quiet_ms / 1000,
        )
        await socket.prepare(request)
        leg = WebSocketLeg(socket, request.transport)
        most_malformed = self._settings.malformed_messages
        messages = ClientMessages(leg, most_malformed, self._count, self._now)
        try:
            init = await self._until_init(socket, messages, leg)
            # What `end` remains if a bug ends the call: its context swallows the exception.
            end = Close(1011, "the server failed")
            async with self._admit(init, leg, request.headers.get("Origin", "")) as session:
                leg.open()
                leg.connect(session.line)
                try:
                    # Leaving the context hangs the leg up: it has to know how.
                    end = leg.end = await self._stream(socket, messages, leg, session)
                finally:
                    leg.connect(None)
        except Close as refusal:
            end = refusal
            if end.code != 1000:
                leg.refuse(end)
        finally:
            structlog.contextvars.clear_contextvars()
        if end.code != 1000:
            log.info("media_socket_closed", code=end.code, reason=end.reason)
        leg.end = end
        await leg.hang_up()
        return socket

    async def _until_init(
        self, socket: web.WebSocketResponse, messages: ClientMessages, leg: WebSocketLeg
    ) -> Init:
        deadline = self._settings.start_ms / 1000
        try:
            async with asyncio.timeout(deadline):
                while True:
                    match await self._next(socket, messages, leg):
                        case Init(sample_rate=rate) as init:
                            if rate not in RATES:
                                raise Refused(1003, "format", "sampleRate must be 8000 or 16000")
                            return init
                        case None:
                            pass
                        case _:
                            raise Close(1002, "an init must come first")
        except _Gone:
            raise Close(1000, "gone before it started") from None
        except TimeoutError:
            raise Refused(1008, "too_late", f"no init within {deadline:g} s") from None

    async def _stream(
        self,
        socket: web.WebSocketResponse,
        messages: ClientMessages,
        leg: WebSocketLeg,
        session: Session,
    ) -> Close:
        """Pass on what arrives until the socket ends; return how to close.

        Returned, not raised: the call's task group, in which this runs, would wrap it.
        """
        rate = leg.format.rate
        audio = Allowance(rate, rate * _AHEAD_MS // 1000, self._now())
        try:
            while True:
                match message := await self._next(socket, messages, leg):
                    case bytes():
                        if message and not messages.muted:
                            self._hear(message, leg, session.line, audio)
                    case Played(generation, samples):
                        for name in leg.played(generation, samples):
                            session.line.acknowledged(name)
                    case None:
                        pass
                    case _:
                        messages.act(message, session)
        except _Gone:
            if not leg.hung_up:
                session.live.client_is_gone()
            return Close(1000, "the conversation is over")
        except Close as end:
            return end

    def _hear(self, audio: bytes, leg: WebSocketLeg, line: Line, allowance: Allowance) -> None:
        if len(audio) % 2:
            self._count("malformed")
        elif allowance.take(leg.format.samples(audio), self._now()):
            line.hear(audio)
        else:
            self._count("too_fast")

    async def _next(
        self, socket: web.WebSocketResponse, messages: ClientMessages, leg: WebSocketLeg
    ) -> FromClient | bytes | None:
        """The next message; None for one that is none. Raises Close, and _Gone at the end."""
        message = await socket.receive()
        leg.came()
        if message.type is WSMsgType.PING:
            await socket.pong(message.data)
            return None
        if message.type is WSMsgType.PONG:
            return None
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            raise _Gone
        messages.came()
        if message.type is WSMsgType.BINARY:
            audio: bytes = message.data
            return audio
        return messages.parse(message.data)
