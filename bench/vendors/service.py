"""All the vendors at one address, and what they have in common."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from .faults import Api, Faults, Kind

Answer = Callable[[str], str]
"""What the language model says to the caller's last words."""

STOPS_AFTER_MS = 500
"""Of the audio of a text, when the voice stops in mid-sentence."""


class Delays(msgspec.Struct, frozen=True):
    """How long the vendors take: good days of the real ones."""

    stt_final_ms: int = 150
    """From the question (`Finalize`, or a whole file) to the words."""
    stt_interim_every_ms: int = 300
    stt_interim_lag_ms: int = 200
    """What was said so shortly before is not in an interim result."""
    llm_first_ms: int = 250
    """To the first token…"""
    llm_tokens_per_s: float = 60.0
    """…and then. A token is a word with the space before it."""
    tts_first_ms: int = 120
    tts_speed: float = 8.0
    """How much faster than real time a voice streams."""
    llm_stops_after: int = 8
    """Tokens, when an answer stops in mid-sentence."""
    slow_ms: int = 3000
    """What the fault "slow" adds."""
    retry_after_s: int = 1


class Seen(msgspec.Struct, frozen=True):
    """Something that a vendor received or sent, at `at_s` of the machine's monotonic clock."""

    at_s: float
    api: Api
    what: str
    """``asked``, ``interim``, ``words`` (the final ones), ``first`` (token or audio), ``clause``
    (the first one is complete), ``done``."""
    text: str = ""
    """The words in question, if they are known."""


def answer_politely(said: str) -> str:
    """The default answer: a first clause with all that was said, then more."""
    return f"You said {said.rstrip('.?!')}, and that is all that I can say to it today."


_TOKEN = re.compile(r"\s*\S+")


def tokens(text: str) -> list[str]:
    """`text` as the language model writes it: words, each with the space before it."""
    return _TOKEN.findall(text)


@dataclass
class Vendors:
    """Every vendor, healthy unless `faults` says otherwise."""

    delays: Delays = field(default_factory=Delays)
    answer: Answer = answer_politely
    faults: Faults = field(default_factory=Faults)
    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    """The credentials that came."""
    heard: bytearray = field(default_factory=bytearray)
    """All audio that streamed in, of all calls, as it came."""
    asked: list[list[Mapping[str, str]]] = field(default_factory=list)
    """The histories that the language model was asked to go on with."""
    open: int = 0
    """Requests and sockets under way."""

    def now(self) -> float:
        """Seconds of the machine's monotonic clock."""
        return time.monotonic()

    def saw(self, api: Api, what: str, text: str = "", at_s: float | None = None) -> None:
        """Note something; `at_s` if it was some time ago."""
        self.seen.append(Seen(self.now() if at_s is None else at_s, api, what, text))

    async def until(self, since_s: float, ms: float) -> None:
        """Wait until `ms` have passed since then, whatever was done in between."""
        await asyncio.sleep(max(0.0, since_s + ms / 1000 - self.now()))

    @contextmanager
    def serving(self, request: web.Request) -> Iterator[None]:
        """Around each request."""
        for header in ("Authorization", "xi-api-key"):
            if key := request.headers.get(header):
                self.keys.add(key)
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    async def lateness(self, kind: Kind | None) -> None:
        """What the fault "slow" adds."""
        if kind is Kind.SLOW:
            await asyncio.sleep(self.delays.slow_ms / 1000)

    async def refusal(self, request: web.Request, kind: Kind | None) -> web.StreamResponse | None:
        """What comes instead of an HTTP answer, or None if the answer itself is to come."""
        match kind:
            case Kind.STALLED:
                await asyncio.Event().wait()  # Until the client has had enough.
            case Kind.HALF_CLOSED:
                await half_close(request)
            case Kind.UNAUTHORIZED:
                return error(401, "invalid_api_key")
            case Kind.BUSY:
                retry = {"Retry-After": str(self.delays.retry_after_s)}
                return error(429, "rate_limit_exceeded", retry)
            case Kind.BROKEN:
                return error(503, "overloaded")
            case Kind.BAD_REQUEST:
                return error(400, "invalid_request")
            case _:
                pass
        return None


def error(status: int, code: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error as OpenAI writes it; the other vendors' differ in fields that nobody reads."""
    problem = {"error": {"message": "This quotes what was said.", "type": code, "code": code}}
    return web.json_response(problem, status=status, headers=headers)


def garbage() -> web.Response:
    """What a proxy says that is not to be in the way."""
    return web.Response(text="<html>Welcome to the hotel</html>", content_type="text/html")


async def half_close(request: web.Request) -> None:
    """Send the end of the stream, then read on until the client closes its side."""
    if (transport := request.transport) is not None and transport.can_write_eof():
        transport.write_eof()
    await asyncio.Event().wait()


def abort(request: web.Request) -> None:
    """The connection is gone."""
    if request.transport is not None:
        request.transport.abort()


async def streamed(
    vendors: Vendors,
    request: web.Request,
    kind: Kind | None,
    parts: Iterable[tuple[float, bytes]],
    content_type: str,
) -> web.StreamResponse:
    """An HTTP answer of audio: each part (how long it sounds in ms, its bytes) when it is due."""
    response = web.StreamResponse(headers={"Content-Type": content_type})
    await response.prepare(request)
    sent_ms = 0.0
    for ms, part in parts:
        if sent_ms >= STOPS_AFTER_MS and await stops(request, kind):
            return response
        await response.write(part)
        sent_ms += ms
        await asyncio.sleep(ms / vendors.delays.tts_speed / 1000)
    return response


async def stops(request: web.Request, kind: Kind | None) -> bool:
    """Stop here if that is the fault; True if the answer is to end as if it were complete."""
    match kind:
        case Kind.DROPPED:
            abort(request)
            return True
        case Kind.HANGS:
            await asyncio.Event().wait()
    return kind is Kind.CUT_OFF


Handler = Callable[[Vendors, web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def listening(
    vendors: Vendors, routes: Mapping[tuple[str, str], Handler], port: int = 0
) -> AsyncIterator[Vendors]:
    """Serve on loopback; `vendors.url` tells where."""
    application = web.Application(client_max_size=16 * 2**20)

    def bound(handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            with vendors.serving(request):
                return await handler(vendors, request)

        return handle

    for (method, path), handler in routes.items():
        application.router.add_route(method, path, bound(handler))
    # A handler that stalls ends when its client does.
    runner = web.AppRunner(
        application, access_log=None, handler_cancellation=True, shutdown_timeout=1
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        host, port = runner.addresses[0][:2]
        vendors.url = f"http://{host}:{port}"
        yield vendors
    finally:
        await runner.cleanup()
