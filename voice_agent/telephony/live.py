"""What the telephone needs of a live call and its conversation, whoever runs them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..settings import Settings
from .tokens import TokenStore


class LiveCall(Protocol):
    """A call that has a media stream now."""

    @property
    def conversation_id(self) -> str: ...

    @property
    def call_sid(self) -> str:
        """The carrier's name of the call."""

    @property
    def persona(self) -> str:
        """The id of the persona that speaks."""

    @property
    def remote(self) -> str:
        """The other party's number in E.164; empty if it is withheld."""

    @property
    def own(self) -> str:
        """Our number in E.164."""

    async def spoken(self, within_s: float) -> None:
        """Return when the agent's words so far were heard, or after `within_s`."""

    def end(self, reason: str) -> None:
        """Hang up when the agent's words so far were heard. Says nothing more."""

    def leave_message(self, text: str) -> None:
        """Say `text`, whatever is heard meanwhile, and hang up: this is an answering machine."""

    def play(self, mulaw: bytes) -> None:
        """Play audio that is not speech after what is queued: mu-law, 8 kHz."""

    def leaves(self) -> None:
        """The carrier is about to take the call away from its media stream.

        When the stream ends, the conversation is kept for `Conversations.resume_token`.
        """

    def stays(self) -> None:
        """It does not, after all."""


class LiveCalls(Protocol):
    """The live calls of this process."""

    def find(self, call_sid: str) -> LiveCall | None:
        """The call's media stream, if it has one."""


class Resumable(Protocol):
    """Conversations whose call has left its media stream."""

    def resume_token(self, conversation_id: str) -> str:
        """A single-use token with which a new media stream goes on with the conversation.

        It goes on without a greeting, with all that was said and all state.
        """

    def learn(self, conversation_id: str, fact: str) -> None:
        """Something that the agent is to know and to react to when it is back."""

    def over(self, conversation_id: str, reason: str) -> None:
        """The conversation does not go on."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a media stream's token stands for."""

    remote: str
    """The other party's number as far as it is known."""
    own: str = ""
    """Our number."""
    persona: str = ""
    """Who is to speak; empty for the one that answers at our number."""
    details: Mapping[str, object] = field(default_factory=dict)
    """Of an outgoing call, for the persona's prompt."""
    outgoing: str = ""
    """The id of the outgoing call that this is, if it is one."""
    resumes: str = ""
    """The id of the conversation that goes on, if one does."""


class Tickets:
    """Issues and redeems the tokens of media streams.

    Time is an argument, in milliseconds that never go backwards.
    """

    def __init__(self, ttl_ms: int, ringing_ms: int) -> None:
        """`ringing_ms` is added for streams that begin only when somebody has answered."""
        self._prompt: TokenStore[Ticket] = TokenStore(ttl_ms)
        self._ringing: TokenStore[Ticket] = TokenStore(ttl_ms + ringing_ms)

    def issue(self, ticket: Ticket, now: int, ringing: bool = False) -> str:
        return (self._ringing if ringing else self._prompt).issue(ticket, now)

    def redeem(self, token: str, now: int) -> Ticket | None:
        """What the token stands for, the first time and before it expires."""
        return self._prompt.redeem(token, now) or self._ringing.redeem(token, now)


def tickets(settings: Settings) -> Tickets:
    """The tokens of media streams, for calls in both directions."""
    return Tickets(settings.twilio.token_ms, ringing_ms=settings.outgoing.ring_s * 1000)
