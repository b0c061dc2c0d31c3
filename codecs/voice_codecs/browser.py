"""The messages on the media socket of browsers, games and other clients: parse, serialize.

Text frames are JSON objects with a `type`; binary frames are audio, PCM16 mono at the rate that
`init` asked for, in both directions. docs/browser.md tells the protocol as a story.

Audio that the server sends belongs to a *generation*, counted from 0. `flush` begins the next one:
what was sent before it and not played yet is to be thrown away. The client tells how many samples
of the present generation it has played, so that the server knows what was heard.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

MAX_MESSAGE_BYTES = 65_536
RATES = (8000, 16_000)

_Text = Annotated[str, Meta(min_length=1, max_length=4000)]
_Name = Annotated[str, Meta(max_length=200)]
_Count = Annotated[int, Meta(ge=0, le=2**53)]


class MalformedMessage(ValueError):
    """It is no message of this protocol. The text names the field, never its value."""


# From the client ---------------------------------------------------------------------------------


class Init(Struct, frozen=True, rename="camel", tag_field="type", tag="init"):
    """The first message: begin a conversation, or go on with one."""

    token: Annotated[str, Meta(max_length=8192)]
    """A session token, or a resume token."""
    persona_id: _Name = ""
    persona_name: _Name = ""
    user_id: _Name = ""
    conversation_id: _Name = ""
    """The one to go on with; it may be left out, the token names it."""
    details: dict[str, Any] = {}
    sample_rate: int = 16_000
    """Hertz, one of `RATES`."""
    unsaved: bool = False
    """Nothing of the conversation is to be kept."""


class UpdateState(Struct, frozen=True, tag_field="type", tag="update_state"):
    """Merge these keys into the conversation's state."""

    state: dict[str, Any]


class SayText(Struct, frozen=True, tag_field="type", tag="say_text"):
    """The agent shall say exactly this."""

    text: _Text


class ReactTo(Struct, frozen=True, tag_field="type", tag="react_to"):
    """Something happened that the agent shall speak of."""

    text: _Text


class UserText(Struct, frozen=True, tag_field="type", tag="user_text"):
    """The user wrote this instead of speaking."""

    text: _Text


class Mute(Struct, frozen=True, tag_field="type", tag="mute"):
    """The microphone is off, or on again."""

    muted: bool


class Played(Struct, frozen=True, tag_field="type", tag="played", gc=False):
    """So many samples of the generation have been played."""

    generation: _Count
    samples: _Count


class Ping(Struct, frozen=True, tag_field="type", tag="ping"):
    """Are you there? Pages cannot see the pings of a WebSocket."""


class End(Struct, frozen=True, tag_field="type", tag="end"):
    """Pause the conversation: it can be resumed."""


class Offer(Struct, frozen=True):
    """Begin a conversation over WebRTC: the body of a request, not of a frame."""

    sdp: Annotated[str, Meta(min_length=1)]
    init: Init


class Reoffer(Struct, frozen=True):
    """Go on with it over a new connection."""

    sdp: Annotated[str, Meta(min_length=1)]
    received: _Count = 0
    """Messages that the client has got so far."""


FromClient = Init | UpdateState | SayText | ReactTo | UserText | Mute | Played | Ping | End


# From the server ---------------------------------------------------------------------------------


class Ready(Struct, frozen=True, rename="camel", tag_field="type", tag="ready"):
    """The conversation has begun, or goes on."""

    conversation_id: str
    resume_token: str
    """Goes on with this conversation, for as long as a session token is valid."""
    sample_rate: int
    resumed: bool
    state: dict[str, Any]


class ActionTaken(Struct, frozen=True, tag_field="type", tag="action"):
    """The agent did something that clients carry out."""

    action: Mapping[str, Any]
    """The action's values by its name."""


class StateUpdated(Struct, frozen=True, tag_field="type", tag="state_updated"):
    """The state is this now, all of it."""

    state: Mapping[str, Any]


class Said(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One contribution to the conversation, as it stands now."""

    message_id: str
    source: Literal["user", "ai"]
    content: str
    """For the agent: what was heard of it."""
    intended: str = ""
    """For the agent: all that it is going to say, as far as it is known."""
    withdrawn: bool = False
    """It was taken back: show it no more."""


class MessagesUpdate(Struct, frozen=True, tag_field="type", tag="messages_update"):
    """The contributions that are new or have changed."""

    messages: list[Said]
    interim: str = ""
    """What the user is saying just now, as far as it is understood; empty if that is nothing."""


class UserSpeechStarted(Struct, frozen=True, tag_field="type", tag="user_speech_started"):
    """The user speaks."""


class UserSpeechEnded(Struct, frozen=True, tag_field="type", tag="user_speech_ended"):
    """The user pauses."""


class AiSpeechStarted(Struct, frozen=True, tag_field="type", tag="ai_speech_started"):
    """The agent's first audio of a reply was sent."""


class AiSpeechEnded(Struct, frozen=True, tag_field="type", tag="ai_speech_ended"):
    """The agent has finished, or was interrupted."""


class MessageLimitReached(Struct, frozen=True, tag_field="type", tag="message_limit_reached"):
    """The user has had as many answers as the persona gives; told once."""

    message: str
    """What the agent says of it, from now on instead of answers."""


class Flush(Struct, frozen=True, tag_field="type", tag="flush"):
    """Stop playing at once, and throw away what was not played. Audio that follows is of
    `generation`."""

    generation: int


class Paused(Struct, frozen=True, rename="camel", tag_field="type", tag="paused"):
    """The conversation has ended as `End` asked."""

    conversation_id: str
    resume_token: str


class Pong(Struct, frozen=True, tag_field="type", tag="pong"):
    """The answer to `Ping`."""


class Error(Struct, frozen=True, tag_field="type", tag="error"):
    """Something went wrong; the socket is closed behind it where that ends the conversation."""

    code: str
    """A word for programs, see docs/browser.md."""
    message: str
    """A sentence for people."""


FromServer = (
    Ready
    | ActionTaken
    | StateUpdated
    | MessagesUpdate
    | UserSpeechStarted
    | UserSpeechEnded
    | AiSpeechStarted
    | AiSpeechEnded
    | MessageLimitReached
    | Flush
    | Paused
    | Pong
    | Error
)


_from_client: msgspec.json.Decoder[FromClient] = msgspec.json.Decoder(FromClient)
_from_server: msgspec.json.Decoder[FromServer] = msgspec.json.Decoder(FromServer)
_offer: msgspec.json.Decoder[Offer] = msgspec.json.Decoder(Offer)
_reoffer: msgspec.json.Decoder[Reoffer] = msgspec.json.Decoder(Reoffer)
_encoder = msgspec.json.Encoder(enc_hook=str)


def parse_client(text: str) -> FromClient:
    """What a client says. Raises MalformedMessage."""
    try:
        return _from_client.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise MalformedMessage(_problem(error)) from None


def parse_offer(body: bytes) -> Offer:
    """Raises MalformedMessage."""
    try:
        return _offer.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedMessage(_problem(error)) from None


def parse_reoffer(body: bytes) -> Reoffer:
    """Raises MalformedMessage."""
    try:
        return _reoffer.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedMessage(_problem(error)) from None


def parse_server(text: str) -> FromServer:
    """What the server says. Raises MalformedMessage."""
    try:
        return _from_server.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise MalformedMessage(_problem(error)) from None


def serialize(message: FromClient | FromServer) -> str:
    """The message as the text of one frame. Raises ValueError for what JSON cannot hold."""
    return _encoder.encode(message).decode()


def _problem(error: Exception) -> str:
    """The reason without the value, which may be somebody's words."""
    if isinstance(error, msgspec.ValidationError):
        _, found, place = str(error).rpartition(" - at `")
        return f"a field is wrong: {place.rstrip('`')}" if found else "a field is wrong or missing"
    return "it is no JSON"
