"""Speech recognition by Moonshine base on the CPU: English, 50 ms of one core per second heard.

Moonshine hears whole utterances and does not stream. So an ear keeps what was said since the last
turn, in segments that end at pauses, and transcribes the last segment again whenever somebody asks:

::

    feed ──► pre-roll (400 ms) ──voiced──► open segment ──6 s and a pause, or 10 s──► closed segment
                                               │                                          │
                                        transcribed again                        transcribed once

Only voiced audio enters a segment (with the pre-roll before and what the gate needed to notice the
pause after it), so the time to the final text depends on how long the caller spoke, not on how long
anybody waited.
"""

import asyncio
import functools
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice_codecs.pcm import PCM16_8K, AudioFormat
from voice_codecs.resample import Resampler
from voice_pipelines.errors import ProviderError, ProviderUnavailable
from voice_pipelines.ports import Hypothesis, HypothesisSink, Recognizer

from .pool import InferencePool, Priority, Stop
from .sessions import Session, Value, open_session, value_of

_NAME = "moonshine"
_RATE = 16_000

_START_TOKEN = 1
_END_TOKEN = 2
_TOKENS_PER_SECOND = 6.5
"""Nobody says more. Past it the model loops, which it does on long or unclear audio."""

_SHORTEST_S = 0.5
"""Shorter audio is padded: the encoder needs some frames to look at."""

_PRE_ROLL = PCM16_8K.bytes_for(400)
_INTERIM_EVERY = PCM16_8K.bytes_for(700)
_CUT_AT_PAUSE = PCM16_8K.bytes_for(6_000)
_CUT_ANYWAY = PCM16_8K.bytes_for(10_000)
_CUT_SEARCH = PCM16_8K.bytes_for(3_000)
_CUT_FRAME = PCM16_8K.bytes_for(40)
_INTERIM_SHARE = 3
"""An interim that took t is followed by this many t of listening, to leave the core free."""

Samples = NDArray[np.float32]


class Moonshine:
    """The model: `transcribe` is thread-safe and blocks."""

    def __init__(self, folder: Path) -> None:
        """Load the files that `encoder_model.q8.onnx` lies among. Raises ProviderRefused."""
        self._encoder = open_session(folder / "encoder_model.q8.onnx")
        self._first = _Decoder(open_session(folder / "dec_first.q8.onnx"))
        self._past = _Decoder(open_session(folder / "dec_past.q8.onnx"))
        self._encoder_input = self._encoder.get_inputs()[0].name
        self._pieces = read_pieces((folder / "tokenizer.bin").read_bytes())
        self.transcribe(np.zeros(_RATE, np.float32))  # the first run is slow

    def transcribe(self, samples: Samples, stop: Stop = lambda: False) -> str:
        """The words in `samples`: mono, 16 kHz, in [-1, 1], at most about 10 s.

        Gives up with what it has as soon as `stop` says so.
        """
        limit = max(4, int(len(samples) / _RATE * _TOKENS_PER_SECOND) + 2)
        missing = int(_SHORTEST_S * _RATE) - len(samples)
        if missing > 0:
            samples = np.pad(samples, (0, missing))
        hidden = self._encoder.run(None, {self._encoder_input: samples[None]})[0]
        return unlooped(self._text(self._decode(hidden, limit, stop)))

    def _decode(self, hidden: NDArray[np.float32], limit: int, stop: Stop) -> list[int]:
        """The likeliest token each time."""
        cache = {"encoder_hidden_states": value_of(hidden)}
        tokens: list[int] = []
        current = _START_TOKEN
        while len(tokens) < limit and not stop():
            decoder = self._past if tokens else self._first
            current = decoder.step(current, cache)
            if current == _END_TOKEN:
                break
            tokens.append(current)
        return tokens

    def _text(self, tokens: Sequence[int]) -> str:
        raw = b"".join(self._pieces[token] for token in tokens)
        return raw.decode("utf-8", "ignore").replace("\u2581", " ").strip()


class _Decoder:
    """One of the two halves of the decoder, with its names looked up once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._reads = {argument.name for argument in session.get_inputs()} - {"input_ids"}
        self._outputs = [argument.name for argument in session.get_outputs()]
        self._writes = [
            name.replace("present", "past_key_values") for name in self._outputs if name != "logits"
        ]

    def step(self, token: int, cache: dict[str, Value]) -> int:
        """The token after `token`; `cache` goes in, and comes out one token longer."""
        feed = {name: cache[name] for name in self._reads}
        feed["input_ids"] = value_of(np.array([[token]], np.int64))
        logits, *present = self._session.run_with_ort_values(self._outputs, feed)
        cache.update(zip(self._writes, present, strict=True))
        return int(logits.numpy()[0, -1].argmax())


def read_pieces(data: bytes) -> list[bytes]:
    """The tokenizer's pieces, by token.

    Each is preceded by its length: one byte below 128, else two, the low seven bits first; U+2581
    is a space and ``<0xNN>`` a raw byte.
    """
    pieces = []
    at = 0
    while at < len(data):
        size = data[at]
        at += 1
        if size >= 128:
            size += (data[at] - 1) * 128
            at += 1
        piece = data[at : at + size]
        raw = re.fullmatch(rb"<0x([0-9A-F]{2})>", piece)
        pieces.append(bytes([int(raw[1], 16)]) if raw else piece)
        at += size
    return pieces


def unlooped(text: str, longest: int = 12, times: int = 4) -> str:
    """`text` up to where it begins to repeat itself `times` over, as the model does when lost.

    A single word may be said more often in earnest ("no no no no", "five five five five"), so it
    takes twice as many.
    """
    words = text.split()
    keys = [re.sub(r"\W", "", word).lower() for word in words]
    for start in range(len(keys)):
        for size in range(1, longest + 1):
            needed = times * (2 if size == 1 else 1)
            phrase = keys[start : start + size]
            if keys[start : start + size * needed] == phrase * needed:
                return " ".join(words[: start + size])
    return text


class MoonshineSpeechToText:
    """`SpeechToText` for all legs of the process, on one model and one pool."""

    def __init__(self, model: Moonshine, pool: InferencePool) -> None:
        self._model = model
        self._pool = pool

    @property
    def format(self) -> AudioFormat:
        """PCM16, so that a browser's audio is not squeezed through mu-law."""
        return PCM16_8K

    def listen(self, report: HypothesisSink) -> AbstractAsyncContextManager[Recognizer]:
        """Open an ear. It hears nothing until told that somebody is `voiced`."""
        return self._listen(report)

    @asynccontextmanager
    async def _listen(self, report: HypothesisSink) -> AsyncIterator[Recognizer]:
        ear = _Ear(self._model.transcribe, self._pool, report)
        try:
            yield ear
        finally:
            ear.close()


@dataclass(slots=True)
class _Segment:
    """Some voiced audio, and what was last made of it."""

    pcm: bytearray = field(default_factory=bytearray)
    text: str = ""
    known: int = 0
    """Bytes that `text` accounts for."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """What a job made of the segments that it was given."""

    texts: tuple[tuple[_Segment, int, str], ...]
    """(segment, bytes of it that were transcribed, text)."""
    seconds: float


class _Ear:
    """One leg's recognizer. All its methods run on the event loop; only `_transcribe` does not."""

    def __init__(
        self,
        transcribe: Callable[[Samples, Stop], str],
        pool: InferencePool,
        report: HypothesisSink,
    ) -> None:
        self._model = transcribe
        self._pool = pool
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._speaking = False
        self._pre_roll = bytearray()
        self._segments: list[_Segment] = []
        self._job: asyncio.Future[_Heard] | None = None
        self._request: int | None = None
        self._asked = 0
        """Bytes of the utterance when the current job was given."""
        self._interim_at = 0
        """Bytes of the utterance at which the next interim is due."""
        self._utterance = 0
        """Grows with each reset; news of an older one is not reported."""

    # What the engine calls -----------------------------------------------------------------------

    def feed(self, audio: bytes) -> None:
        if not self._speaking:
            self._pre_roll += audio
            del self._pre_roll[: max(0, len(self._pre_roll) - _PRE_ROLL)]
            return
        self._segments[-1].pcm += audio
        if len(self._segments[-1].pcm) >= _CUT_ANYWAY:
            self._cut_at_quietest()
        if self._heard >= self._interim_at and self._job is None and self._pool.idle:
            self._start(Priority.INTERIM)

    def voiced(self, speaking: bool) -> None:
        if speaking and not self._speaking:
            if not self._segments or len(self._segments[-1].pcm) >= _CUT_AT_PAUSE:
                self._segments.append(_Segment())
            if self._heard == 0:
                self._interim_at = _PRE_ROLL + _INTERIM_EVERY
            self._segments[-1].pcm += self._pre_roll
            self._pre_roll.clear()
        self._speaking = speaking

    def settle(self, request: int) -> None:
        if self._request is not None and self._asked == self._heard:
            self._request = request  # the running job answers it as well
            return
        self._abandon()
        self._request = request
        if any(segment.known < len(segment.pcm) for segment in self._segments):
            self._start(Priority.TURN_END)
        else:
            self._loop.call_soon(self._answer, self._utterance, request)

    def reset(self) -> None:
        self._abandon()
        self._utterance += 1
        # What was heard since the pause stays in the pre-roll: it is the beginning of what follows.
        self._segments = [_Segment()] if self._speaking else []
        self._interim_at = _INTERIM_EVERY

    def close(self) -> None:
        """Report nothing more."""
        self._abandon()
        self._utterance += 1

    # Segments ------------------------------------------------------------------------------------

    @property
    def _heard(self) -> int:
        return sum(len(segment.pcm) for segment in self._segments)

    def _cut_at_quietest(self) -> None:
        """Close the open segment where the speaker was quietest lately."""
        pcm = self._segments[-1].pcm
        start = len(pcm) - _CUT_SEARCH
        frames = np.frombuffer(bytes(pcm[start:]), np.int16)
        usable = len(frames) - len(frames) % (_CUT_FRAME // 2)
        power = np.square(frames[:usable].reshape(-1, _CUT_FRAME // 2), dtype=np.float32).sum(1)
        cut = start + int(power.argmin()) * _CUT_FRAME + _CUT_FRAME // 4 * 2
        self._segments[-1] = _Segment(pcm[:cut])
        self._segments.append(_Segment(pcm[cut:]))

    # Jobs ----------------------------------------------------------------------------------------

    def _start(self, priority: Priority) -> None:
        """Have all that is not known yet transcribed."""
        self._asked = self._heard
        todo = [
            (segment, bytes(segment.pcm))
            for segment in self._segments
            if segment.known < len(segment.pcm)
        ]
        self._job = self._pool.submit(priority, functools.partial(self._transcribe, todo))
        self._job.add_done_callback(self._finished)

    def _transcribe(self, todo: list[tuple[_Segment, bytes]], stop: Stop) -> _Heard:
        """Runs in the pool; touches no state."""
        begun = time.perf_counter()
        texts = tuple(
            (segment, len(pcm), self._model(wideband(pcm), stop)) for segment, pcm in todo
        )
        return _Heard(texts, time.perf_counter() - begun)

    def _abandon(self) -> None:
        """Want neither the current job's result nor an answer to the current request."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self._request = None

    def _finished(self, job: asyncio.Future[_Heard]) -> None:
        if job is not self._job:  # abandoned, or cancelled with its pool
            return
        self._job = None
        error = job.exception()
        if error is not None:
            self._interim_at = self._heard + _INTERIM_EVERY
            self._request = None
            self._report(_as_provider_error(error))
            return
        heard = job.result()
        for segment, size, text in heard.texts:
            segment.text, segment.known = text, size
        pause = int(heard.seconds * _INTERIM_SHARE * 1000)
        self._interim_at = self._heard + max(_INTERIM_EVERY, PCM16_8K.bytes_for(pause))
        self._answer(self._utterance, self._request)

    def _answer(self, utterance: int, request: int | None) -> None:
        if utterance != self._utterance or request != self._request:
            return
        self._request = None
        text = " ".join(segment.text for segment in self._segments if segment.text)
        if text or request is not None:
            self._report(Hypothesis(text, request))


def wideband(pcm: bytes) -> Samples:
    """PCM16 at 8 kHz as the float32 at 16 kHz that the models want."""
    resampler = Resampler(PCM16_8K.rate, _RATE)
    return np.frombuffer(resampler.push(pcm) + resampler.flush(), np.int16).astype(
        np.float32
    ) / np.float32(32768)


def _as_provider_error(error: BaseException) -> ProviderError:
    if isinstance(error, ProviderError):
        return error
    failed = ProviderUnavailable(_NAME, f"inference failed ({type(error).__name__})")
    failed.__cause__ = error
    return failed
