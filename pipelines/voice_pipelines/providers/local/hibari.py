"""Speech synthesis on this machine: Hibari, an English voice of 8 MB, in a child process.

It makes a sentence in 20 to 150 ms, as a whole: there is no audio before the sentence is done, so a
reply that is cut at its first clause begins sooner.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator
from typing import Self, assert_never

import msgspec

from voice_codecs.pcm import AudioFormat, Encoding
from voice_pipelines.errors import ProviderError, ProviderGarbled, ProviderUnavailable
from voice_pipelines.ports import SpeechChunk

from .child import Child, Running

# What goes through the pipes ----------------------------------------------------------------------


class Config(msgspec.Struct, frozen=True):
    """What the parent sends first."""

    encoding: str
    rate: int
    voice: str

    @property
    def format(self) -> AudioFormat:
        return AudioFormat(Encoding(self.encoding), self.rate)


class Speak(msgspec.Struct, frozen=True, tag=True):
    """Synthesize `text`; answered by `Audio`, the last of which says so, or by `Failed`."""

    id: int
    text: str


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Nobody waits for `id` any more. It is not answered."""

    id: int


class Audio(msgspec.Struct, frozen=True, tag=True):
    """Some of the speech, in the configured format."""

    id: int
    audio: bytes
    last: bool


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The text could not be spoken; the next one may."""

    id: int
    reason: str


Request = Speak | Cancel
Result = Audio | Failed


def frame(message: Request | Result) -> bytes:
    """Four bytes of length, big-endian, then `message` as MessagePack."""
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(4, "big") + body


# The provider -------------------------------------------------------------------------------------

MAX_TEXT = 2000
"""Characters of one request: some two minutes of speech, which bounds what waits to be played."""


class HibariTextToSpeech:
    """A `TextToSpeech` for any number of calls, served one piece of text after the other.

    Enter it to run it. While its process is down `speak` fails at once with ProviderUnavailable.
    """

    def __init__(
        self, audio_format: AudioFormat, *, voice: str = "heart", name: str = "hibari"
    ) -> None:
        self.name = name
        self._format = audio_format
        self.child = Child(
            name,
            "voice_pipelines.providers.local.hibari_worker",
            {"encoding": audio_format.encoding.value, "rate": audio_format.rate, "voice": voice},
            self._attend,
        )
        self._numbers = itertools.count()
        self._running: Running | None = None
        # Unbounded queues, for a caller that plays slowly must not hold up the others; what comes
        # into each is bounded by the length of its text.
        self._waiting: dict[int, asyncio.Queue[Audio | ProviderError]] = {}

    @property
    def format(self) -> AudioFormat:
        """What `speak` yields."""
        return self._format

    async def __aenter__(self) -> Self:
        await self.child.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.child.__aexit__()

    async def speak(self, text: str) -> AsyncGenerator[SpeechChunk]:
        """Stream the speech of `text`; nothing at all if there is nothing to pronounce.

        Closing or cancelling it has the worker drop what it has not begun. Raises ProviderError.
        """
        if len(text) > MAX_TEXT:
            raise ProviderGarbled(self.name, f"more than {MAX_TEXT} characters in one piece")
        number = next(self._numbers)
        results = self._waiting[number] = asyncio.Queue()
        try:
            self._send(Speak(number, text))
            while True:
                result = await results.get()
                if isinstance(result, ProviderError):
                    raise result
                if result.audio:
                    yield SpeechChunk(result.audio)
                if result.last:
                    self._waiting.pop(number, None)
                    return
        finally:
            if self._waiting.pop(number, None) is not None and self._running is not None:
                self._send(Cancel(number))

    def _send(self, request: Request) -> None:
        if self._running is None:
            raise self.child.unavailable()
        self._running.stdin.write(frame(request))  # a line of text: the pipe's buffer takes it

    async def _attend(self, running: Running) -> None:
        """Hand each result to whoever waits for it, for one life of the worker."""
        decoder: msgspec.msgpack.Decoder[Result] = msgspec.msgpack.Decoder(Result)
        self._running = running
        try:
            while True:
                length = await running.stdout.readexactly(4)
                body = await running.stdout.readexactly(int.from_bytes(length, "big"))
                self._hand_over(decoder.decode(body))
        finally:
            self._running = None
            for results in self._waiting.values():
                results.put_nowait(ProviderUnavailable(self.name, "the process died"))
            self._waiting.clear()

    def _hand_over(self, result: Result) -> None:
        results = self._waiting.get(result.id)
        if results is None:
            return  # cancelled when this was on its way
        match result:
            case Audio():
                results.put_nowait(result)
            case Failed():
                results.put_nowait(ProviderUnavailable(self.name, f"failed: {result.reason}"))
                del self._waiting[result.id]
            case _:
                assert_never(result)
