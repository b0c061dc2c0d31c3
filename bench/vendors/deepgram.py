"""Deepgram: streaming recognition over a socket, speech over HTTP.

https://developers.deepgram.com/reference/speech-to-text/listen-streaming
"""

import asyncio
import json

from aiohttp import WSMsgType, web

from .. import spelling
from .faults import Api, Kind
from .service import Vendors, abort, error, garbage, half_close, streamed

_RATE = 8000
_PER_MS = _RATE // 1000
_FINAL_AFTER = 5 * _RATE
"""Words that so much audio has passed by are final, asked for or not, at the next pause."""
_PAUSE = 300 * _PER_MS
_FAILS_AFTER = 600 * _PER_MS
"""Of voiced audio, when a socket breaks in mid-utterance."""


async def listen(vendors: Vendors, request: web.Request) -> web.StreamResponse:
    """One leg's connection."""
    kind = vendors.faults.next(Api.LISTEN)
    if kind is Kind.QUOTA:
        return error(402, "ASR_PAYMENT_REQUIRED")
    if kind not in (Kind.STALLED, Kind.HALF_CLOSED):  # The handshake succeeds, nothing follows.
        if (refused := await vendors.refusal(request, kind)) is not None:
            return refused
    assert (request.query["encoding"], request.query["sample_rate"]) == ("mulaw", "8000")
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    if kind is Kind.HALF_CLOSED:
        await half_close(request)
    if kind is Kind.GARBAGE:
        await socket.send_str("<html>")
    async with asyncio.TaskGroup() as group:
        ear = _Ear(vendors, request, socket, kind, group)
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                await ear.feed(message.data)
            elif message.type is WSMsgType.TEXT and not await ear.take(message.data):
                break
        ear.cancel()
    await socket.close()
    return socket


class _Ear:
    """What one connection has heard."""

    def __init__(
        self,
        vendors: Vendors,
        request: web.Request,
        socket: web.WebSocketResponse,
        kind: Kind | None,
        group: asyncio.TaskGroup,
    ) -> None:
        self._vendors = vendors
        self._request = request
        self._socket = socket
        self._kind = kind
        self._group = group
        self._audio = bytearray()
        self._final = 0
        """What lies before this sample is final."""
        self._looked = 0
        self._told = ""
        self._voiced = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def feed(self, audio: bytes) -> None:
        """Hear more; tell words that are not final."""
        self._vendors.heard += audio
        self._audio += audio
        if self._dumb(audio):
            return
        delays, end = self._vendors.delays, len(self._audio)
        if end - self._looked < delays.stt_interim_every_ms * _PER_MS:
            return
        self._looked = end
        words = self._words(end - delays.stt_interim_lag_ms * _PER_MS)
        if end - self._final >= _FINAL_AFTER and not spelling.read(bytes(self._audio[-_PAUSE:])):
            await self._finish(self._words(end), end, asked=False)
        elif (text := _text(words)) and text != self._told:
            self._told = text
            self._vendors.saw(Api.LISTEN, "interim", text)
            await self._tell(words, end, final=False, asked=False)

    async def take(self, data: str) -> bool:
        """Obey a message; False if it ends the stream."""
        match json.loads(data)["type"]:
            case "Finalize":
                task = self._group.create_task(self._finalize(len(self._audio)))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case "CloseStream":
                return False
        return True

    async def _finalize(self, end: int) -> None:
        asked_at, began = self._vendors.now(), self._final
        words = self._words(end)  # Reading takes time, which is part of the delay.
        self._vendors.saw(Api.LISTEN, "asked", _text(words), asked_at)
        await self._vendors.until(asked_at, self._vendors.delays.stt_final_ms)
        await self._vendors.lateness(self._kind)
        if self._final != began:
            words = self._words(end)
        # A `Finalize` that finds nothing to finalize is not answered.
        if words and not self._dumb(b""):
            await self._finish(words, end, asked=True)

    async def _finish(self, words: list[spelling.Passage], end: int, asked: bool) -> None:
        if words:
            self._vendors.saw(Api.LISTEN, "words", _text(words))
        await self._tell(words, end, final=True, asked=asked)
        self._final = max(self._final, end)
        self._told = ""

    def _words(self, end: int) -> list[spelling.Passage]:
        """The words that are not final yet, with their samples since the connection began."""
        since = self._final
        return [
            spelling.Passage(word.text, since + word.start, since + word.end)
            for word in spelling.words(bytes(self._audio[since:end]))
        ]

    async def _tell(
        self, words: list[spelling.Passage], end: int, *, final: bool, asked: bool
    ) -> None:
        told = [
            {
                "word": word.text.strip(".,?!"),
                "punctuated_word": word.text,
                "start": word.start / _RATE,
                "end": word.end / _RATE,
                "confidence": 1.0,
            }
            for word in words
        ]
        alternative = {"transcript": _text(words), "confidence": 1.0, "words": told}
        results = {
            "type": "Results",
            "channel_index": [0, 1],
            "start": self._final / _RATE,
            "duration": (end - self._final) / _RATE,
            "is_final": final,
            "speech_final": False,
            "from_finalize": asked,
            "channel": {"alternatives": [alternative]},
        }
        if not self._socket.closed:
            await self._socket.send_str(json.dumps(results))

    def _dumb(self, audio: bytes) -> bool:
        """Whether the connection says nothing any more; it may be aborted on the spot."""
        if self._kind is Kind.STALLED:
            return True
        if self._kind not in (Kind.DROPPED, Kind.HANGS):
            return False
        self._voiced += len(audio) if spelling.is_loud(audio) else 0
        if self._voiced < _FAILS_AFTER:
            return False
        if self._kind is Kind.DROPPED:
            abort(self._request)
        return True


def _text(words: list[spelling.Passage]) -> str:
    return " ".join(word.text for word in words)


async def speak(vendors: Vendors, request: web.Request) -> web.StreamResponse:
    """The speech of one text as bare mu-law."""
    kind, began = vendors.faults.next(Api.SPEAK), vendors.now()
    text = (await request.json())["text"]
    vendors.saw(Api.SPEAK, "asked", text, began)
    if kind is Kind.QUOTA:
        return error(402, "ASR_PAYMENT_REQUIRED")
    if kind is Kind.GARBAGE:
        return garbage()
    if (refused := await vendors.refusal(request, kind)) is not None:
        return refused
    audio = spelling.spell(text)
    await vendors.until(began, vendors.delays.tts_first_ms)
    await vendors.lateness(kind)
    vendors.saw(Api.SPEAK, "first", text)
    step = 100 * _PER_MS
    parts = ((100.0, audio[at : at + step]) for at in range(0, len(audio), step))
    return await streamed(vendors, request, kind, parts, "audio/mulaw")
