"""OpenAI, and its many look-alikes: chat completions, transcriptions, speech.

https://platform.openai.com/docs/api-reference
"""

import asyncio
import itertools
import json

from aiohttp import BodyPartReader, web

from voice_codecs import wav
from voice_codecs.convert import convert
from voice_codecs.pcm import MULAW_8K, AudioFormat, Encoding

from .. import spelling
from .faults import Api, Kind
from .service import Vendors, error, garbage, stops, streamed, tokens

_SPEECH = AudioFormat(Encoding.PCM16, 24_000)


async def chat(vendors: Vendors, request: web.Request) -> web.StreamResponse:
    """The next message of a conversation, token by token."""
    kind, arrived = vendors.faults.next(Api.CHAT), vendors.now()
    asked = await request.json()
    vendors.asked.append(asked["messages"])
    said = asked["messages"][-1]["content"]
    vendors.saw(Api.CHAT, "asked", said, arrived)
    if (refused := await _refusal(vendors, request, kind)) is not None:
        return refused
    if not asked.get("stream"):
        return web.json_response({"choices": [{"message": {"content": ""}}]})
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    if kind is Kind.GARBAGE:
        await response.prepare(request)
        await response.write(b"data: <html>Welcome to the hotel</html>\n\n")
        return response
    await vendors.until(arrived, vendors.delays.llm_first_ms)
    await vendors.lateness(kind)
    await response.prepare(request)
    text = vendors.answer(said)
    written = itertools.repeat("\n") if kind is Kind.BLANK else iter(tokens(text))
    loop = asyncio.get_running_loop()
    began, clause = loop.time(), False
    for number, token in enumerate(written):
        if number == vendors.delays.llm_stops_after and await stops(request, kind):
            return response
        # Absolute times: a late token does not delay the next.
        due = began + number / vendors.delays.llm_tokens_per_s
        await asyncio.sleep(max(0.0, due - loop.time()))
        await response.write(_chunk({"content": token}, None))
        if number == 0:
            vendors.saw(Api.CHAT, "first", said)
        if not clause and token[-1] in ",;:.!?":
            clause = True
            vendors.saw(Api.CHAT, "clause", said)
    await response.write(_chunk({}, "stop"))
    await response.write(b"data: [DONE]\n\n")
    vendors.saw(Api.CHAT, "done", said)
    return response


def _chunk(delta: dict[str, str], reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    head = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    return f"data: {json.dumps(head | {'choices': [choice]})}\n\n".encode()


async def transcribe(vendors: Vendors, request: web.Request) -> web.StreamResponse:
    """The words in a file."""
    kind, arrived = vendors.faults.next(Api.TRANSCRIBE), vendors.now()
    pcm, rate = wav.read(await _file(request))
    vendors.saw(Api.TRANSCRIBE, "asked")
    if kind is Kind.GARBAGE:
        return garbage()
    if (refused := await _refusal(vendors, request, kind)) is not None:
        return refused
    mulaw = convert(pcm, AudioFormat(Encoding.PCM16, rate), MULAW_8K)
    text = " ".join(word.text for word in spelling.words(mulaw))
    await vendors.until(arrived, vendors.delays.stt_final_ms)
    await vendors.lateness(kind)
    vendors.saw(Api.TRANSCRIBE, "words", text)
    return web.json_response({"text": text})


async def _file(request: web.Request) -> bytes:
    """What was uploaded, without the temporary file that `request.post` may leave behind."""
    async for part in await request.multipart():
        if isinstance(part, BodyPartReader) and part.name == "file":
            return bytes(await part.read())
    raise web.HTTPBadRequest


async def speech(vendors: Vendors, request: web.Request) -> web.StreamResponse:
    """The speech of one text as bare PCM16 at 24 kHz."""
    kind, arrived = vendors.faults.next(Api.SPEECH), vendors.now()
    asked = await request.json()
    text = asked["input"]
    vendors.saw(Api.SPEECH, "asked", text, arrived)
    if asked["response_format"] != "pcm":
        return error(400, "unsupported_format")
    if kind is Kind.GARBAGE:
        return garbage()
    if (refused := await _refusal(vendors, request, kind)) is not None:
        return refused
    pcm = convert(spelling.spell(text), MULAW_8K, _SPEECH)
    await vendors.until(arrived, vendors.delays.tts_first_ms)
    await vendors.lateness(kind)
    vendors.saw(Api.SPEECH, "first", text)
    step = _SPEECH.bytes_for(100)
    parts = ((100.0, pcm[at : at + step]) for at in range(0, len(pcm), step))
    return await streamed(vendors, request, kind, parts, "audio/pcm")


async def _refusal(
    vendors: Vendors, request: web.Request, kind: Kind | None
) -> web.StreamResponse | None:
    if kind is Kind.QUOTA:
        return error(429, "insufficient_quota")
    return await vendors.refusal(request, kind)
