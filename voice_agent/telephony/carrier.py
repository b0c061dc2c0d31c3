"""A simulated carrier: opens a media socket as Twilio does and holds one scripted call over it.

The caller (`caller`), the line (`line`) and the figures (`measure`) decide everything; this is the
shell that moves their frames in real time. It serves the command line, the end-to-end tests and,
with one `Pacer` for hundreds of calls in a process, the load generator.

    CarrierError
      +-- CallRefused          the server answered the handshake, but not with 101
      +-- ServerUnreachable    nobody answered
      +-- ServerStuck          the server neither reads what it is sent nor closes the socket
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import aiohttp
from aiohttp import ClientWebSocketResponse, WSMsgType

from voice_codecs.g711 import mulaw_to_pcm
from voice_codecs.twilio import (
    CarrierStream,
    MalformedMessage,
    OutClear,
    OutMark,
    OutMedia,
    parse_outbound,
)

from .caller import FRAME_MS, Caller, Dtmf, HangUp, Script
from .line import SAMPLES_PER_MS, SILENCE, CarrierBuffer, Gap, Underruns
from .measure import BargeIn, Spoken, Turn, barge_ins, bursts, is_voiced, turns
from .pacer import Pacer
from .signature import HEADER, sign_handshake
from .twiml import FROM_PARAMETER, TOKEN_PARAMETER

CONNECT_S = 10.0
CLOSE_S = 2.0
STUCK_S = 5.0
"""The caller hangs up at the limit of the script; so long after it, nothing can be sent."""
MAX_MESSAGE = 16 * 1024 * 1024
"""Bytes: the ten minutes of audio that the carrier's buffer takes, in one message."""


class CarrierError(Exception):
    """There is no call to tell about."""


class CallRefused(CarrierError):
    """The server refused the handshake."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the media socket was refused with status {status}")
        self.status = status


class ServerUnreachable(CarrierError):
    """Nobody answered at that URL."""


class ServerStuck(CarrierError):
    """The call went on for longer than its script allows."""


class Happening(Enum):
    """What happened on the line."""

    CONNECTED = "connected"
    FIRST_MEDIA = "first_media"
    """The agent's first audio came, voiced or not."""
    MARK = "mark"
    MARK_ECHOED = "mark_echoed"
    CLEAR = "clear"
    DTMF = "dtmf"
    MALFORMED = "malformed"
    """The server sent what Twilio would not understand: it warns (31950) and goes on."""
    HUNG_UP = "hung_up"
    """The caller hung up."""
    CLOSED = "closed"
    """The socket is closed; first of all by the server, if nobody hung up before."""


@dataclass(frozen=True, slots=True)
class CallEvent:
    at_ms: float
    """Since the call started."""
    what: Happening
    detail: str = ""
    """The mark's name, the digit, what was malformed, or the close code."""


@dataclass(frozen=True)
class CallRecord:
    """A call as the caller's side of the line saw it.

    Figures are worked out when they are asked for (some 20 ms for each minute of the call),
    not while other calls of the process want their frames.
    """

    call_sid: str
    stream_sid: str
    duration_ms: float
    sent_mulaw: bytes
    """What the caller sent. A frame lies in the 20 ms *before* it was sent: then it was spoken."""
    heard_mulaw: bytes
    """What the caller heard; as long as `sent_mulaw` and in step with it."""
    spoken: tuple[Spoken, ...]
    unanswered: tuple[str, ...]
    """Labels of what the agent never answered; "" stands for the greeting."""
    events: tuple[CallEvent, ...]
    underruns: Underruns
    gaps: tuple[Gap, ...]
    """Each underrun."""
    discarded_ms: float
    """Audio that came when the carrier's buffer was full."""
    hung_up_by_agent: bool
    close_code: int | None
    close_reason: str
    worst_lateness_ms: float
    """By how much this process missed its own deadlines: figures finer than that mean nothing."""

    @property
    def sent(self) -> bytes:
        """`sent_mulaw` as PCM16."""
        return mulaw_to_pcm(self.sent_mulaw)

    @property
    def heard(self) -> bytes:
        """`heard_mulaw` as PCM16."""
        return mulaw_to_pcm(self.heard_mulaw)

    @cached_property
    def clears_ms(self) -> tuple[float, ...]:
        """When the agent dropped what was queued."""
        return tuple(event.at_ms for event in self.events if event.what is Happening.CLEAR)

    @cached_property
    def greeting_ms(self) -> float | None:
        """From the start of the call to the first voiced sample heard."""
        said = bursts(self.heard_mulaw, self.clears_ms)
        return said[0].start / SAMPLES_PER_MS if said else None

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """How each thing that the caller said was answered."""
        return turns(self.sent_mulaw, self.heard_mulaw, self.spoken, self.clears_ms)

    @cached_property
    def barge_ins(self) -> tuple[BargeIn, ...]:
        """When the caller spoke over the agent, and how soon the agent was silent."""
        return barge_ins(self.sent_mulaw, self.heard_mulaw, self.spoken, self.clears_ms)


async def place_call(
    url: str,
    script: Script,
    *,
    from_number: str = "+15550100",
    custom_parameters: Mapping[str, str] | None = None,
    token: str | None = None,
    auth_token: str | None = None,
    signed_as: str = "",
    call_sid: str | None = None,
    pacer: Pacer | None = None,
    report: Callable[[CallEvent], None] | None = None,
) -> CallRecord:
    """Call the media socket at `url` (``ws://`` or ``wss://``) and play `script` to the end.

    `custom_parameters`, the caller's number and `token` go into the stream's first message, as
    TwiML would put them there. With `auth_token` the handshake is signed, as one to `signed_as` if
    the server has another address for the world. `report` sees events as they happen. Raises
    CarrierError; but a call that the server breaks off is a call.
    """
    parameters = {FROM_PARAMETER: from_number, **(custom_parameters or {})}
    if token is not None:
        parameters[TOKEN_PARAMETER] = token
    headers = {} if auth_token is None else {HEADER: sign_handshake(signed_as or url, auth_token)}
    pacing: AbstractAsyncContextManager[Pacer] = Pacer() if pacer is None else nullcontext(pacer)
    async with pacing as pacer, aiohttp.ClientSession() as session:
        socket = await _connect(session, url, headers)
        try:
            call = _Call(socket, pacer, Caller(script), call_sid or _sid("CA"), report)
            async with asyncio.timeout(script.limit_ms / 1000 + STUCK_S):
                return await call.run(parameters)
        except TimeoutError as error:
            raise ServerStuck("the server does not read what it is sent") from error
        finally:
            await socket.close()


async def _connect(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]
) -> ClientWebSocketResponse:
    try:
        async with asyncio.timeout(CONNECT_S):
            return await session.ws_connect(
                url,
                headers=headers,
                max_msg_size=MAX_MESSAGE,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
            )
    except aiohttp.WSServerHandshakeError as error:
        raise CallRefused(error.status) from error
    except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError.
        raise ServerUnreachable(f"no media socket answers at {url}") from error


def _sid(kind: str) -> str:
    return kind + secrets.token_hex(16)


class _Call:
    """One call, from `connected` to the closed socket."""

    def __init__(
        self,
        socket: ClientWebSocketResponse,
        pacer: Pacer,
        caller: Caller,
        call_sid: str,
        report: Callable[[CallEvent], None] | None,
    ) -> None:
        self._socket = socket
        self._clock = pacer.clock
        self._beats = pacer.join()
        self._caller = caller
        self._call_sid = call_sid
        self._stream_sid = _sid("MZ")
        self._wire = CarrierStream(self._stream_sid, call_sid, _sid("AC"))
        self._line = CarrierBuffer()
        self._sent = bytearray()
        self._events: list[CallEvent] = []
        self._report = report
        self._media_seen = False
        self._over = False
        self._hung_up = False
        self._close_reason = ""
        self._lateness = 0.0

    async def run(self, parameters: Mapping[str, str]) -> CallRecord:
        try:
            await self._socket.send_str(self._wire.connected())
            await self._socket.send_str(self._wire.start(parameters))
            self._note(Happening.CONNECTED)
        except ConnectionResetError:
            pass  # Closed as soon as opened: listening tells the code.
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._speak())
        return self._record()

    def _now(self) -> float:
        """Milliseconds since the call started."""
        return (self._clock() - self._beats.start) * 1000

    def _note(self, what: Happening, detail: str = "", now: float | None = None) -> None:
        event = CallEvent(self._now() if now is None else now, what, detail)
        self._events.append(event)
        if self._report is not None:
            self._report(event)

    async def _speak(self) -> None:
        """Send a frame each beat until the caller hangs up or the socket closes."""
        beat = 0
        try:
            while True:
                beat += 1
                await self._beats.reached(beat)
                if self._over:
                    return
                now = self._now()
                self._lateness = max(self._lateness, now - beat * FRAME_MS)
                await self._echo(self._line.advance(now))
                if not await self._send_frame(beat * FRAME_MS):
                    break
            self._hung_up = True
            self._note(Happening.HUNG_UP)
            await self._socket.send_str(self._wire.stop())
            await self._socket.close()
        except ConnectionResetError:
            return  # The server closed the socket: listening tells why.

    async def _send_frame(self, now: int) -> bool:
        """Send what the caller says in the 20 ms up to `now`; False if that is good-bye."""
        heard = is_voiced(self._line.played(now - FRAME_MS, now))
        match self._caller.frame(now, heard):
            case HangUp():
                return False
            case Dtmf(digit, audio):
                self._note(Happening.DTMF, digit)
                await self._socket.send_str(self._wire.dtmf(digit))
            case bytes() as audio:
                pass
        self._sent += audio
        await self._socket.send_str(self._wire.media(audio, now))
        return True

    async def _echo(self, marks: tuple[str, ...]) -> None:
        for name in marks:
            self._note(Happening.MARK_ECHOED, name)
            await self._socket.send_str(self._wire.mark(name))

    async def _listen(self) -> None:
        """Take what the agent sends until the socket closes."""
        try:
            while True:
                message = await self._socket.receive()
                match message.type:
                    case WSMsgType.TEXT:
                        await self._take(message.data)
                    case WSMsgType.BINARY:
                        self._note(Happening.MALFORMED, "a binary message")
                    case WSMsgType.CLOSE:
                        self._close_reason = message.extra or ""
                        return
                    case _:
                        return
        except ConnectionResetError:
            return  # An echo came too late.
        finally:
            self._over = True
            self._note(Happening.CLOSED, str(self._socket.close_code or ""))

    async def _take(self, text: str) -> None:
        now = self._now()
        try:
            message = parse_outbound(text)
        except MalformedMessage as error:
            self._note(Happening.MALFORMED, str(error))
            return
        if message.stream_sid != self._stream_sid:
            self._note(Happening.MALFORMED, "a message for another stream")
            return
        match message:
            case OutMedia(payload=audio):
                if not self._media_seen:
                    self._media_seen = True
                    self._note(Happening.FIRST_MEDIA, now=now)
                self._line.receive(audio, now)
            case OutMark(name=name):
                self._note(Happening.MARK, name, now)
                self._line.mark(name, now)
                await self._echo(self._line.advance(now))
            case OutClear():
                self._note(Happening.CLEAR, now=now)
                await self._echo(self._line.advance(now) + self._line.clear(now))

    def _record(self) -> CallRecord:
        duration = next(e.at_ms for e in self._events if e.what is Happening.CLOSED)
        heard = self._line.heard(duration)
        length = max(len(heard), len(self._sent))
        heard, sent = heard.ljust(length, SILENCE), bytes(self._sent).ljust(length, SILENCE)
        return CallRecord(
            call_sid=self._call_sid,
            stream_sid=self._stream_sid,
            duration_ms=duration,
            sent_mulaw=sent,
            heard_mulaw=heard,
            spoken=tuple(self._caller.spoken),
            unanswered=tuple(self._caller.unanswered),
            events=tuple(self._events),
            underruns=self._line.underruns(),
            gaps=tuple(self._line.gaps),
            discarded_ms=self._line.discarded / SAMPLES_PER_MS,
            hung_up_by_agent=not self._hung_up,
            close_code=self._socket.close_code,
            close_reason=self._close_reason,
            worst_lateness_ms=self._lateness,
        )
