"""Several providers as one: the first that serves is taken, those that fail are left alone.

Candidates are asked in their order; one whose breaker is open is skipped without waiting. Whoever
listens hears one provider per answer: another is asked only as long as nothing of the answer has
been passed on, so that no half sentence is ever said twice. What fails after that is an error of
the answer, and counts against the provider all the same.

::

    FallbackLanguageModel ─┬─ Candidate("a", BudgetedLanguageModel(…), Breaker(), Health(…))
                           └─ Candidate("b", BudgetedLanguageModel(…), Breaker(), Health(…))

A fallback knows errors, not time: without a budget around it a candidate may stall for ever. When
all candidates rest, `ProviderBusy` says for how long, at once: an apology now is better than a
silence. A fallback of one candidate is a breaker and a health report around it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from voice_codecs.convert import Converter
from voice_codecs.pcm import AudioFormat
from voice_pipelines.conversation.commands import Message
from voice_pipelines.errors import ProviderBusy, ProviderError, ProviderTimeout
from voice_pipelines.ports import (
    Clock,
    Hypothesis,
    HypothesisSink,
    LanguageModel,
    Prefilling,
    Recognizer,
    ReplyDelta,
    SpeechChunk,
    SpeechToText,
    TextToSpeech,
)

from .breaker import Breaker, State, Ticket
from .budget import closing, useful_chunk, useful_delta

P = TypeVar("P", covariant=True)
T = TypeVar("T")


class Reports(Protocol):
    """Takes what became of one provider's requests, such as `health.Health`."""

    def first_result(self, ms: int) -> None: ...

    def succeeded(self) -> None: ...

    def failed(self, error: ProviderError) -> None: ...

    def overtaken(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Candidate(Generic[P]):
    """A provider that may be asked."""

    name: str
    provider: P
    breaker: Breaker
    """Its own, shared by all wrappers around the same provider."""
    health: Reports | None = None


# One request at one provider ---------------------------------------------------------------------


class _Trial:
    """One request that a breaker let through. It is settled once; later verdicts are ignored.

    As a context it judges by how it is left: an error of the provider, anything else that was
    raised (nobody waited for the end), or nothing, which is a success if there was a result.
    """

    def __init__(self, candidate: Candidate[object], ticket: Ticket, clock: Clock) -> None:
        self._breaker = candidate.breaker
        self._health = candidate.health
        self._clock = clock
        self._ticket: Ticket | None = ticket
        self._began = clock.now()
        self._had_result = False

    def first_result(self) -> None:
        """Something useful came."""
        self._had_result = True
        if self._health is not None:
            self._health.first_result(self._clock.now() - self._began)

    def ended(self) -> None:
        """The answer came to its end. An empty one is valid and says nothing of the provider."""
        if not self._had_result:
            self.abandon()
        elif (ticket := self._settle()) is not None:
            self._breaker.succeeded(ticket)
            if self._health is not None:
                self._health.succeeded()

    def failed(self, error: ProviderError) -> None:
        """The provider failed."""
        if (ticket := self._settle()) is not None:
            self._breaker.failed(ticket, self._clock.now(), error)
            if self._health is not None:
                self._health.failed(error)

    def overtaken(self) -> None:
        """Another was faster."""
        if self._ticket is not None and self._health is not None:
            self._health.overtaken()
        self.abandon()

    def abandon(self) -> None:
        """Nobody waits for the end any more."""
        if (ticket := self._settle()) is not None:
            self._breaker.abandoned(ticket)

    def _settle(self) -> Ticket | None:
        ticket, self._ticket = self._ticket, None
        return ticket

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.ended()
        elif isinstance(error, ProviderError):
            self.failed(error)
        else:
            self.abandon()


def _try(candidate: Candidate[object], clock: Clock) -> _Trial | None:
    ticket = candidate.breaker.admit(clock.now())
    return None if ticket is None else _Trial(candidate, ticket, clock)


def _all_rest(candidates: Iterable[Candidate[object]], clock: Clock) -> ProviderBusy:
    wait = min(candidate.breaker.wait_ms(clock.now()) for candidate in candidates)
    return ProviderBusy("fallback", "every provider is being left alone", wait)


def _checked(candidates: Sequence[Candidate[P]]) -> tuple[Candidate[P], ...]:
    if not candidates:
        raise ValueError("a fallback needs at least one provider")
    return tuple(candidates)


class _Run(Generic[P, T]):
    """One provider's answer, of which the useless beginning is held back.

    While nothing useful has come, another provider can still be asked.
    """

    def __init__(
        self,
        candidate: Candidate[P],
        trial: _Trial,
        stream: AsyncIterator[T],
        useful: Callable[[T], bool],
    ) -> None:
        self.candidate = candidate
        self.trial = trial
        self.empty = False
        """It ended, and had nothing useful."""
        self._stream = stream
        self._useful = useful
        self._head: list[T] = []

    async def start(self) -> ProviderError | None:
        """Wait until something useful comes, or the end; return the error if it failed before."""
        try:
            async for part in self._stream:
                self._head.append(part)
                if self._useful(part):
                    self.trial.first_result()
                    return None
            self.empty = True
        except ProviderError as error:
            self.trial.failed(error)
            return error
        except BaseException:
            await self.drop()
            raise
        return None

    async def drop(self) -> None:
        """Stop it: it is not wanted."""
        self.trial.abandon()
        async with closing(self._stream):
            pass

    async def parts(self) -> AsyncGenerator[T]:
        """The answer from its beginning. Raises ProviderError."""
        with self.trial:
            async with closing(self._stream):
                for part in self._head:
                    yield part
                if not self.empty:
                    async for part in self._stream:
                        yield part


def _runs(
    candidates: Iterable[Candidate[P]],
    clock: Clock,
    ask: Callable[[P], AsyncIterator[T]],
    useful: Callable[[T], bool],
) -> Iterator[_Run[P, T]]:
    """An answer of each candidate that is not left alone, asked for when its turn comes."""
    for candidate in candidates:
        if (trial := _try(candidate, clock)) is not None:
            yield _Run(candidate, trial, ask(candidate.provider), useful)


# Language ----------------------------------------------------------------------------------------


class FallbackLanguageModel:
    """A `LanguageModel` (and `Prefilling`) of several, in order.

    With `hedge_ms` the next one is asked as well when the first has said nothing useful for that
    long; the first to speak is taken and the other is stopped. Then the beginning of an answer is
    awaited in another task than the rest of it, and the loser's closing is waited for.
    """

    def __init__(
        self,
        models: Sequence[Candidate[LanguageModel]],
        clock: Clock,
        *,
        hedge_ms: int | None = None,
    ) -> None:
        self._models = _checked(models)
        self._clock = clock
        self._hedge_s = None if hedge_ms is None else hedge_ms / 1000

    async def reply(self, messages: Sequence[Message]) -> AsyncGenerator[ReplyDelta]:
        """Stream the first answer that there is. Raises ProviderError."""

        def ask(model: LanguageModel) -> AsyncIterator[ReplyDelta]:
            return model.reply(messages)

        runs = _runs(self._models, self._clock, ask, useful_delta)
        hedged = self._hedge_s is not None and len(self._models) > 1
        run = await (self._fastest(runs) if hedged else self._first(runs))
        async with aclosing(run.parts()) as deltas:
            async for delta in deltas:
                yield delta

    async def prefill(self, messages: Sequence[Message]) -> None:
        """Let the model that would be asked read ahead. Raises ProviderError.

        Its failure counts for nothing: the reply itself will tell.
        """
        for candidate in self._models:
            if candidate.breaker.state(self._clock.now()) is State.CLOSED:
                if isinstance(candidate.provider, Prefilling):
                    await candidate.provider.prefill(messages)
                return

    async def _first(
        self, runs: Iterator[_Run[LanguageModel, ReplyDelta]]
    ) -> _Run[LanguageModel, ReplyDelta]:
        failed: ProviderError | None = None
        for run in runs:
            failed = await run.start()
            if failed is None:
                return run
        raise failed or _all_rest(self._models, self._clock)

    async def _fastest(
        self, runs: Iterator[_Run[LanguageModel, ReplyDelta]]
    ) -> _Run[LanguageModel, ReplyDelta]:
        race = _Race(runs, self._hedge_s)
        winner = await race.winner()
        if winner is None:
            raise race.failed or _all_rest(self._models, self._clock)
        return winner


class _Race:
    """At most two answers at once: the second begins when the first is slow or has failed."""

    def __init__(
        self, runs: Iterator[_Run[LanguageModel, ReplyDelta]], patience_s: float | None
    ) -> None:
        self.failed: ProviderError | None = None
        """The last failure."""
        self._runs = runs
        self._patience_s = patience_s
        self._running: dict[
            asyncio.Task[ProviderError | None], _Run[LanguageModel, ReplyDelta]
        ] = {}
        self._winner: _Run[LanguageModel, ReplyDelta] | None = None

    async def winner(self) -> _Run[LanguageModel, ReplyDelta] | None:
        """The first to yield; everybody else has been stopped. None if all failed."""
        begun: list[_Run[LanguageModel, ReplyDelta]] = []
        try:
            async with asyncio.TaskGroup() as group:
                self._begin_next(group, begun)
                while self._running and self._winner is None:
                    done, _ = await asyncio.wait(
                        self._running,
                        timeout=self._patience_s,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    await self._judge(done)
                    if not done:
                        self._patience_s = None  # One hedge is enough.
                    if not done or not self._running:
                        self._begin_next(group, begun)
                for task, run in self._running.items():
                    run.trial.overtaken()
                    task.cancel()
            for run in begun:
                if run is not self._winner:
                    await run.drop()  # It may have yielded, or not have begun, when it was stopped.
        except BaseException:
            for run in begun:
                await run.drop()
            raise
        return self._winner

    def _begin_next(
        self, group: asyncio.TaskGroup, begun: list[_Run[LanguageModel, ReplyDelta]]
    ) -> None:
        if self._winner is None and (run := next(self._runs, None)) is not None:
            begun.append(run)
            self._running[group.create_task(run.start())] = run

    async def _judge(self, done: set[asyncio.Task[ProviderError | None]]) -> None:
        for task in [task for task in self._running if task in done]:
            run = self._running.pop(task)
            if (failed := task.result()) is not None:
                self.failed = failed
            elif self._winner is None:
                self._winner = run
            else:  # Both at once; the earlier candidate is preferred.
                run.trial.overtaken()
                await run.drop()


# Text to speech ----------------------------------------------------------------------------------


class FallbackTextToSpeech:
    """A `TextToSpeech` of several, in order; all speak in the format of the first.

    No audio for a text that has something to say is not counted against a provider, but the next
    one is asked.
    """

    def __init__(self, voices: Sequence[Candidate[TextToSpeech]], clock: Clock) -> None:
        self._voices = _checked(voices)
        self._clock = clock

    @property
    def format(self) -> AudioFormat:
        """What `speak` yields."""
        return self._voices[0].provider.format

    async def speak(self, text: str) -> AsyncGenerator[SpeechChunk]:
        """Stream the speech of `text` by the first who speaks. Raises ProviderError."""
        run = await self._first(text)
        if run is None:
            return
        chunks = _converted(run.parts(), run.candidate.provider.format, self.format)
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk

    async def _first(self, text: str) -> "_Run[TextToSpeech, SpeechChunk] | None":
        def ask(voice: TextToSpeech) -> AsyncIterator[SpeechChunk]:
            return voice.speak(text)

        sayable = any(character.isalnum() for character in text)
        failed: ProviderError | None = None
        silent = False
        for run in _runs(self._voices, self._clock, ask, useful_chunk):
            if (error := await run.start()) is not None:
                failed = error
            elif run.empty and sayable:
                silent = True
                await run.drop()
            else:
                return run
        if silent and failed is None:
            return None
        raise failed or _all_rest(self._voices, self._clock)


async def _converted(
    chunks: AsyncGenerator[SpeechChunk], source: AudioFormat, target: AudioFormat
) -> AsyncGenerator[SpeechChunk]:
    """`chunks` in the `target` format, the times of their words too."""
    async with aclosing(chunks):
        if source == target:
            async for chunk in chunks:
                yield chunk
            return
        converter = Converter(source, target)
        async for chunk in chunks:
            words = tuple((word, end * target.rate // source.rate) for word, end in chunk.words)
            audio = converter.push(chunk.audio)
            if audio or words:
                yield SpeechChunk(audio, words)
        if rest := converter.flush():
            yield SpeechChunk(rest)


# Speech to text ----------------------------------------------------------------------------------


class FallbackSpeechToText:
    """A `SpeechToText` of several; all are fed from audio in the format of the first.

    An ear stays with a recognizer until that fails; then the next one hears the utterance again, as
    far as it was kept (`keep_ms`), and is asked again what the first still owed. Ears open in the
    background, within `open_ms`: what is said meanwhile is kept as well.
    """

    def __init__(
        self,
        recognizers: Sequence[Candidate[SpeechToText]],
        clock: Clock,
        *,
        keep_ms: int = 10_000,
        open_ms: int = 3_000,
    ) -> None:
        self._recognizers = _checked(recognizers)
        self._clock = clock
        self._keep_ms = keep_ms
        self._open_ms = open_ms

    @property
    def format(self) -> AudioFormat:
        """What `Recognizer.feed` wants."""
        return self._recognizers[0].provider.format

    @asynccontextmanager
    async def listen(self, report: HypothesisSink) -> AsyncIterator[Recognizer]:
        """Open an ear. Never fails here: what is wrong is reported when somebody asks."""
        failed: Exception | None = None
        async with asyncio.TaskGroup() as group:
            ear = _FallbackRecognizer(
                self._recognizers, self._clock, report, group, self._keep_ms, self._open_ms
            )
            ear.reopen()
            try:
                yield ear
            except Exception as error:
                failed = error  # The caller's own; it is not to come out wrapped in a group.
            finally:
                ear.close()
        if failed is not None:
            raise failed


class _Utterance:
    """The latest audio of an utterance and where speech began and paused in it."""

    def __init__(self, audio_format: AudioFormat, keep_ms: int) -> None:
        self._limit = audio_format.bytes_for(keep_ms)
        self._parts: deque[bytes | bool] = deque()
        """Audio, and changes of voice, in order."""
        self._size = 0
        self._speaking_before = False
        """Whether somebody was speaking where `_parts` begin."""
        self._speaking = False

    def feed(self, audio: bytes) -> None:
        if not audio:
            return
        self._parts.append(audio)
        self._size += len(audio)
        while self._size > self._limit and len(self._parts) > 1:
            match self._parts.popleft():
                case bool(speaking):
                    self._speaking_before = speaking
                case dropped:
                    self._size -= len(dropped)

    def voiced(self, speaking: bool) -> None:
        self._parts.append(speaking)
        self._speaking = speaking

    def reset(self) -> None:
        self._parts.clear()
        self._size = 0
        self._speaking_before = self._speaking

    def replay(self, recognizer: Recognizer, converter: Converter) -> None:
        """Let `recognizer` hear all of it."""
        if self._speaking_before:
            recognizer.voiced(True)
        for part in self._parts:
            if isinstance(part, bool):
                recognizer.voiced(part)
            else:
                recognizer.feed(converter.push(part))


class _Ear:
    """One candidate's recognizer for one leg, while it is open."""

    def __init__(self, candidate: Candidate[SpeechToText], source: AudioFormat) -> None:
        self.candidate = candidate
        self.converter = Converter(source, candidate.provider.format)
        self.recognizer: Recognizer | None = None
        """None until it is open."""
        self.discarded = asyncio.Event()


class _FallbackRecognizer:
    """One leg's ear. Everything but the opening and closing of ears is synchronous."""

    def __init__(
        self,
        candidates: Sequence[Candidate[SpeechToText]],
        clock: Clock,
        report: HypothesisSink,
        group: asyncio.TaskGroup,
        keep_ms: int,
        open_ms: int,
    ) -> None:
        self._candidates = candidates
        self._clock = clock
        self._report = report
        self._group = group
        self._open_ms = open_ms
        self._format = candidates[0].provider.format
        self._utterance = _Utterance(self._format, keep_ms)
        self._ear: _Ear | None = None
        """Whose news counts. None after all have failed, until somebody needs one again."""
        self._tried: set[str] = set()
        """Candidates that have failed since the last answer."""
        self._request: int | None = None
        """What was asked and is not answered yet."""
        self._trial: _Trial | None = None
        """The request at the current ear."""
        self._error: ProviderError | None = None
        """The last failure."""
        self._telling: asyncio.Handle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # What the engine calls -----------------------------------------------------------------------

    def feed(self, audio: bytes) -> None:
        self._utterance.feed(audio)
        if (ear := self._ear) is not None and ear.recognizer is not None:
            ear.recognizer.feed(ear.converter.push(audio))

    def voiced(self, speaking: bool) -> None:
        self._utterance.voiced(speaking)
        if (ear := self._ear) is None:
            if speaking:
                self.reopen()
        elif ear.recognizer is not None:
            ear.recognizer.voiced(speaking)

    def settle(self, request: int) -> None:
        self._abandon()
        self._request = request
        if self._ear is None:
            self.reopen()
        else:
            self._ask()

    def reset(self) -> None:
        self._abandon()
        self._utterance.reset()
        if (ear := self._ear) is not None and ear.recognizer is not None:
            ear.recognizer.reset()

    def close(self) -> None:
        """Report nothing more, and close every ear."""
        self._abandon()
        self._discard()
        for task in self._tasks:
            task.cancel()

    # Choosing ------------------------------------------------------------------------------------

    def reopen(self) -> None:
        """Begin again with the first candidate that is not left alone."""
        self._tried.clear()
        self._error = None
        self._open_next()

    def _open_next(self) -> None:
        """Leave the current ear, if any, for the next candidate; report if there is none."""
        self._discard()
        now = self._clock.now()
        for candidate in self._candidates:
            if candidate.name in self._tried or candidate.breaker.state(now) is State.OPEN:
                continue
            ear = self._ear = _Ear(candidate, self._format)
            task = self._group.create_task(self._keep_open(ear))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        if self._request is not None:
            self._abandon()
            error = self._error or _all_rest(self._candidates, self._clock)
            # Soon, not now: whoever asks is not made to hear the answer inside the question.
            self._telling = asyncio.get_running_loop().call_soon(self._report, error)

    def _ask(self) -> None:
        """Put the open request to the current ear, as soon as it is open."""
        ear, request = self._ear, self._request
        if ear is None or ear.recognizer is None or request is None:
            return
        self._trial = _try(ear.candidate, self._clock)
        if self._trial is None:  # Others have found it ill.
            self._leave(ear)
        else:
            ear.recognizer.settle(request)

    def _leave(self, ear: _Ear) -> None:
        self._tried.add(ear.candidate.name)
        self._open_next()

    def _abandon(self) -> None:
        """Want no answer to the open request."""
        self._request = None
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        if self._trial is not None:
            self._trial.abandon()
            self._trial = None

    def _discard(self) -> None:
        if self._ear is not None:
            self._ear.discarded.set()
            self._ear = None

    # Ears ----------------------------------------------------------------------------------------

    async def _keep_open(self, ear: _Ear) -> None:
        """Opened and closed by the same task, as libraries demand."""

        def reported(result: Hypothesis | ProviderError) -> None:
            self._reported(ear, result)

        limit = asyncio.timeout(self._open_ms / 1000)
        try:
            async with AsyncExitStack() as stack:
                async with limit:
                    recognizer = await stack.enter_async_context(
                        ear.candidate.provider.listen(reported)
                    )
                if ear is self._ear:
                    self._utterance.replay(recognizer, ear.converter)
                    ear.recognizer = recognizer
                    self._ask()
                await ear.discarded.wait()
        except ProviderError as error:  # While it opened; while it closes, nobody minds.
            self._reported(ear, error)
        except TimeoutError:
            if not limit.expired():
                raise
            self._reported(ear, ProviderTimeout(ear.candidate.name, "no connection in time"))

    def _reported(self, ear: _Ear, result: Hypothesis | ProviderError) -> None:
        """News of an ear."""
        if ear is not self._ear:
            return
        if isinstance(result, ProviderError):
            self._failed(ear, result)
            return
        if result.request is not None:
            if result.request != self._request:
                return
            if (trial := self._trial) is not None:
                if result.text.strip():
                    trial.first_result()
                trial.ended()
            self._request = self._trial = None
            self._tried.clear()
        self._report(result)

    def _failed(self, ear: _Ear, error: ProviderError) -> None:
        self._error = error
        # One that fails unasked, or while it opens, has failed a request as well.
        trial = self._trial or _try(ear.candidate, self._clock)
        self._trial = None
        if trial is not None:
            trial.failed(error)
        self._leave(ear)
