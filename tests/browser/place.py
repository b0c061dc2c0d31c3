"""A scripted server on a thread of its own, pages of another origin, and Chromium's microphone."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from aiohttp import web

from tests.voice_agent.calls.test_session import Kept, kept, kept_in
from tests.voice_agent.media import CHEAP, HANG_S
from voice_agent.app import Server, serving
from voice_agent.calls.records import DEFAULT_WORKSPACE
from voice_agent.personas.persona import Persona
from voice_agent.settings import load
from voice_agent.storage.store import opened
from voice_codecs import wav
from voice_pipelines.providers.scripted import ScriptedLanguageModel, ScriptedSpeechToText

AUDIO = Path(__file__).parents[1] / "audio"
HANG_MS = HANG_S * 1000
T = TypeVar("T")


class Loop:
    """An event loop on a thread of its own: Playwright's plain API blocks the test's."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it there; what it returns."""
        return self.begin(work).result(4 * HANG_S)

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Have it run there meanwhile."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(HANG_S)
        self._loop.close()


@dataclass
class Place:
    """A running server, in this process: what it does is told by a script."""

    loop: Loop
    server: Server
    folder: Path
    secret: str
    """A secret key."""
    admin: str
    """An administrator's key."""
    link: str
    """Makes a browser an administrator's, once: what stands behind the ``#`` of the first start's
    link."""
    public: str
    """A publishable key for pages of any origin."""

    @property
    def url(self) -> str:
        return self.server.url

    def answers(self, *replies: Any) -> ScriptedLanguageModel:
        """What the agent says from now on; see `ScriptedLanguageModel`."""
        llm = ScriptedLanguageModel(replies)
        self.serve_with(llm=llm)
        return llm

    def hears(self, *texts: str) -> None:
        """What the user's utterances of conversations that begin from now on are taken for."""
        self.serve_with(stt=ScriptedSpeechToText(texts))

    def serve_with(self, **services: Any) -> None:
        """Services of conversations that begin from now on, by the names of `Services`."""
        agents = self.server.agents
        agents.services = replace(agents.services, **services)

    def records(self) -> list[Kept]:
        """All conversations as they are kept, the oldest first."""
        return self.loop.run(self._records())

    async def _records(self) -> list[Kept]:
        house = self.server.switchboard.house
        assert house is not None and house.writer is not None
        assert await house.writer.written(HANG_MS)
        return await kept(self.folder)

    def idle(self) -> None:
        """Return when no conversation is live."""
        assert self.loop.run(self.server.switchboard.becomes_idle(HANG_MS))


@dataclass
class Pages:
    """Pages of an origin that is not the server's."""

    origin: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    """HTML by path."""
    headers: dict[str, str] = field(default_factory=dict)
    """Of every page, such as a Content-Security-Policy."""
    head: str = ""
    """What every page begins with."""

    def put(self, html: str, path: str = "/") -> str:
        """Serve this page; its address."""
        self.texts[path] = html
        return self.origin + path

    async def get(self, request: web.Request) -> web.Response:
        if (text := self.texts.get(request.path)) is None:
            raise web.HTTPNotFound
        return web.Response(text=self.head + text, content_type="text/html", headers=self.headers)


@contextmanager
def place(folder: Path, persona: Persona, overrides: Sequence[str] = ()) -> Iterator[Place]:
    """A server at which `persona` answers."""
    loop = Loop()
    stack = AsyncExitStack()
    try:
        yield loop.run(_opened(loop, stack, folder, persona, overrides))
    finally:
        loop.run(stack.aclose())
        loop.close()


async def _opened(
    loop: Loop,
    stack: AsyncExitStack,
    folder: Path,
    persona: Persona,
    overrides: Sequence[str],
) -> Place:
    settings = kept_in(folder, persona)
    async with opened(f"sqlite:///{folder}/kept.db") as store:
        secret = await store.keys.create("secret", DEFAULT_WORKSPACE)
        admin = await store.keys.create("admin", DEFAULT_WORKSPACE)
        link = await store.keys.new_link()
        public = await store.keys.create("client", DEFAULT_WORKSPACE, origins=("*",))
    configuration = load("scripted.toml", (*CHEAP, *settings, *overrides), {})
    server = await stack.enter_async_context(serving(configuration))
    return Place(loop, server, folder, secret.text, admin.text, link.text, public.text)


@contextmanager
def pages() -> Iterator[Pages]:
    """A server of pages on a port of its own."""
    loop, made = Loop(), Pages()
    application = web.Application()
    application.router.add_get("/{path:.*}", made.get)
    runner = web.AppRunner(application)

    async def start() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return int(runner.addresses[0][1])

    try:
        made.origin = f"http://127.0.0.1:{loop.run(start())}"
        yield made
    finally:
        loop.run(runner.cleanup())
        loop.close()


def microphone(target: Path, *parts: str | float, rate: int = 48_000) -> Path:
    """A file for Chromium's microphone: recordings of `tests/audio` by name, and seconds of
    silence."""
    pieces = [_piece(part, rate) for part in parts]
    with open(target, "wb") as file:
        writer = wav.Writer(file, rate)
        writer.write(np.concatenate(pieces).astype("<i2").tobytes())
        writer.close()
    return target


def _piece(part: str | float, rate: int) -> "np.ndarray[Any, Any]":
    if not isinstance(part, str):
        return np.zeros(int(part * rate))
    samples, own = wav.read(AUDIO / f"{part}.wav")
    pcm = np.frombuffer(samples, "<i2").astype(float)
    at = np.arange(len(pcm) * rate // own) * own / rate
    return np.asarray(np.interp(at, np.arange(len(pcm)), pcm))
