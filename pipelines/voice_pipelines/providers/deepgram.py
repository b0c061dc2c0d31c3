"""Deepgram's ears, for the carriers' mu-law at 8 kHz: nothing is converted.

What is said on the wire and made of it is in `deepgram_transcript` for the Nova models and in
`deepgram_flux` for the Flux models; here are the connections. They are made without `deepgram-sdk`:
for its sockets the SDK (7.17) uses the deprecated half of `websockets`, where closing a connection
that has fallen silent takes 10 s that it gives no way to shorten; it skips messages that are not
JSON, which would lose words without a sign; and of a refused handshake it drops the headers,
`Retry-After` among them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Never, Protocol, TypeVar

from voice_codecs.pcm import MULAW_8K, AudioFormat
from voice_pipelines.errors import (
    ProviderBusy,
    ProviderError,
    ProviderGarbled,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from voice_pipelines.ports import Hypothesis, HypothesisSink, Recognizer

from . import deepgram_flux as flux
from . import deepgram_transcript as nova
from .deepgram_api import CLOSE_MS, URL, connect
from .deepgram_transcript import CLOSE_STREAM, Tape

if TYPE_CHECKING:
    import aiohttp

_TAPE_MS = 10_000
"""Audio kept for a new connection. A final result comes every few seconds of speech, so this is
about two of them; after a longer outage the caller has to say it again anyhow."""

_KEEP_ALIVE_MS = 4_000
"""Deepgram closes a connection that hears nothing for 10 s, and asks for a word every 3 to 5 s."""

_BACKOFF_MS = (100, 250, 500, 1000, 2000, 5000)


R = TypeVar("R")
Message = TypeVar("Message", contravariant=True)


class _Words(Protocol[Message]):
    """What is made of the messages of one leg; `Transcript` and `FluxTranscript` say more."""

    understood: int

    @property
    def provisional(self) -> bool: ...
    @property
    def needed(self) -> int: ...
    @property
    def heard(self) -> int: ...
    @property
    def waiting(self) -> int | None: ...

    def connected(self, origin: int) -> None: ...
    def settle(self, request: int, end: int) -> Hypothesis | None: ...
    def answer(self) -> Hypothesis | None: ...
    def reset(self, end: int) -> None: ...
    def take(self, message: Message, /) -> Hypothesis | None: ...


@dataclass(frozen=True, slots=True)
class _Dialect(Generic[R]):
    """In what the two generations of the API differ."""

    path: str
    query: Callable[[str, str, Sequence[str]], list[tuple[str, str]]]
    read: Callable[[str, str], R | ProviderError | None]
    words: Callable[[], _Words[R]]
    settle: str | None
    """What is said to get the final words."""
    taken: str | None
    """What is said when they were taken."""
    keep_alive: str | None


_NOVA = _Dialect(
    "/v1/listen",
    nova.query,
    nova.read_message,
    nova.Transcript,
    settle=nova.FINALIZE,
    taken=None,
    keep_alive=nova.KEEP_ALIVE,
)
_FLUX = _Dialect(
    "/v2/listen",
    flux.query,
    flux.read_message,
    flux.FluxTranscript,
    settle=None,
    taken=flux.FORCE_END_TURN,
    keep_alive=None,  # It knows no such message; a line that falls silent is connected anew.
)


class DeepgramSpeechToText:
    """A `SpeechToText` on Deepgram's streaming API, one connection per leg.

    The Flux models (``flux-general-en``) also say how probable it is that the speaker has finished.
    `keyterms` are words to expect (names, products). A request to settle is answered after
    `patience_ms` with the words so far if Deepgram sends no final ones, as it does not when there
    was nothing to hear. A connection that until then has said nothing at all of somebody's speech
    is given up, and the next one hears it again; `stall_ms` after the request it is an error.
    """

    def __init__(
        self,
        api_key: str,
        *,
        model: str = "nova-3",
        language: str = "en",
        keyterms: Sequence[str] = (),
        base_url: str | None = None,
        name: str = "deepgram",
        connect_timeout_ms: int = 3_000,
        patience_ms: int = 700,
        stall_ms: int = 2_000,
        keep_alive_ms: int = _KEEP_ALIVE_MS,
    ) -> None:
        self.name = name
        self.connect_timeout_ms = connect_timeout_ms
        self.patience_ms = patience_ms
        self.stall_ms = stall_ms
        self.keep_alive_ms = keep_alive_ms
        self._api_key = api_key
        self._flux = model.startswith("flux")
        dialect = _FLUX if self._flux else _NOVA
        self._url = (base_url or URL).rstrip("/") + dialect.path
        self._query = dialect.query(model, language, keyterms)

    @property
    def format(self) -> AudioFormat:
        """Mu-law at 8 kHz: a carrier's bytes pass unchanged."""
        return MULAW_8K

    @asynccontextmanager
    async def listen(self, report: HypothesisSink) -> AsyncIterator[Recognizer]:
        """Open an ear at once; it connects, and connects anew, by itself.

        Without a connection it keeps the latest audio and reports what is wrong.
        """
        import aiohttp

        crash: Exception | None = None
        # A session per ear, closed with it: what is dear about one, the TLS authorities, is shared.
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            ear = self._ear(session, report)
            running = group.create_task(ear.run())
            try:
                yield ear
            except Exception as error:
                crash = error  # The caller's own; it is not for the group to wrap.
            finally:
                ear.close()
                running.cancel()
        if crash is not None:
            raise crash

    def _ear(
        self, session: "aiohttp.ClientSession", report: HypothesisSink
    ) -> "_Ear[flux.TurnInfo] | _Ear[nova.Results]":
        if self._flux:
            return _Ear(self, _FLUX, session, report)
        return _Ear(self, _NOVA, session, report)

    async def connect(self, session: "aiohttp.ClientSession") -> "aiohttp.ClientWebSocketResponse":
        """A new connection. Raises ProviderError."""
        return await connect(
            session,
            self._url,
            self._query,
            self._api_key,
            provider=self.name,
            timeout_ms=self.connect_timeout_ms,
        )


class _Ear(Generic[R]):
    """One leg's `Recognizer`, and the task that connects it."""

    def __init__(
        self,
        stt: DeepgramSpeechToText,
        dialect: _Dialect[R],
        session: "aiohttp.ClientSession",
        report: HypothesisSink,
    ) -> None:
        self._stt = stt
        self._dialect = dialect
        self._session = session
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._tape = Tape(MULAW_8K.bytes_for(_TAPE_MS))
        self._transcript = dialect.words()
        self._work = asyncio.Event()
        """There is something to send."""
        self._stalled = asyncio.Event()
        self._to_say: str | None = None
        """The order that follows the audio."""
        self._voiced = False
        self._voice_end = 0
        self._trouble: ProviderError | None = None
        """Why there is no connection; None while there is one, and before the first attempt."""
        self._told = False
        """The trouble was reported."""
        self._heard_from = 0
        """Valid messages received."""
        self._heard_before_request = 0
        self._timer: asyncio.Handle | None = None
        self._closed = False

    # The frame path ------------------------------------------------------------------------------

    def feed(self, audio: bytes) -> None:
        self._tape.feed(audio)
        if self._voiced:
            self._voice_end = self._tape.end
        self._work.set()

    def voiced(self, speaking: bool) -> None:
        self._voiced = speaking

    def settle(self, request: int) -> None:
        self._stop_timer()
        answer: Hypothesis | ProviderError | None
        answer = self._transcript.settle(request, self._tape.end)
        if self._refused:
            answer = self._trouble
        if answer is not None:
            # Soon, not now: whoever asks is not made to hear the answer inside the question.
            self._timer = self._loop.call_soon(self._report, answer)
            return
        self._heard_before_request = self._heard_from
        if self._dialect.settle is not None:
            self._to_say = self._dialect.settle
        self._work.set()
        self._timer = self._loop.call_later(self._stt.patience_ms / 1000, self._impatient)

    def reset(self) -> None:
        self._stop_timer()
        self._to_say = self._dialect.taken
        self._transcript.reset(self._tape.end)

    def close(self) -> None:
        """Report nothing more, and connect no more."""
        self._closed = True
        self._stop_timer()

    # Requests that Deepgram does not answer ------------------------------------------------------

    def _impatient(self) -> None:
        connected = self._trouble is None
        if connected and (self._all_heard or (self._transcript.provisional and self._alive)):
            self._say_what_is_known()
            return
        # Somebody spoke and there are no words for it: that may yet change.
        more_ms = max(self._stt.stall_ms - self._stt.patience_ms, 0)
        self._timer = self._loop.call_later(more_ms / 1000, self._out_of_patience)
        if connected and not self._alive:
            self._stalled.set()  # A new connection may have heard it all before time is up.

    def _out_of_patience(self) -> None:
        if self._alive or (self._all_heard and self._trouble is None):
            self._say_what_is_known()
            return
        self._transcript.answer()  # The error is the answer.
        if self._trouble is not None:
            self._report(self._trouble)
        else:
            self._report(ProviderTimeout(self._stt.name, "the connection has fallen silent"))
            self._stalled.set()

    @property
    def _alive(self) -> bool:
        """Deepgram has said something since it was asked."""
        return self._heard_from > self._heard_before_request

    @property
    def _all_heard(self) -> bool:
        """Nobody spoke after what the words cover, as far as the gate can tell."""
        return self._voice_end <= self._transcript.heard

    def _say_what_is_known(self) -> None:
        if (answer := self._transcript.answer()) is not None:
            self._report(answer)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # The connection ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Stay connected until cancelled, or until Deepgram refuses to serve us."""
        failures = 0
        while not self._refused:
            heard_from = self._heard_from
            try:
                await self._converse()
            except ProviderError as error:
                # The task group of a connection that breaks takes the failure for more important
                # than that its own task is cancelled in the same moment, and forgets the latter.
                if self._closed:
                    return
                failures = 0 if self._heard_from > heard_from else failures + 1
                self._fail(error)
                await asyncio.sleep(_wait_ms(error, failures) / 1000)

    @property
    def _refused(self) -> bool:
        return isinstance(self._trouble, ProviderRefused)

    def _fail(self, error: ProviderError) -> None:
        self._trouble = error
        if self._refused:
            self._stop_timer()
            self._transcript.answer()  # The error is the answer.
        elif self._told or isinstance(error, _Lost):
            # A connection that is lost and comes back loses no word and concerns nobody. One that
            # cannot be made is told once, and again to every request that waits for it in vain.
            return
        self._told = True
        self._report(error)

    async def _converse(self) -> Never:
        """One connection, from its opening to its loss. Raises ProviderError."""
        ws = await self._stt.connect(self._session)
        try:
            self._trouble, self._told = None, False
            self._stalled.clear()
            # All at once, whatever its length: words that come late are words that came in vain.
            self._tape.release(self._transcript.needed)
            self._transcript.connected(self._tape.rewind())
            waiting = self._transcript.waiting is not None
            self._to_say = self._dialect.settle if waiting else None
            self._work.set()
            async with asyncio.TaskGroup() as group:
                for work in (self._hear(ws), self._send(ws), self._watch()):
                    group.create_task(work)
        except ExceptionGroup as failures:
            errors, bugs = failures.split(ProviderError)
            if errors is None or bugs is not None:
                raise
            raise errors.exceptions[0] from None
        finally:
            await _hang_up(ws)
        raise AssertionError("the connection's tasks end by raising")

    async def _send(self, ws: "aiohttp.ClientWebSocketResponse") -> None:
        try:
            while True:
                try:
                    async with asyncio.timeout(self._stt.keep_alive_ms / 1000):
                        await self._work.wait()
                except TimeoutError:
                    if self._dialect.keep_alive is not None:
                        await ws.send_str(self._dialect.keep_alive)
                    continue
                self._work.clear()
                while audio := self._tape.take():
                    await ws.send_bytes(audio)
                if self._tape.torn:
                    raise _Lost(self._stt.name, "the connection does not keep up")
                if self._to_say is not None:
                    order, self._to_say = self._to_say, None
                    await ws.send_str(order)
        except OSError as error:  # aiohttp's ClientConnectionResetError is one.
            raise _Lost(self._stt.name, "the connection was lost") from error

    async def _hear(self, ws: "aiohttp.ClientWebSocketResponse") -> None:
        from aiohttp import WSMsgType

        name = self._stt.name
        while True:
            message = await ws.receive()
            match message.type:
                case WSMsgType.TEXT:
                    self._take(message.data)
                case WSMsgType.BINARY:
                    raise ProviderGarbled(name, "a binary message")
                case _ if ws.close_code == 1008:  # "DATA-0000": the same audio would fail again
                    raise ProviderRefused(name, "it closed the connection: policy violation")
                case _:
                    raise _Lost(name, f"it closed the connection ({ws.close_code})")

    def _take(self, data: str) -> None:
        message = self._dialect.read(self._stt.name, data)
        if isinstance(message, ProviderError):
            raise message
        if message is None:
            return
        self._heard_from += 1
        hypothesis = self._transcript.take(message)
        self._tape.release(self._transcript.understood)
        if hypothesis is not None:
            if hypothesis.request is not None:
                self._stop_timer()
            self._report(hypothesis)

    async def _watch(self) -> None:
        await self._stalled.wait()
        raise _Lost(self._stt.name, "the connection has fallen silent")


class _Lost(ProviderUnavailable):
    """There was a connection; the next one takes over from it."""


def _wait_ms(error: ProviderError, failures: int) -> int:
    """How long to wait after `failures` connections in a row that brought nothing."""
    wait_ms = _BACKOFF_MS[min(failures, len(_BACKOFF_MS) - 1)]
    if isinstance(error, ProviderBusy) and error.retry_after_ms is not None:
        return max(wait_ms, error.retry_after_ms)
    return wait_ms


async def _hang_up(ws: "aiohttp.ClientWebSocketResponse") -> None:
    with suppress(OSError):  # Whatever cannot be said to it any more. A timeout is one, too.
        async with asyncio.timeout(CLOSE_MS / 1000):
            await ws.send_str(CLOSE_STREAM)
    await ws.close()
