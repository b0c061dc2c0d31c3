"""What the world tells a conversation: facts, in the past tense.

Events about speech name the `leg` they were heard on; results of the LLM, the TTS, an action or the
playout carry the `turn` of the reply that they belong to. They are msgspec structs because the
journal stores each of them as one tagged JSON object.
"""

import msgspec

from .commands import Message


class LegJoined(msgspec.Struct, frozen=True, tag=True):
    """A party is on the line. The first one is the caller, whom the agent greets."""

    leg: str


class LegLeft(msgspec.Struct, frozen=True, tag=True):
    """A party hung up or its transport broke."""

    leg: str


class SpeechStarted(msgspec.Struct, frozen=True, tag=True):
    """The gate opened: a first voiced window. A *candidate*; it may be a cough."""

    leg: str


class SpeechConfirmed(msgspec.Struct, frozen=True, tag=True):
    """Enough of the last windows were voiced: somebody speaks."""

    leg: str


class SpeechStopped(msgspec.Struct, frozen=True, tag=True):
    """A pause. Not the end of the turn."""

    leg: str
    silence_ms: int
    """How long the silence has lasted already, by the audio, when the gate told."""


class Transcribed(msgspec.Struct, frozen=True, tag=True):
    """All words of the utterance, as far as the recognizer knows them."""

    leg: str
    text: str
    request: int | None = None
    """The number of the `Settle` that this answers; None for an interim."""


class TranscriptionFailed(msgspec.Struct, frozen=True, tag=True):
    """The recognizer failed; the words since its last report may be lost."""

    leg: str
    reason: str
    provider: str = ""


class TurnEndPredicted(msgspec.Struct, frozen=True, tag=True):
    """What the end-of-turn model thinks of the pause that `request` was asked in."""

    leg: str
    request: int
    probability: float


class KeyPressed(msgspec.Struct, frozen=True, tag=True):
    """A DTMF key."""

    leg: str
    key: str


class ReplyStarted(msgspec.Struct, frozen=True, tag=True):
    """The LLM's first token came."""

    turn: int


class ReplyText(msgspec.Struct, frozen=True, tag=True):
    """The LLM wrote one more speakable piece: a clause or a sentence."""

    turn: int
    text: str


class ReplyAction(msgspec.Struct, frozen=True, tag=True):
    """The LLM wants something done."""

    turn: int
    name: str
    arguments: str
    """JSON text."""


class ReplyUsage(msgspec.Struct, frozen=True, tag=True):
    """The provider told what the reply cost. The conversation does not care; reports do."""

    turn: int
    input_tokens: int
    """All that the LLM read, those from a cache included."""
    cached_tokens: int
    output_tokens: int


class ReplyEnded(msgspec.Struct, frozen=True, tag=True):
    """The LLM has said all."""

    turn: int


class ReplyFailed(msgspec.Struct, frozen=True, tag=True):
    """The LLM failed before it had said all."""

    turn: int
    reason: str
    provider: str = ""


class SpeechReady(msgspec.Struct, frozen=True, tag=True):
    """The first audio of piece `piece` of a reply has been synthesized."""

    turn: int
    piece: int


class SpeechEnded(msgspec.Struct, frozen=True, tag=True):
    """All audio of piece `piece` has been synthesized."""

    turn: int
    piece: int
    audio_ms: int


class SpeechFailed(msgspec.Struct, frozen=True, tag=True):
    """Piece `piece` could not be synthesized (further)."""

    turn: int
    piece: int
    reason: str
    provider: str = ""


class PlaybackStarted(msgspec.Struct, frozen=True, tag=True):
    """The first audio of a reply was sent to the leg."""

    leg: str
    turn: int


class Heard(msgspec.Struct, frozen=True, tag=True):
    """This much of a reply's text has been heard, counted from its beginning."""

    leg: str
    turn: int
    text: str
    audio_ms: int
    """How much of the reply's audio has been played."""


class PlaybackEnded(msgspec.Struct, frozen=True, tag=True):
    """Everything that a reply had to play has been played."""

    leg: str
    turn: int


class ActionEnded(msgspec.Struct, frozen=True, tag=True):
    """An action that was started is over, well or badly."""

    action: int
    result: str
    """What the LLM is told."""
    react: bool
    """Whether the agent should say something about it."""


class HangUpRequested(msgspec.Struct, frozen=True, tag=True):
    """The server wants the call to end (drain deadline, operator), or the agent itself."""

    reason: str
    after_speech: bool = False
    """Once the agent has said what it is saying, instead of a good-bye at once."""


class HistoryRestored(msgspec.Struct, frozen=True, tag=True):
    """The conversation goes on where it was left; told before anybody joins."""

    messages: tuple[Message, ...]
    note: str = ""
    """What has happened meanwhile, for the LLM; the agent speaks of it first if there is any."""


class UserTyped(msgspec.Struct, frozen=True, tag=True):
    """A party wrote instead of speaking."""

    leg: str
    text: str


class SayRequested(msgspec.Struct, frozen=True, tag=True):
    """The agent shall say exactly this."""

    text: str
    hang_up: str = ""
    """Why the call ends when it was heard: nobody is listened to meanwhile. Empty if it does not.
    """


class ReactRequested(msgspec.Struct, frozen=True, tag=True):
    """Something happened that the agent shall know and speak of."""

    text: str


class MessagesSpent(msgspec.Struct, frozen=True, tag=True):
    """The caller may have no further answers; is told so instead."""

    text: str


class Tick(msgspec.Struct, frozen=True, tag=True):
    """The deadline that the conversation asked for has passed."""


Listened = (
    SpeechStarted
    | SpeechConfirmed
    | SpeechStopped
    | Transcribed
    | TranscriptionFailed
    | TurnEndPredicted
)
"""What is heard of a leg."""

Prepared = (
    ReplyStarted
    | ReplyText
    | ReplyAction
    | ReplyEnded
    | ReplyFailed
    | SpeechReady
    | SpeechEnded
    | SpeechFailed
)
"""How a reply comes about."""

Played = PlaybackStarted | Heard | PlaybackEnded
"""What a leg has been played."""

Told = (
    LegJoined
    | LegLeft
    | KeyPressed
    | ActionEnded
    | HangUpRequested
    | HistoryRestored
    | UserTyped
    | SayRequested
    | ReactRequested
    | MessagesSpent
    | ReplyUsage
    | Tick
)
"""Everything else."""

Event = Listened | Prepared | Played | Told
