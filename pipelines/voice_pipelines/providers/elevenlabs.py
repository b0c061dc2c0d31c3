"""ElevenLabs, speaking in the carriers' mu-law at 8 kHz, and telling when each word ends.

The first half of this module is pure: `query` and `opening` are what is asked for, `read_message`
and `WordTimes` make sense of what comes back
(https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input).
The second half carries them over multi-context WebSockets, which stay open between pieces, so that
only the first one pays for the handshake.

It does so without the vendor's SDK, which (2.78) speaks over sockets only in blocking code and
without timings, and over HTTP skips whatever it cannot read.
"""

import asyncio
import base64
import binascii
import json
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from voice_codecs.pcm import MULAW_8K, AudioFormat
from voice_pipelines.errors import (
    ProviderError,
    ProviderGarbled,
    ProviderTimeout,
    ProviderUnavailable,
)
from voice_pipelines.ports import SpeechChunk

from .http_errors import code_error, handshake_error

if TYPE_CHECKING:
    import aiohttp

_URL = "https://api.elevenlabs.io"

# What is asked for -------------------------------------------------------------------------------


def query(model: str, language: str | None) -> dict[str, str]:
    """The parameters of a connection that speaks mu-law at 8 kHz."""
    asked = {
        "model_id": model,
        "output_format": "ulaw_8000",
        # Every text is a whole clause: nothing is gained by waiting for more of it.
        "auto_mode": "true",
        "sync_alignment": "true",
        # The most that is allowed, in seconds; how long a socket is kept we decide ourselves.
        "inactivity_timeout": "180",
    }
    return asked | ({"language_code": language} if language else {})


def opening(context: str, text: str, voice_settings: Mapping[str, float | bool]) -> list[str]:
    """The messages that have `text` spoken, all of it and nothing else, in a context of its own."""
    first: dict[str, object] = {"text": " ", "context_id": context}
    if voice_settings:
        first["voice_settings"] = dict(voice_settings)
    # "Should end with a single space", says the vendor of texts.
    said = {"text": text.rstrip() + " ", "context_id": context, "flush": True}
    # What was flushed is still spoken; then the context ends, and says so.
    last = {"context_id": context, "close_context": True}
    return [json.dumps(message) for message in (first, said, last)]


# What comes back ---------------------------------------------------------------------------------


class Alignment(msgspec.Struct):
    """When each character is said, in ms from the beginning of the chunk that it came with."""

    chars: list[str] = []
    starts: list[int] = msgspec.field(default=[], name="charStartTimesMs")
    durations: list[int] = msgspec.field(default=[], name="charDurationsMs")


class Message(msgspec.Struct):
    """What the socket says. Which fields are there depends."""

    context: str | None = msgspec.field(default=None, name="contextId")
    audio: str | None = None
    """Base64."""
    alignment: Alignment | None = None
    """Of the text as it was written."""
    normalized: Alignment | None = msgspec.field(default=None, name="normalizedAlignment")
    """Of the text as it is read out: "$5" is "five dollars"."""
    final: bool | None = msgspec.field(default=None, name="isFinal")
    error: str | None = None


def read_message(provider: str, data: str) -> Message:
    """Raises ProviderGarbled, or whatever error the message tells of."""
    try:
        message = msgspec.json.decode(data, type=Message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProviderGarbled(provider, f"not a message: {error}") from error
    if message.error is not None:
        raise failure(provider, message.error)
    return message


def audio_of(provider: str, message: Message) -> bytes:
    """The audio of a message, b"" if it has none. Raises ProviderGarbled."""
    try:
        return base64.b64decode(message.audio or "", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProviderGarbled(provider, "the audio is not base64") from error


def failure(provider: str, code: str) -> ProviderError:
    """What an error message means to us. Its prose stays out: it may quote the text."""
    if code == "input_timeout_exceeded":  # an idle socket, not the text that comes too late
        return SocketLost(provider, code)
    return code_error(provider, code)


class SocketLost(ProviderUnavailable):
    """The socket is closed, or about to be."""


class WordTimes:
    """Turns the alignments of one text into the words of that text, each with where it ends.

    A chunk is aligned with the text as written and as read out. Either may leave the text: the
    latter at the first number, the former, with some models, by starting anew. So each time the
    one that goes on where we are is believed. If neither does, there are no more times for this
    text, which is no loss: the ledger estimates what nobody tells.
    """

    def __init__(self, text: str) -> None:
        self._words = _words(text)
        self._letters = "".join(text.split())
        self._said = 0
        """How many of the letters."""
        self._begun_ms = 0
        """Where the next chunk begins."""
        self._lost = False

    def take(self, message: Message) -> tuple[tuple[str, int], ...]:
        """The words that end in the chunk of `message`, and the samples at which they do."""
        choices = [choice for choice in (message.alignment, message.normalized) if choice]
        choices = [choice for choice in choices if choice.chars]
        if not choices or self._lost:
            return ()
        for choice in choices:
            if (ends := self._follow(choice)) is not None:
                self._begun_ms += choice.starts[-1] + choice.durations[-1]
                return tuple(self._completed(ends))
        self._lost = True
        return ()

    def _follow(self, alignment: Alignment) -> list[int] | None:
        """When each of the next letters ends, in ms; None if these are not the next letters."""
        if not len(alignment.chars) == len(alignment.starts) == len(alignment.durations):
            return None
        ends = []
        at = self._said
        for char, start, ms in zip(
            alignment.chars, alignment.starts, alignment.durations, strict=True
        ):
            if char.isspace() or not char:
                continue
            if not self._letters.startswith(char, at):
                return None
            at += len(char)
            ends += [self._begun_ms + start + ms] * len(char)
        return ends

    def _completed(self, ends: list[int]) -> list[tuple[str, int]]:
        completed = []
        for end in ends:
            self._said += 1
            if self._words and self._words[0][1] <= self._said:
                word, _ = self._words.popleft()
                completed.append((word, end * MULAW_8K.rate // 1000))
        return completed


def _words(text: str) -> deque[tuple[str, int]]:
    """The words, each with the white space before it and the number of letters up to its end."""
    words: deque[tuple[str, int]] = deque()
    at = letters = 0
    for word in text.split():
        end = text.index(word, at) + len(word)
        letters += len(word)
        words.append((text[at:end], letters))
        at = end
    return words


# The connections ---------------------------------------------------------------------------------

_WARM_MS = 30_000
"""How long an idle socket may be used again that nobody tended. The vendor's pings go unanswered
then, which it bears for some tens of seconds; a socket that it gave up costs one more handshake,
and no error."""

_WARM = 32
"""Idle sockets that are kept; whoever finds none left pays for a handshake, not more."""

_CLOSE_MS = 250
"""How long a socket may take to close; a silent one must not hold up whoever interrupts."""


class ElevenLabsTextToSpeech:
    """A `TextToSpeech` (`Warming`) on ElevenLabs. Close it when it is no longer needed.

    `voice_settings` are the vendor's: stability, similarity_boost, style, use_speaker_boost, speed.
    `model_id` may be any but `eleven_v3`, which has no such sockets. `language` (ISO 639-1) is for
    the models that can be told. `silence_timeout_ms` bounds the wait for each next message.

    A socket speaks one text at a time, for whichever call, in a new context each. One that was
    interrupted is closed: a context whose text is flushed is spoken to its end even if it is closed
    (so the vendor says of `close_context`), and only closing the socket stops it for certain.
    """

    def __init__(
        self,
        api_key: str,
        voice_id: str,
        *,
        model_id: str = "eleven_flash_v2_5",
        voice_settings: Mapping[str, float | bool] | None = None,
        language: str | None = None,
        base_url: str | None = None,
        name: str = "elevenlabs",
        connect_timeout_ms: int = 3_000,
        silence_timeout_ms: int = 10_000,
        warm_ms: int = _WARM_MS,
    ) -> None:
        self.name = name
        self._api_key = api_key
        voice = quote(voice_id, safe="")
        self._url = f"{(base_url or _URL).rstrip('/')}/v1/text-to-speech/{voice}/multi-stream-input"
        self._query = query(model_id, language)
        self._voice_settings = dict(voice_settings or {})
        self._connect_timeout_s = connect_timeout_ms / 1000
        self._silence_timeout_s = silence_timeout_ms / 1000
        self._warm_s = warm_ms / 1000
        self._session: aiohttp.ClientSession | None = None
        self._idle: list[_Socket] = []
        """The one used last is at the end, and is used next."""
        self._warming = False

    @property
    def format(self) -> AudioFormat:
        """Mu-law at 8 kHz, as ElevenLabs sends it."""
        return MULAW_8K

    async def speak(self, text: str) -> AsyncGenerator[SpeechChunk]:
        """Stream the speech of `text`, each piece as it arrives. Raises ProviderError."""
        if not text.strip():
            return
        times = WordTimes(text)
        socket, message = await self._begin(text)
        try:
            while not message.final:
                audio = audio_of(self.name, message)
                words = times.take(message)
                if audio or words:
                    yield SpeechChunk(audio, words)
                message = await socket.hear(self._silence_timeout_s)
        except BaseException:
            await socket.close()
            raise
        await self._put_back(socket)

    async def warm(self) -> None:
        """See that a socket is open that nobody speaks on, and tend those that are; never fails.

        Tended sockets answer the vendor's pings. It closes them all the same when they have said
        nothing for three minutes; then another is opened.
        """
        if self._warming:
            return
        self._warming = True
        try:
            for _ in range(len(self._idle)):
                await self._tend_oldest()
            if not self._idle:
                self._idle.append(_Socket(self.name, await self._connect()))
        except ProviderError:
            pass  # Whoever speaks next will say what is wrong.
        finally:
            self._warming = False

    async def close(self) -> None:
        """Close the connections, those in use included."""
        idle, self._idle = self._idle, []
        for socket in idle:
            await socket.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _begin(self, text: str) -> tuple["_Socket", "Message"]:
        """A socket that speaks `text`, and its first message. Raises ProviderError."""
        while True:
            socket = await self._take_idle()
            was_idle = socket is not None
            if socket is None:
                socket = _Socket(self.name, await self._connect())
            try:
                await socket.begin(text, self._voice_settings)
                return socket, await socket.hear(self._silence_timeout_s)
            except SocketLost:
                await socket.close()
                if not was_idle:
                    raise
                # It had died while nobody was reading. That says nothing about the next.
            except BaseException:
                await socket.close()
                raise

    async def _take_idle(self) -> "_Socket | None":
        now = asyncio.get_running_loop().time()
        while self._idle:
            socket = self._idle.pop()
            if now - socket.idle_since < self._warm_s:
                return socket
            await socket.close()
        return None

    async def _tend_oldest(self) -> None:
        if not self._idle:
            return  # Somebody has begun to speak on it.
        socket = self._idle.pop(0)
        now = asyncio.get_running_loop().time()
        if now - socket.idle_since < self._warm_s and await socket.tend():
            socket.idle_since = now
            self._idle.append(socket)
        else:
            await socket.close()

    async def _put_back(self, socket: "_Socket") -> None:
        socket.idle_since = asyncio.get_running_loop().time()
        self._idle.append(socket)
        if len(self._idle) > _WARM:
            await self._idle.pop(0).close()

    async def _connect(self) -> "aiohttp.ClientWebSocketResponse":
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession()
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                return await self._session.ws_connect(
                    self._url,
                    params=self._query,
                    headers={"xi-api-key": self._api_key},
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_MS / 1000),
                )
        except aiohttp.WSServerHandshakeError as error:
            raise handshake_error(self.name, error.status, error.headers or {}) from error
        except TimeoutError as error:
            raise ProviderTimeout(self.name, "no connection in time") from error
        except (aiohttp.ClientError, OSError) as error:
            reason = type(error).__name__
            raise ProviderUnavailable(self.name, f"connection failed: {reason}") from error


class _Socket:
    """A connection that speaks one text after the other."""

    def __init__(self, provider: str, ws: "aiohttp.ClientWebSocketResponse") -> None:
        self.idle_since = asyncio.get_running_loop().time()
        self._provider = provider
        self._ws = ws
        self._contexts = count(1)
        self._context = ""

    async def begin(self, text: str, voice_settings: Mapping[str, float | bool]) -> None:
        """Ask for `text`. Raises ProviderError."""
        self._context = str(next(self._contexts))
        try:
            for message in opening(self._context, text, voice_settings):
                await self._ws.send_str(message)
        except OSError as error:  # aiohttp's ClientConnectionResetError is one.
            raise SocketLost(self._provider, "the connection was lost") from error

    async def hear(self, timeout_s: float) -> Message:
        """What is said of the text next. Raises ProviderError."""
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    message = self._read(await self._ws.receive())
                    if message.context in (None, self._context):
                        return message
        except TimeoutError as error:
            raise ProviderTimeout(self._provider, "no answer in time") from error

    async def tend(self) -> bool:
        """Answer the pings that came while nobody read; False if the vendor has closed it."""
        try:
            async with asyncio.timeout(0):
                while True:
                    self._read(await self._ws.receive())
        except TimeoutError:  # There is nothing more, at present.
            return True
        except ProviderError:
            return False

    async def close(self) -> None:
        """Close it, upon which the vendor stops speaking; bounded in time."""
        with suppress(OSError):
            await self._ws.close()

    def _read(self, message: "aiohttp.WSMessage") -> Message:
        from aiohttp import WSMsgType

        match message.type:
            case WSMsgType.TEXT:
                return read_message(self._provider, message.data)
            case WSMsgType.BINARY:
                raise ProviderGarbled(self._provider, "a binary message")
            case _:
                # Mostly 1008, whether it is the key, the money, or that nobody spoke for a while:
                # what it is has been said before, in a message.
                code = self._ws.close_code
                raise SocketLost(self._provider, f"it closed the connection ({code})")
