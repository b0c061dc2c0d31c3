"""Twilio Media Streams: a call's audio over the WebSocket that the carrier opens.

What the socket does wrong and what follows (RFC 6455 close codes):

=====================================================  ======================================
a message that is no JSON, or a field of a wrong type  ignored and counted; 1007 after too many
an event that is not known                             ignored and counted
a binary frame                                         1003
a message over 64 KiB                                  1009
no `start` in time; a missing, wrong or used token     1008
audio or keys before `start`; a second `start`         1002
nothing for too long                                   dropped without a close, the call ends
`stop`, or the far end closes                          1000, the call ends
a media format that is not mu-law at 8000, mono        1003
no line is free, or the server shuts down              1013
the call ends because of a bug in the server           1011
=====================================================  ======================================
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import structlog
from aiohttp import WSMsgType, web

from voice_codecs.pcm import MULAW_8K, AudioFormat
from voice_codecs.twilio import (
    MAX_MESSAGE_BYTES,
    Dtmf,
    MalformedMessage,
    Mark,
    Media,
    Outbound,
    Start,
    Stop,
    Unknown,
    parse_inbound,
)
from voice_pipelines.engine.line import Line

from ..sections import TwilioSettings
from .sending import CLOSE_S, UNREAD_LIMIT, Close, runs_through

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Stream:
    """What the carrier told about the stream when it began."""

    start: Start
    leg: "TwilioLeg"


class Admission(Protocol):
    """Decides on a stream and runs its call."""

    def __call__(self, stream: Stream) -> AbstractAsyncContextManager[Line]:
        """The line of the call; entering it raises Close where the stream is refused."""


class _Gone(Exception):
    """The far end is not there any more."""


class TwilioLeg:
    """A media socket as a leg: mu-law, in order, with marks and a clearable buffer."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self._socket = socket
        self._transport = transport
        self._messages = Outbound("")
        self.end = Close(1000, "the call is over")
        """How the socket is closed when the call ends."""
        self.dropped = 0
        """Messages that the dead socket did not take."""

    def begin(self, stream_sid: str) -> None:
        """The stream's name is known."""
        self._messages = Outbound(stream_sid)

    @property
    def format(self) -> AudioFormat:
        return MULAW_8K

    def send(self, audio: bytes) -> None:
        self._write(self._messages.media(audio))

    def mark(self, name: str) -> None:
        self._write(self._messages.mark(name))

    def clear(self) -> None:
        self._write(self._messages.clear())

    def abort(self) -> None:
        """Drop the connection without a word: nobody is listening."""
        if self._transport is not None:
            self._transport.abort()

    async def hang_up(self) -> None:
        """Close the socket; the TwiML that opened it goes on to its `<Hangup/>`."""
        reason = self.end.reason.encode()[:120]  # A close frame takes 123 bytes of it.
        try:
            await asyncio.wait_for(self._socket.close(code=self.end.code, message=reason), CLOSE_S)
        except (TimeoutError, ConnectionError):
            self.abort()

    def _write(self, message: str) -> None:
        """Send without a task: the coroutine of a socket that is not congested never waits."""
        transport = self._transport
        congested = transport is None or transport.get_write_buffer_size() > UNREAD_LIMIT
        if congested or self._socket.closed or transport is None or transport.is_closing():
            self.dropped += 1
            return
        sending = self._socket.send_str(message)
        if not runs_through(sending):
            self.dropped += 1
            transport.abort()


class MediaSocket:
    """The protocol on one media socket, from the handshake to the close."""

    def __init__(
        self,
        settings: TwilioSettings,
        admit: Admission,
        count: Callable[[str], None],
    ) -> None:
        """`count` is told each message that was ignored, by kind."""
        self._settings = settings
        self._admit = admit
        self._count = count
        self._malformed = 0

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Upgrade the request and stay until the stream is over."""
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE_BYTES, compress=False, timeout=CLOSE_S
        )
        await socket.prepare(request)
        leg = TwilioLeg(socket, request.transport)
        try:
            start = await self._until_start(socket)
            leg.begin(start.stream_sid)
            structlog.contextvars.bind_contextvars(call_id=start.call_sid)
            # What `end` remains if a bug ends the call: its context swallows the exception.
            end = Close(1011, "the server failed")
            async with self._admit(Stream(start, leg)) as line:
                # Leaving the context hangs the leg up: it has to know how.
                end = leg.end = await self._stream(socket, leg, line)
        except Close as refusal:
            end = refusal
        finally:
            structlog.contextvars.clear_contextvars()
        if end.code != 1000:
            log.info("media_socket_closed", code=end.code, reason=end.reason)
        leg.end = end
        await leg.hang_up()
        return socket

    async def _until_start(self, socket: web.WebSocketResponse) -> Start:
        deadline = self._settings.start_ms / 1000
        try:
            async with asyncio.timeout(deadline):
                while True:
                    message = self._parsed(await self._text(socket))
                    match message:
                        case Start():
                            return message
                        case Media() | Dtmf() | Mark():
                            raise Close(1002, "a start must come first")
                        case Stop():
                            raise Close(1000, "stopped before it started")
        except _Gone:
            raise Close(1000, "gone before it started") from None
        except TimeoutError:
            raise Close(1008, f"no start within {deadline:g} s") from None

    async def _stream(self, socket: web.WebSocketResponse, leg: TwilioLeg, line: Line) -> Close:
        """Pass on what arrives until the stream ends; return how to close.

        Returned, not raised: the call's task group, in which this runs, would wrap it.
        """
        watch = _QuietWatch(self._settings.quiet_ms / 1000, leg)
        try:
            while True:
                text = await self._text(socket)
                watch.heard()
                match self._parsed(text):
                    case Media(payload=payload):
                        if payload:
                            line.hear(payload)
                    case Mark(name=name):
                        line.acknowledged(name)
                    case Dtmf(digit=digit):
                        line.press(digit)
                    case Start():
                        return Close(1002, "a second start")
                    case Stop():
                        return Close(1000, "the carrier stopped the stream")
        except _Gone:
            return Close(1000, "the call is over")
        except Close as end:
            return end
        finally:
            watch.stop()

    async def _text(self, socket: web.WebSocketResponse) -> str:
        """The next text message. Raises Close for what must not come, _Gone at the end."""
        message = await socket.receive()
        if message.type is WSMsgType.TEXT:
            text: str = message.data
            return text
        if message.type is WSMsgType.BINARY:
            raise Close(1003, "binary frames are not part of this protocol")
        raise _Gone

    def _parsed(self, text: str) -> object:
        try:
            message = parse_inbound(text)
            if isinstance(message, Unknown):
                self._count("unknown")
            return message
        except MalformedMessage as error:
            self._count("malformed")
            self._malformed += 1
            log.warning("media_message_malformed", problem=str(error)[:120])
            if self._malformed >= self._settings.malformed_messages:
                raise Close(1007, "too many messages that cannot be understood") from error
            return None


class _QuietWatch:
    """Closes a socket on which nothing arrives any more: half-closed, or a carrier gone mad.

    One timer in flight that looks at a counter, instead of one that is moved 50 times a second.
    """

    def __init__(self, quiet_s: float, leg: TwilioLeg) -> None:
        self._quiet_s = quiet_s
        self._leg = leg
        self._loop = asyncio.get_running_loop()
        self._heard_since_look = True
        self._timer = self._loop.call_later(quiet_s, self._look)

    def heard(self) -> None:
        self._heard_since_look = True

    def stop(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        if not self._heard_since_look:
            log.info("media_socket_quiet", quiet_s=self._quiet_s)
            self._leg.abort()
            return
        self._heard_since_look = False
        self._timer = self._loop.call_later(self._quiet_s, self._look)
