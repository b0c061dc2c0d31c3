"""Several recognizers as one ear."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from voice_codecs.convert import Converter
from voice_codecs.pcm import AudioFormat
from voice_pipelines.errors import ProviderError, ProviderTimeout
from voice_pipelines.ports import Clock, Hypothesis, HypothesisSink, Recognizer, SpeechToText

from ..breaker import State
from .candidate import Candidate, Trial, all_rest, attempt, checked


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
        self._recognizers = checked(recognizers)
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
        self._trial: Trial | None = None
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
            error = self._error or all_rest(self._candidates, self._clock)
            # Soon, not now: whoever asks is not made to hear the answer inside the question.
            self._telling = asyncio.get_running_loop().call_soon(self._report, error)

    def _ask(self) -> None:
        """Put the open request to the current ear, as soon as it is open."""
        ear, request = self._ear, self._request
        if ear is None or ear.recognizer is None or request is None:
            return
        self._trial = attempt(ear.candidate, self._clock)
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
        trial = self._trial or attempt(ear.candidate, self._clock)
        self._trial = None
        if trial is not None:
            trial.failed(error)
        self._leave(ear)
