"""Speech and language providers that follow a script: for tests, demonstrations and benchmarks.

What they say, when, and how they fail is given beforehand; nothing is random. They cost next to
nothing: no tasks, no waiting where a delay is zero, audio that was made once.

A `Fault` tells how one request goes wrong. Requests are counted from 0 by each provider, over all
calls; one without a fault in `faults` succeeds.
"""

import asyncio
import math
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from enum import Enum
from itertools import accumulate

import msgspec

from voice_codecs import g711
from voice_codecs.pcm import MULAW_8K, AudioFormat
from voice_pipelines.conversation.commands import Message
from voice_pipelines.errors import ProviderError, ProviderGarbled, ProviderUnavailable
from voice_pipelines.ports import (
    Hypothesis,
    HypothesisSink,
    Recognizer,
    ReplyDelta,
    SpeechChunk,
    Tool,
    ToolCall,
    Usage,
)

# Faults ------------------------------------------------------------------------------------------


class Outcome(Enum):
    """How a request ends."""

    OK = "ok"
    STALL = "stall"
    """It is never answered, and no error is raised: an open socket that says nothing."""
    FAIL = "fail"
    """ProviderUnavailable instead of an answer."""
    GARBAGE = "garbage"
    """ProviderGarbled instead of an answer."""
    STALL_MIDWAY = "stall_midway"
    """Half of the answer, then nothing more."""
    FAIL_MIDWAY = "fail_midway"
    """Half of the answer, then ProviderUnavailable."""


class Fault(msgspec.Struct, frozen=True):
    """What happens to one request."""

    outcome: Outcome = Outcome.OK
    delay_ms: int = 0
    """Added to the delay that the provider has anyway."""
    reason: str = "scripted"

    @property
    def midway(self) -> bool:
        """Whether half of the answer arrives."""
        return self.outcome in (Outcome.STALL_MIDWAY, Outcome.FAIL_MIDWAY)

    def error(self, provider: str) -> ProviderError | None:
        """What is raised or reported, if anything is."""
        match self.outcome:
            case Outcome.FAIL | Outcome.FAIL_MIDWAY:
                return ProviderUnavailable(provider, self.reason)
            case Outcome.GARBAGE:
                return ProviderGarbled(provider, self.reason)
            case _:
                return None


FINE = Fault()
Faults = Mapping[int, Fault]


async def _wait(ms: float) -> None:
    if ms > 0:
        await asyncio.sleep(ms / 1000)


async def _go_wrong(provider: str, fault: Fault) -> None:
    """Raise the error of `fault`, or never return."""
    if (error := fault.error(provider)) is not None:
        raise error
    await asyncio.get_running_loop().create_future()


# Speech to text ----------------------------------------------------------------------------------


class ScriptedSpeechToText:
    """Hears what it was told to hear: on each leg `texts` in turn, one an utterance, and again.

    An utterance without any audio is heard as "". With `interim_delay_ms` it reports one more word
    each time that much has passed while the leg is voiced. Faults count the requests to settle.
    """

    def __init__(
        self,
        texts: str | Sequence[str],
        *,
        settle_delay_ms: int = 0,
        interim_delay_ms: int | None = None,
        faults: Faults | None = None,
        audio_format: AudioFormat = MULAW_8K,
        name: str = "scripted",
    ) -> None:
        self.name = name
        self.settle_delay_ms = settle_delay_ms
        self.interim_delay_ms = interim_delay_ms
        self.requests = 0
        """How often a leg was asked to settle."""
        self._texts = (texts,) if isinstance(texts, str) else tuple(texts)
        self._faults = dict(faults or {})
        self._format = audio_format

    @property
    def format(self) -> AudioFormat:
        """Mu-law by default, so that a carrier's audio passes untouched."""
        return self._format

    @asynccontextmanager
    async def listen(self, report: HypothesisSink) -> AsyncIterator[Recognizer]:
        """Open an ear for one leg."""
        ear = _ScriptedRecognizer(self, report)
        try:
            yield ear
        finally:
            ear.close()

    def text_of(self, utterance: int) -> str:
        """What is heard in an utterance of a leg, counted from 0."""
        return self._texts[utterance % len(self._texts)] if self._texts else ""

    def next_fault(self) -> Fault:
        """The fate of the next request to settle."""
        self.requests += 1
        return self._faults.get(self.requests - 1, FINE)


class _ScriptedRecognizer:
    def __init__(self, script: ScriptedSpeechToText, report: HypothesisSink) -> None:
        self._script = script
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._utterance = 0
        self._heard = False
        self._words = 0
        self._answer: asyncio.Handle | None = None
        self._interim: asyncio.Handle | None = None

    def feed(self, audio: bytes) -> None:
        self._heard = True

    def voiced(self, speaking: bool) -> None:
        self._interim = self._cancelled(self._interim)
        if speaking and self._script.interim_delay_ms is not None:
            self._expect_word(self._script.interim_delay_ms)

    def settle(self, request: int) -> None:
        self._answer = self._cancelled(self._answer)
        fault = self._script.next_fault()
        if fault.outcome is Outcome.STALL:
            return
        text = self._script.text_of(self._utterance) if self._heard else ""
        if fault.midway:
            words = text.split()
            text = " ".join(words[: len(words) // 2])
        answer = fault.error(self._script.name) or Hypothesis(text, request)
        if delay_ms := self._script.settle_delay_ms + fault.delay_ms:
            self._answer = self._loop.call_later(delay_ms / 1000, self._report, answer)
        else:
            # Soon, not now: whoever asks is not made to hear the answer inside the question.
            self._answer = self._loop.call_soon(self._report, answer)

    def reset(self) -> None:
        self._answer = self._cancelled(self._answer)
        self._utterance += self._heard
        self._heard = False
        self._words = 0

    def close(self) -> None:
        """Report nothing more."""
        self._answer = self._cancelled(self._answer)
        self._interim = self._cancelled(self._interim)

    def _expect_word(self, delay_ms: int) -> None:
        self._interim = self._loop.call_later(delay_ms / 1000, self._hear_word, delay_ms)

    def _hear_word(self, delay_ms: int) -> None:
        words = self._script.text_of(self._utterance).split()
        if self._words < len(words):
            self._words += 1
            self._expect_word(delay_ms)
            self._report(Hypothesis(" ".join(words[: self._words]), None))

    @staticmethod
    def _cancelled(handle: asyncio.Handle | None) -> None:
        if handle is not None:
            handle.cancel()


# Language ----------------------------------------------------------------------------------------

ScriptedReply = ReplyDelta | Sequence[ReplyDelta]
"""Text, a tool call, what it cost, or several of them in the order in which they come."""


class ScriptedLanguageModel:
    """Gives `replies` in turn, and again: the first to the first message of the user, and so on.

    As the history says whose turn it is, a request made twice is answered twice alike, and any
    number of calls may share the model. Text comes at once, or word by word at `tokens_per_s`.
    """

    def __init__(
        self,
        replies: str | Sequence[ScriptedReply],
        *,
        first_token_ms: int = 0,
        tokens_per_s: float | None = None,
        prefill_ms: int = 0,
        faults: Faults | None = None,
        name: str = "scripted",
    ) -> None:
        self.name = name
        self.requests = 0
        """How many replies were begun."""
        self.prefills = 0
        self.last_messages: tuple[Message, ...] = ()
        """What the latest reply or prefill was asked for with."""
        self._first_token_ms = first_token_ms
        self._pace_ms = 1000 / tokens_per_s if tokens_per_s else 0.0
        self._prefill_ms = prefill_ms
        self._faults = dict(faults or {})
        script = [replies] if isinstance(replies, str) else list(replies)
        self._replies = [_deltas(reply, split=bool(self._pace_ms)) for reply in script]

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[ReplyDelta]:
        """Stream the scripted reply. Raises ProviderError where the faults say so."""
        fault = self._faults.get(self.requests, FINE)
        self.requests += 1
        self.last_messages = tuple(messages)
        deltas = self._reply_to(messages)
        await _wait(self._first_token_ms + fault.delay_ms)
        if fault.outcome is not Outcome.OK:
            deltas = deltas[: (len(deltas) + 1) // 2] if fault.midway else ()
        for number, delta in enumerate(deltas):
            if number:
                await _wait(self._pace_ms)
            yield delta
        if fault.outcome is not Outcome.OK:
            await _go_wrong(self.name, fault)

    async def prefill(self, messages: Sequence[Message]) -> None:
        """Take `prefill_ms`; never fails."""
        self.prefills += 1
        self.last_messages = tuple(messages)
        await _wait(self._prefill_ms)

    def _reply_to(self, messages: Sequence[Message]) -> tuple[ReplyDelta, ...]:
        if not self._replies:
            return ()
        turn = sum(message.role == "user" for message in messages)
        return self._replies[max(0, turn - 1) % len(self._replies)]


def _deltas(reply: ScriptedReply, *, split: bool) -> tuple[ReplyDelta, ...]:
    deltas: list[ReplyDelta] = []
    for part in (reply,) if isinstance(reply, str | ToolCall | Usage) else reply:
        deltas += _words(part) if split and isinstance(part, str) else [part]
    return tuple(deltas)


def _words(text: str) -> list[str]:
    """`text` cut after its words, each with the white space before it."""
    cuts = [at for at in range(1, len(text)) if text[at].isspace() and not text[at - 1].isspace()]
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


# Text to speech ----------------------------------------------------------------------------------

_LOUDNESS = 8000


class ScriptedTextToSpeech:
    """Speaks in a tone of `hertz`: `audio_ms` a piece, or `ms_per_character` where that is None.

    All pieces are cut from one recording. With `word_timings` each chunk says where its words end.
    """

    def __init__(
        self,
        audio_format: AudioFormat = MULAW_8K,
        *,
        first_byte_ms: int = 0,
        audio_ms: int | None = None,
        ms_per_character: int = 60,
        hertz: int = 440,
        word_timings: bool = False,
        faults: Faults | None = None,
        name: str = "scripted",
    ) -> None:
        self.name = name
        self.requests = 0
        """How many pieces were begun."""
        self._format = audio_format
        self._first_byte_ms = first_byte_ms
        self._audio_ms = audio_ms
        self._ms_per_character = ms_per_character
        self._word_timings = word_timings
        self._faults = dict(faults or {})
        self._second = _tone_of_a_second(audio_format, hertz)
        self._piece = self._record(audio_ms) if audio_ms is not None else b""

    @property
    def format(self) -> AudioFormat:
        """What `speak` yields."""
        return self._format

    async def speak(self, text: str) -> AsyncGenerator[SpeechChunk]:
        """Yield the tone in one chunk. Raises ProviderError where the faults say so."""
        fault = self._faults.get(self.requests, FINE)
        self.requests += 1
        await _wait(self._first_byte_ms + fault.delay_ms)
        if fault.outcome is Outcome.OK:
            if chunk := self._say(text):
                yield chunk
            return
        if fault.midway and (chunk := self._say(text)):
            half = self._format.samples(chunk.audio) // 2
            heard = tuple(word for word in chunk.words if word[1] <= half)
            yield SpeechChunk(chunk.audio[: half * self._format.sample_width], heard)
        await _go_wrong(self.name, fault)

    def _say(self, text: str) -> SpeechChunk | None:
        """The whole of `text`; None if it is not even one character."""
        if not text:
            return None
        audio = self._piece or self._record(len(text) * self._ms_per_character)
        if not self._word_timings:
            return SpeechChunk(audio)
        words = _words(text)
        samples = self._format.samples(audio)
        ends = accumulate(len(word) for word in words)
        timed = zip(words, (samples * end // len(text) for end in ends), strict=True)
        return SpeechChunk(audio, tuple(timed))

    def _record(self, ms: int) -> bytes:
        """A tone that lasts `ms`; seconds join without a seam, as they hold whole periods."""
        return (self._second * -(-ms // 1000))[: self._format.bytes_for(ms)]


def _tone_of_a_second(audio_format: AudioFormat, hertz: int) -> bytes:
    turn = 2 * math.pi * hertz / audio_format.rate
    samples = (round(_LOUDNESS * math.sin(turn * number)) for number in range(audio_format.rate))
    return g711.encode(array("h", samples).tobytes(), audio_format.encoding)
