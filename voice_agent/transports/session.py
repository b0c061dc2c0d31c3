"""What clients' transports share: who may talk, what clients may say, what they are told.

A client is a browser, a game, another server. Whatever carries its messages (a WebSocket, a data
channel), they mean the same: see docs/browser.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never

import structlog

from voice_codecs.browser import (
    ActionTaken,
    AiSpeechEnded,
    AiSpeechStarted,
    End,
    Error,
    FromClient,
    FromServer,
    Init,
    MalformedMessage,
    MessageLimitReached,
    MessagesUpdate,
    Mute,
    Paused,
    Ping,
    Played,
    Pong,
    ReactTo,
    Said,
    SayText,
    StateUpdated,
    UpdateState,
    UserSpeechEnded,
    UserSpeechStarted,
    UserText,
    parse_client,
)
from voice_pipelines.engine.line import Line
from voice_pipelines.ports import Leg

from ..actions.state import StateRefused
from ..calls.captions import ClientEvent
from ..calls.live import LiveCall
from .sending import Close

_MESSAGES_PER_S, _MESSAGES_AT_ONCE = 200, 1000
_MUTE_MS = 1000
"""Silence that is heard when the microphone goes off, so that what was said before it ends."""

log = structlog.get_logger()


class Refused(Close):
    """The client is told why, with a code for programs, and its connection is closed."""

    def __init__(self, code: int, error: str, reason: str) -> None:
        super().__init__(code, reason)
        self.error = error


def error_of(refusal: Close) -> Error:
    """What the client is told of it."""
    code = refusal.error if isinstance(refusal, Refused) else "protocol"
    return Error(code, refusal.reason)


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation that a client was admitted to."""

    line: Line
    live: LiveCall
    resume_token: Callable[[], str]


class ClientLeg(Leg, Protocol):
    """A leg whose far end understands messages too."""

    def begin(self, rate: int, opening: Sequence[FromServer]) -> None:
        """The format is known. `opening` is said before anything else, once there is a call."""

    def tell(self, message: FromServer) -> None:
        """Send a message to the client."""


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


class ClientMessages:
    """Reads what one client says, and does what it asks."""

    def __init__(
        self,
        leg: ClientLeg,
        most_malformed: int,
        count: Callable[[str], None],
        now: Callable[[], float],
    ) -> None:
        """`count` is told each message that was ignored, by kind; `now` is in seconds."""
        self._leg = leg
        self._most_malformed = most_malformed
        self._count = count
        self._now = now
        self._malformed = 0
        self._allowance = Allowance(_MESSAGES_PER_S, _MESSAGES_AT_ONCE, now())
        self.muted = False
        """The microphone is off; what comes from it is not heard."""

    def came(self) -> None:
        """A message came. Raises Refused if there are too many."""
        if not self._allowance.take(1, self._now()):
            raise Refused(1008, "too_many_messages", "too many messages at once")

    def parse(self, text: str) -> FromClient | None:
        """The message; None for one that is none. Raises Close when there are too many of those."""
        try:
            return parse_client(text)
        except MalformedMessage as error:
            self._count("malformed")
            self._malformed += 1
            log.warning("media_message_malformed", problem=str(error)[:120])
            if self._malformed >= self._most_malformed:
                raise Close(1007, "too many messages that cannot be understood") from error
            self._leg.tell(Error("malformed", str(error)))
            return None

    def act(self, message: FromClient, session: Session) -> None:
        """Do what the client asks. Raises Close when the conversation is over for it.

        What was played is the leg's business.
        """
        live = session.live
        match message:
            case Mute(muted):
                if muted and not self.muted:
                    session.line.hear(bytes(self._leg.format.bytes_for(_MUTE_MS)))
                self.muted = muted
            case End():
                live.paused = True
                self._leg.tell(Paused(live.conversation_id, session.resume_token()))
                raise Close(1000, "paused")
            case Init():
                raise Close(1002, "a second init")
            case UpdateState(state):
                try:
                    live.merge_state(state)
                except StateRefused as refusal:
                    self._leg.tell(Error("state_refused", str(refusal)))
            case SayText(text):
                live.say(text)
            case ReactTo(text):
                live.react(text)
            case UserText(text):
                live.typed(text)
            case Ping():
                self._leg.tell(Pong())
            case Played():
                pass
            case _:
                assert_never(message)


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
        case "message_limit_reached":
            return MessageLimitReached(event.body["message"])
        case _:
            assert_never(event.kind)
