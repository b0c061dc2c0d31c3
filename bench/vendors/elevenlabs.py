"""ElevenLabs: speech over a multi-context socket, with the time of each character.

https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input
"""

import asyncio
import base64
import json

from aiohttp import WSMsgType, web

from .. import spelling
from .faults import Api, Kind
from .service import STOPS_AFTER_MS, Vendors, error, half_close, stops

_LETTERS = 3
"""In one message: 180 ms."""
_BYTES_PER_MS = 8


async def multi_stream(vendors: Vendors, request: web.Request) -> web.StreamResponse:
    """One socket, which speaks any number of texts. A fault is that of the socket."""
    kind = vendors.faults.next(Api.ELEVENLABS)
    if kind not in (Kind.STALLED, Kind.HALF_CLOSED):  # The handshake succeeds, nothing follows.
        if (refused := await vendors.refusal(request, kind)) is not None:
            return refused
    if request.query["output_format"] != "ulaw_8000":
        return error(400, "output_format_not_allowed")
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    if kind is Kind.HALF_CLOSED:
        await half_close(request)
    texts: dict[str, str] = {}
    async with asyncio.TaskGroup() as group:
        speaking: set[asyncio.Task[None]] = set()
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            said = json.loads(message.data)
            if said.get("close_socket"):
                break
            context = said.get("context_id", "default")
            texts[context] = texts.get(context, "") + said.get("text", "")
            # Nothing is spoken before the context is closed: our adapter closes it at once.
            if said.get("close_context"):
                text = texts.pop(context).strip()
                work = _speak(vendors, request, socket, kind, context, text)
                speaking.add(group.create_task(work))
        for task in speaking:
            task.cancel()
    await socket.close()
    return socket


async def _speak(
    vendors: Vendors,
    request: web.Request,
    socket: web.WebSocketResponse,
    kind: Kind | None,
    context: str,
    text: str,
) -> None:
    arrived = vendors.now()
    vendors.saw(Api.ELEVENLABS, "asked", text, arrived)
    match kind:
        case Kind.STALLED:
            return
        case Kind.GARBAGE:
            await socket.send_str("<html>")
            return
        case Kind.QUOTA:
            problem = {"error": "quota_exceeded", "message": "This quotes it.", "code": 1008}
            await socket.send_str(json.dumps(problem | {"contextId": context}))
            await socket.close(code=1008)
            return
    await vendors.until(arrived, vendors.delays.tts_first_ms)
    await vendors.lateness(kind)
    vendors.saw(Api.ELEVENLABS, "first", text)
    for at in range(0, len(text), _LETTERS):
        sent_ms = at * spelling.LETTER_MS
        if sent_ms >= STOPS_AFTER_MS and await stops(request, kind):
            break
        message = _audio(text, at) | {"contextId": context, "isFinal": None}
        await socket.send_str(json.dumps(message))
        await asyncio.sleep(_LETTERS * spelling.LETTER_MS / vendors.delays.tts_speed / 1000)
    if not socket.closed:
        await socket.send_str(json.dumps({"isFinal": True, "contextId": context}))


def _audio(text: str, at: int) -> dict[str, object]:
    """The message with the letters from `at` on."""
    letters = spelling.LETTER_MS * _BYTES_PER_MS
    # Spelled as a whole: the tone of a letter depends on the one before it.
    begin = len(spelling.letters(text[:at])) * letters
    end = len(spelling.letters(text[: at + _LETTERS])) * letters
    audio = spelling.spell(text)[begin:end]
    chars = list(text[at : at + _LETTERS])
    durations = [spelling.LETTER_MS if spelling.letters(char) else 0 for char in chars]
    starts = [sum(durations[:number]) for number in range(len(chars))]
    alignment = {"chars": chars, "charStartTimesMs": starts, "charDurationsMs": durations}
    return {
        "audio": base64.b64encode(audio).decode(),
        "alignment": alignment,
        "normalizedAlignment": alignment,
    }
