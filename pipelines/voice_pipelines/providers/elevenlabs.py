"""ElevenLabs, speaking in the carriers' mu-law at 8 kHz, and telling when each word ends.

What is said on the wire and made of it is in `elevenlabs_messages`; this carries it over
multi-context WebSockets, which stay open between pieces, so that only the first one pays for the
handshake.

It does so without the vendor's SDK, which (2.78) speaks over sockets only in blocking code and
without timings, and over HTTP skips whatever it cannot read.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import quote

from voice_codecs.pcm import MULAW_8K, AudioFormat
from voice_pipelines.errors import (
    ProviderError,
    ProviderGarbled,
    ProviderTimeout,
    ProviderUnavailable,
)
from voice_pipelines.ports import SpeechChunk

from .elevenlabs_messages import (
    Message,
    SocketLost,
    WordTimes,
    audio_of,
    opening,
    query,
    read_message,
)
from .http_errors import handshake_error

if TYPE_CHECKING:
    import aiohttp

_URL = "https://api.elevenlabs.io"
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
