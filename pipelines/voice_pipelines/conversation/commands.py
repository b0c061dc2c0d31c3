"""What a conversation asks of the world: orders, in the imperative."""

from typing import Literal

import msgspec

Role = Literal["system", "user", "assistant"]


class Message(msgspec.Struct, frozen=True):
    """One line of what the LLM is shown."""

    role: Role
    text: str


class Settle(msgspec.Struct, frozen=True, tag=True):
    """Ask the recognizer of `leg` for the words so far; answered by `Transcribed(request=…)`."""

    leg: str
    request: int


class PredictTurnEnd(msgspec.Struct, frozen=True, tag=True):
    """Ask the end-of-turn model about the pause on `leg`; answered by `TurnEndPredicted`."""

    leg: str
    request: int


class StartUtterance(msgspec.Struct, frozen=True, tag=True):
    """The words of `leg` have been taken: the recognizer begins anew."""

    leg: str


class Prefill(msgspec.Struct, frozen=True, tag=True):
    """The caller will probably say at least this: let the LLM read it already."""

    history: tuple[Message, ...]


class StartReply(msgspec.Struct, frozen=True, tag=True):
    """Let the LLM answer `history`. Nothing is played before `Release`."""

    turn: int
    history: tuple[Message, ...]
    reaction: bool = False
    """It answers no new words of the caller: it speaks of something else, or is asked again."""
    again: int = 0
    """The turn that it takes the place of, because its request failed; 0 if there is none."""


class Speak(msgspec.Struct, frozen=True, tag=True):
    """Synthesize a piece of a reply and queue it for playout. Pieces count from 0."""

    turn: int
    piece: int
    text: str


class Finish(msgspec.Struct, frozen=True, tag=True):
    """No further pieces will follow for `turn`: report `PlaybackEnded` after the last one."""

    turn: int


class Release(msgspec.Struct, frozen=True, tag=True):
    """Play what is and will be queued for `turn`."""

    turn: int


class Duck(msgspec.Struct, frozen=True, tag=True):
    """Play `turn` more quietly: somebody may be speaking."""

    turn: int


class Unduck(msgspec.Struct, frozen=True, tag=True):
    """Play `turn` at full level again."""

    turn: int


class Pause(msgspec.Struct, frozen=True, tag=True):
    """Stop playing `turn` at once and remember the sample."""

    turn: int


class Resume(msgspec.Struct, frozen=True, tag=True):
    """Go on with `turn` at the sample where it was paused."""

    turn: int


class Silence(msgspec.Struct, frozen=True, tag=True):
    """Drop every sample of `turn` that has not been heard."""

    turn: int


class CancelReply(msgspec.Struct, frozen=True, tag=True):
    """Stop the LLM and TTS work for `turn`."""

    turn: int


class RunAction(msgspec.Struct, frozen=True, tag=True):
    """Do something in the world; answered exactly once by `ActionEnded(action=…)`."""

    action: int
    turn: int
    name: str
    arguments: str


class HangUp(msgspec.Struct, frozen=True, tag=True):
    """End the call."""

    reason: str


Steering = Speak | Finish | Release | Duck | Unduck | Pause | Resume | Silence
"""What every leg's player does with a reply."""

Command = (
    Settle
    | PredictTurnEnd
    | StartUtterance
    | Prefill
    | StartReply
    | Steering
    | CancelReply
    | RunAction
    | HangUp
)
