"""What the engine asks of the world, in shapes of one to four methods.

Providers satisfy these Protocols without inheriting from them; wrappers (fallback, metering, time
budgets) satisfy the same Protocol as what they wrap. Audio is mono in the named `AudioFormat`.
Methods that are not ``async`` are called on the frame path: they must return in microseconds, never
block and never raise for a provider's failure (that is *reported*).
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from voice_codecs.pcm import AudioFormat

from .conversation.commands import Message
from .errors import ProviderError


class Clock(Protocol):
    """Integer milliseconds that never go backwards."""

    def now(self) -> int: ...


@runtime_checkable
class Warming(Protocol):
    """A provider that answers sooner if its connections are open before they are needed.

    A stage may be one or not; a wrapper passes it on to each of what it wraps that is.
    """

    async def warm(self) -> None:
        """Open what the next request needs, if that is not open. Costs nothing, is bounded in time.

        It never raises ProviderError: the request that comes will say what is wrong.
        """


# Speech to text ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a recognizer makes of the words since the last `reset`, all of them."""

    text: str
    request: int | None
    """The number given to `Recognizer.settle` if this answers it, else None: an interim."""
    end_probability: float | None = None
    """That the speaker has finished, from a recognizer that judges it; of the pause that was asked
    about last."""


class Recognizer(Protocol):
    """One leg's ear. The *utterance* is everything fed since `reset` (or since the start)."""

    def feed(self, audio: bytes) -> None:
        """Take the next audio, in the provider's `format`; any length."""

    def voiced(self, speaking: bool) -> None:
        """Speech began (True) or paused (False), as the gate hears it; a hint to save work."""

    def settle(self, request: int) -> None:
        """Report, exactly once per request, a `Hypothesis` of the utterance up to this moment.

        A newer request may replace an older unanswered one; the older then stays unanswered.
        """

    def reset(self) -> None:
        """Forget the utterance: its words have been taken. What is fed from now on counts."""


HypothesisSink = Callable[[Hypothesis | ProviderError], None]


class SpeechToText(Protocol):
    """Speech recognition for any number of legs at once."""

    @property
    def format(self) -> AudioFormat:
        """What `Recognizer.feed` wants. A carrier's own format passes through unchanged."""

    def listen(self, report: HypothesisSink) -> AbstractAsyncContextManager[Recognizer]:
        """Open an ear; `report` is called on the event loop, never from another thread."""


# Language ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model wants something done. `arguments` is JSON text as the model wrote it."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that the model may want done."""

    name: str
    description: str
    """When to do it."""
    parameters: Mapping[str, object]
    """JSON Schema of the arguments, an object."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one reply cost in tokens, as the provider counts them; no output of the model."""

    input_tokens: int
    """All that the model read, those from a cache included."""
    cached_tokens: int
    """Those of the input that were read from the provider's cache."""
    output_tokens: int


ReplyDelta = str | ToolCall | Usage


class LanguageModel(Protocol):
    """Any chat model that streams."""

    def reply(
        self, messages: Sequence[Message], tools: Sequence[Tool] = ()
    ) -> AsyncIterator[ReplyDelta]:
        """Stream the next message. Closing the iterator stops the model. Raises ProviderError.

        `Usage` comes last, once, from models that tell it.
        """


@runtime_checkable
class Prefilling(Protocol):
    """A model that can read a prompt ahead of time."""

    async def prefill(self, messages: Sequence[Message]) -> None:
        """Read `messages` into the cache and write nothing. Raises ProviderError."""


# Text to speech ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """Some audio of the text being spoken."""

    audio: bytes
    words: tuple[tuple[str, int], ...] = ()
    """(word with the white space that precedes it, sample within the whole text at which it ends),
    where the provider tells; the playout ledger estimates by length otherwise."""


class TextToSpeech(Protocol):
    """Speech synthesis."""

    @property
    def format(self) -> AudioFormat:
        """What `speak` yields."""

    def speak(self, text: str) -> AsyncIterator[SpeechChunk]:
        """Stream the speech of one clause or sentence. Raises ProviderError."""


# Voice activity and end of turn ------------------------------------------------------------------


ScoreSink = Callable[[float, int], None]
"""(score in 0..1, number of the sample after the window's last, counted from the leg's start)."""


class VoiceStream(Protocol):
    """The voice activity of one leg."""

    def feed(self, pcm: bytes) -> None:
        """Take PCM16 at 8 kHz; scores are reported in order, at once or on the next tick."""

    def close(self) -> None: ...


class VoiceActivityDetector(Protocol):
    """One detector for all legs of the process."""

    def open(self, report: ScoreSink) -> VoiceStream: ...

    def tick(self) -> None:
        """Score every window that is due; called by the metronome every 20 ms."""


class TurnDetector(Protocol):
    """Judges from the sound of it whether the speaker has finished."""

    async def probability(self, pcm: bytes) -> float:
        """Probability that the turn ends here. PCM16 8 kHz, at most 8 s. Raises ProviderError."""


# Actions -----------------------------------------------------------------------------------------


class Actions(Protocol):
    """What the agent can do in the world."""

    @property
    def names(self) -> Collection[str]:
        """All that there are, whether they may be wanted at the moment or not."""

    def tools(self) -> Sequence[Tool]:
        """What may be wanted at the moment."""

    async def run(self, name: str, arguments: str, key: str) -> tuple[str, bool]:
        """Do it within a time of its own; return (what the LLM is told, whether to speak of it).

        Failures are results too. `arguments` is JSON text as the model wrote it. What was run
        under one `key` is never run again.
        """


# Legs --------------------------------------------------------------------------------------------


class Leg(Protocol):
    """The way to one party: a carrier's stream, a browser, or memory."""

    @property
    def format(self) -> AudioFormat:
        """Of the audio in both directions."""

    def send(self, audio: bytes) -> None:
        """Play after what was sent before. Never blocks; a dead transport swallows it."""

    def mark(self, name: str) -> None:
        """Have `name` acknowledged when all audio sent so far has been played (or cleared)."""

    def clear(self) -> None:
        """Drop what was sent and not yet played; pending marks are acknowledged at once."""

    async def hang_up(self) -> None:
        """End the line. Idempotent, bounded in time."""
