"""Time budgets around a provider: what makes no progress is a `ProviderTimeout`, not a silence.

A provider's commonest failure raises nothing: a socket that stays open and says nothing, or a model
that streams white space. So progress is what counts here, and only the time in which the *provider*
was waited for: a consumer that takes its time uses up no budget.

The wrappers satisfy the Protocol of what they wrap. Put them inside a fallback, each provider with
the budget that fits it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from voice_codecs.pcm import AudioFormat
from voice_pipelines.conversation.commands import Message
from voice_pipelines.errors import ProviderError, ProviderTimeout
from voice_pipelines.ports import (
    Hypothesis,
    HypothesisSink,
    LanguageModel,
    Prefilling,
    Recognizer,
    ReplyDelta,
    SpeechChunk,
    SpeechToText,
    TextToSpeech,
    Tool,
    ToolCall,
)

T = TypeVar("T")


# Streams -----------------------------------------------------------------------------------------


@asynccontextmanager
async def closing(stream: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Close `stream` on leaving, now and not when the garbage is collected."""
    try:
        yield stream
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


def useful_delta(delta: ReplyDelta) -> bool:
    """Whether the reply got on: white space alone is nothing to say, nor is what it cost."""
    return isinstance(delta, ToolCall) or (isinstance(delta, str) and bool(delta.strip()))


def useful_chunk(chunk: SpeechChunk) -> bool:
    """Whether there is more to hear."""
    return bool(chunk.audio)


async def _within(
    stream: AsyncIterator[T],
    useful: Callable[[T], bool],
    name: str,
    first_ms: int,
    stall_ms: int,
) -> AsyncGenerator[T]:
    """`stream`, until it is too slow. Raises ProviderTimeout."""
    loop = asyncio.get_running_loop()
    left, waited_for = first_ms / 1000, "answer"
    async with closing(stream):
        while True:
            began = loop.time()
            if left <= 0:
                raise ProviderTimeout(name, f"no {waited_for} in time")
            limit = asyncio.timeout(left)
            try:
                async with limit:
                    part = await anext(stream)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                if not limit.expired():
                    raise  # The provider's own, which it should have translated: a bug.
                raise ProviderTimeout(name, f"no {waited_for} in time") from error
            left -= loop.time() - began
            if useful(part):
                left, waited_for = stall_ms / 1000, "progress"
            yield part


class BudgetedLanguageModel:
    """A `LanguageModel` that speaks within `first_ms`, and goes on at least each `stall_ms`."""

    def __init__(
        self, model: LanguageModel, name: str, *, first_ms: int = 4_000, stall_ms: int = 3_000
    ) -> None:
        """`name` is the provider's, for the error."""
        self._model = model
        self._name = name
        self._first_ms = first_ms
        self._stall_ms = stall_ms

    def reply(
        self, messages: Sequence[Message], tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[ReplyDelta]:
        """Stream the model's reply. Raises ProviderError."""
        deltas = self._model.reply(messages, tools)
        return _within(deltas, useful_delta, self._name, self._first_ms, self._stall_ms)

    async def prefill(self, messages: Sequence[Message]) -> None:
        """Let the model read ahead, if it can. No budget: nobody waits for it."""
        if isinstance(self._model, Prefilling):
            await self._model.prefill(messages)


class BudgetedTextToSpeech:
    """A `TextToSpeech` that sounds within `first_ms`, and goes on at least each `stall_ms`."""

    def __init__(
        self, tts: TextToSpeech, name: str, *, first_ms: int = 3_000, stall_ms: int = 2_000
    ) -> None:
        """`name` is the provider's, for the error."""
        self._tts = tts
        self._name = name
        self._first_ms = first_ms
        self._stall_ms = stall_ms

    @property
    def format(self) -> AudioFormat:
        """What `speak` yields."""
        return self._tts.format

    def speak(self, text: str) -> AsyncGenerator[SpeechChunk]:
        """Stream the speech of `text`. Raises ProviderError."""
        chunks = self._tts.speak(text)
        return _within(chunks, useful_chunk, self._name, self._first_ms, self._stall_ms)


# Speech to text ----------------------------------------------------------------------------------


class BudgetedSpeechToText:
    """A `SpeechToText` whose requests to settle are answered within `settle_ms`.

    One that is not is reported as ProviderTimeout, once; the answer, should it still come, is
    dropped.
    """

    def __init__(self, stt: SpeechToText, name: str, *, settle_ms: int = 3_000) -> None:
        """`name` is the provider's, for the error."""
        self._stt = stt
        self._name = name
        self._settle_ms = settle_ms

    @property
    def format(self) -> AudioFormat:
        """What `Recognizer.feed` wants."""
        return self._stt.format

    @asynccontextmanager
    async def listen(self, report: HypothesisSink) -> AsyncIterator[Recognizer]:
        """Open an ear."""
        ear = _BudgetedRecognizer(report, self._name, self._settle_ms)
        async with self._stt.listen(ear.reported) as recognizer:
            ear.recognizer = recognizer
            try:
                yield ear
            finally:
                ear.close()


class _BudgetedRecognizer:
    def __init__(self, report: HypothesisSink, name: str, settle_ms: int) -> None:
        self.recognizer: Recognizer
        self._report = report
        self._name = name
        self._settle_ms = settle_ms
        self._loop = asyncio.get_running_loop()
        self._request: int | None = None
        """The request that is waited for."""
        self._timer: asyncio.TimerHandle | None = None

    def feed(self, audio: bytes) -> None:
        self.recognizer.feed(audio)

    def voiced(self, speaking: bool) -> None:
        self.recognizer.voiced(speaking)

    def settle(self, request: int) -> None:
        self._stop_waiting()
        self._request = request
        self._timer = self._loop.call_later(self._settle_ms / 1000, self._too_late)
        self.recognizer.settle(request)

    def reset(self) -> None:
        self._stop_waiting()
        self.recognizer.reset()

    def close(self) -> None:
        self._stop_waiting()

    def reported(self, result: Hypothesis | ProviderError) -> None:
        """What the provider reports, in order."""
        if isinstance(result, ProviderError):
            self._stop_waiting()
        elif result.request is not None:
            if result.request != self._request:
                return  # Overtaken by a newer one, or too late.
            self._stop_waiting()
        self._report(result)

    def _stop_waiting(self) -> None:
        self._request = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        self._stop_waiting()
        self._report(ProviderTimeout(self._name, "nothing was recognized in time"))
