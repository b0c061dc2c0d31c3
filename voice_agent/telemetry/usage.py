"""What a call used of its providers, as a pure function of its events and commands."""

from collections.abc import Collection
from dataclasses import dataclass, field

from voice_pipelines.conversation.commands import (
    CancelReply,
    Command,
    HangUp,
    Speak,
    StartReply,
)
from voice_pipelines.conversation.events import (
    Event,
    LegJoined,
    LegLeft,
    ReplyUsage,
    SpeechReady,
)


@dataclass(slots=True)
class CallUsage:
    """What one call used, drafts that nobody heard included: they cost as much."""

    requests: int = 0
    """How often the LLM was asked for a reply."""
    counted: int = 0
    """How many of these replies told their tokens. One that was cut off does not."""
    input_tokens: int = 0
    """All that the LLM read, `cached_tokens` included."""
    cached_tokens: int = 0
    output_tokens: int = 0
    characters: int = 0
    """Characters that the TTS began to speak; fixed phrases were synthesized beforehand."""
    listened_ms: int = 0
    """How long the recognizer listened, summed over the legs."""


@dataclass(slots=True)
class UsageMeter:
    """Collects what a call uses from its events and commands in their order."""

    phrases: Collection[str] = ()
    """Texts that were synthesized when the server started."""
    usage: CallUsage = field(default_factory=CallUsage)
    _joined: dict[str, int] = field(default_factory=dict)
    _waiting: dict[int, dict[int, int]] = field(default_factory=dict)
    """By turn and piece the characters that the TTS has not begun to speak."""

    def event(self, now: int, event: Event) -> None:
        usage = self.usage
        match event:
            case LegJoined(leg):
                self._joined.setdefault(leg, now)
            case LegLeft(leg) if leg in self._joined:
                usage.listened_ms += now - self._joined.pop(leg)
            case ReplyUsage(_, read, cached, written):
                usage.counted += 1
                usage.input_tokens += read
                usage.cached_tokens += min(cached, read)
                usage.output_tokens += written
            case SpeechReady(turn, piece) if turn in self._waiting:
                usage.characters += self._waiting[turn].pop(piece, 0)
            case _:
                pass

    def command(self, now: int, command: Command) -> None:
        match command:
            case StartReply():
                self.usage.requests += 1
            case Speak(turn, piece, text):
                # A phrase after a piece that waits for the TTS waits for it too.
                if turn in self._waiting or text not in self.phrases:
                    self._waiting.setdefault(turn, {})[piece] = len(text)
            case CancelReply(turn):
                self._waiting.pop(turn, None)
            case HangUp():
                self.close(now)
            case _:
                pass

    def close(self, now: int) -> None:
        """The call is over."""
        self.usage.listened_ms += sum(now - joined for joined in self._joined.values())
        self._joined.clear()
