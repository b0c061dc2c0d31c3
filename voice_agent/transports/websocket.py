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
from dataclasses import dataclass
from typing import Protocol, assert_never

import structlog
from aiohttp import WSMsgType, web

from voice_codecs.browser import (
    MAX_MESSAGE_BYTES,
    RATES,
    ActionTaken,
    AiSpeechEnded,
    AiSpeechStarted,
    End,
    Error,
    Flush,
    FromClient,
    FromServer,
    Init,
    MalformedMessage,
    MessagesUpdate,
    Mute,
    Paused,
    Played,
    ReactTo,
    Said,
    SayText,
    StateUpdated,
    UpdateState,
    UserSpeechEnded,
    UserSpeechStarted,
    UserText,
    parse_client,
    serialize,
)
from voice_codecs.pcm import PCM16_8K, PCM16_16K, AudioFormat
from voice_pipelines.engine.call import Line

from ..actions.state import StateRefused
from ..calls.captions import ClientEvent
from ..calls.live import LiveCall
from ..sections import BrowserSettings
from .sending import CLOSE_S, UNREAD_LIMIT, Close, runs_through

_FORMATS = {8000: PCM16_8K, 16_000: PCM16_16K}
_AHEAD_MS = 5000
"""Audio that may come at once, after a pause of the network."""
_MESSAGES_PER_S, _MESSAGES_AT_ONCE = 200, 1000
_MUTE_MS = 1000
"""Silence that is heard when the microphone goes off, so that what was said before it ends."""

log = structlog.get_logger()


class Refused(Close):
    """The socket is told why, with a code for programs, and closed."""

    def __init__(self, code: int, error: str, reason: str) -> None:
        super().__init__(code, reason)
        self.error = error


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation that a socket was admitted to."""

    line: Line
    live: LiveCall
    resume_token: Callable[[], str]


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

    def refuse(self, refusal: Close) -> None:
        """Say why there is no call."""
        self._opening = ()
        code = refusal.error if isinstance(refusal, Refused) else "protocol"
        self.tell(Error(code, refusal.reason))

    @property
    def format(self) -> AudioFormat:
        return self._format

    def send(self, audio: bytes) -> None:
        self.open()
        self._sent += self._format.samples(audio)
        self._write(audio)

    def mark(self, name: str) -> None:
        self._marks.append((self._sent, name))

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


def message_of(event: ClientEvent) -> FromServer:
    """What the client is told of something that happened."""
    match event.kind:
        case "action":
            return ActionTaken(event.body)
        case "state_updated":
            return StateUpdated(event.body)
        case "messages":
            said = [
                Said(
                    message_id=str(number),
                    source="ai" if line.speaker == "agent" else "user",
                    content=line.text,
                    intended=line.intended,
                    withdrawn=line.withdrawn,
                )
                for number, line in event.body["said"]
            ]
            return MessagesUpdate(said, event.body["interim"])
        case "user_speech_started":
            return UserSpeechStarted()
        case "user_speech_ended":
            return UserSpeechEnded()
        case "ai_speech_started":
            return AiSpeechStarted()
        case "ai_speech_ended":
            return AiSpeechEnded()
        case _:
            assert_never(event.kind)


class Allowance:
    """So much a second, and a little more at once. Pure: `now` is in seconds."""

    def __init__(self, per_s: int, at_once: int, now: float) -> None:
        self._per_s = per_s
        self._at_once = at_once
        self._left = float(at_once)
        self._at = now

    def take(self, amount: int, now: float) -> bool:
        """Whether there is so much left; it is gone then."""
        self._left = min(self._left + (now - self._at) * self._per_s, self._at_once)
        self._at = now
        if amount > self._left:
            return False
        self._left -= amount
        return True


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
        self._malformed = 0
        self._now = asyncio.get_running_loop().time
        self._messages = Allowance(_MESSAGES_PER_S, _MESSAGES_AT_ONCE, self._now())

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Upgrade the request and stay until the conversation is over or paused."""
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE_BYTES,
            compress=False,
            timeout=CLOSE_S,
            heartbeat=self._settings.quiet_ms / 1000,
        )
        await socket.prepare(request)
        leg = WebSocketLeg(socket, request.transport)
        try:
            init = await self._until_init(socket, leg)
            # What `end` remains if a bug ends the call: its context swallows the exception.
            end = Close(1011, "the server failed")
            async with self._admit(init, leg, request.headers.get("Origin", "")) as session:
                leg.open()
                # Leaving the context hangs the leg up: it has to know how.
                end = leg.end = await self._stream(socket, leg, session)
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

    async def _until_init(self, socket: web.WebSocketResponse, leg: WebSocketLeg) -> Init:
        deadline = self._settings.start_ms / 1000
        try:
            async with asyncio.timeout(deadline):
                while True:
                    match await self._next(socket, leg):
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
        self, socket: web.WebSocketResponse, leg: WebSocketLeg, session: Session
    ) -> Close:
        """Pass on what arrives until the socket ends; return how to close.

        Returned, not raised: the call's task group, in which this runs, would wrap it.
        """
        rate = leg.format.rate
        audio = Allowance(rate, rate * _AHEAD_MS // 1000, self._now())
        muted = False
        try:
            while True:
                match message := await self._next(socket, leg):
                    case bytes():
                        if not muted and message:
                            self._hear(message, leg, session.line, audio)
                    case Mute():
                        if message.muted and not muted:
                            session.line.hear(bytes(2 * rate * _MUTE_MS // 1000))
                        muted = message.muted
                    case End():
                        session.live.paused = True
                        token = session.resume_token()
                        leg.tell(Paused(session.live.conversation_id, token))
                        return Close(1000, "paused")
                    case Init():
                        return Close(1002, "a second init")
                    case None:
                        pass
                    case _:
                        self._act(message, leg, session)
        except _Gone:
            if not leg.hung_up:
                session.live.paused = True  # The network is gone; the user may come back.
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

    def _act(
        self,
        message: UpdateState | SayText | ReactTo | UserText | Played,
        leg: WebSocketLeg,
        session: Session,
    ) -> None:
        live = session.live
        match message:
            case Played(generation, samples):
                for name in leg.played(generation, samples):
                    session.line.acknowledged(name)
            case UpdateState(state):
                try:
                    live.merge_state(state)
                except StateRefused as refusal:
                    leg.tell(Error("state_refused", str(refusal)))
            case SayText(text):
                live.say(text)
            case ReactTo(text):
                live.react(text)
            case UserText(text):
                live.typed(text)
            case _:
                assert_never(message)

    async def _next(
        self, socket: web.WebSocketResponse, leg: WebSocketLeg
    ) -> FromClient | bytes | None:
        """The next message; None for one that is none. Raises Close, and _Gone at the end."""
        message = await socket.receive()
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            raise _Gone
        if not self._messages.take(1, self._now()):
            raise Refused(1008, "too_many_messages", "too many messages at once")
        if message.type is WSMsgType.BINARY:
            audio: bytes = message.data
            return audio
        try:
            return parse_client(message.data)
        except MalformedMessage as error:
            self._count("malformed")
            self._malformed += 1
            log.warning("media_message_malformed", problem=str(error)[:120])
            if self._malformed >= self._settings.malformed_messages:
                raise Close(1007, "too many messages that cannot be understood") from error
            leg.tell(Error("malformed", str(error)))
            return None
