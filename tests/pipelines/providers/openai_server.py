"""What an OpenAI-compatible API is asked, and answers."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from voice_codecs import wav

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


def content_of(part: str | bytes | bytearray | web.FileField) -> object:
    """A text, or a file's (name, type, content)."""
    if not isinstance(part, web.FileField):
        return part
    with part.file as file:
        return part.filename, part.content_type, file.read()


class Server:
    """Answers every request with `reply` and remembers what was sent to it."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.bodies: list[dict[str, object]] = []
        self.keys: list[str | None] = []
        self.asked = asyncio.Event()
        self.left = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.content_type == "multipart/form-data":
            form = await request.post()
            self.bodies.append({name: content_of(part) for name, part in form.items()})
        else:
            self.bodies.append(await request.json())
        self.keys.append(request.headers.get("Authorization"))
        self.asked.set()
        try:
            return await self.reply(request)
        except (asyncio.CancelledError, ConnectionError):
            self.left.set()
            raise

    def sent_pcm(self) -> bytes:
        """The audio of the last request."""
        part = self.bodies[-1]["file"]
        assert isinstance(part, tuple)
        assert part[:2] == ("utterance.wav", "audio/wav")
        pcm, _ = wav.read(part[2])
        return pcm
