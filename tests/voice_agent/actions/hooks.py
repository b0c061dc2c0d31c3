"""A webhook's receiver on the loopback, as the tests of actions need it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from voice_agent.actions.addresses import AllowList
from voice_agent.actions.http import GuardedClient, Rules, Signer
from voice_agent.actions.secrets import Secrets
from voice_agent.actions.webhook import Webhooks

HANG_S = 20


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    method: str
    path: str
    """With the query, as it was sent."""
    headers: dict[str, str]
    body: bytes


@dataclass
class Hook:
    """Receives requests and answers `status` and `text`."""

    port: int = 0
    status: int = 200
    text: str = '{"ok": true}'
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """No answer before it is set."""
    received: list[Received] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, request: web.Request) -> web.Response:
        self.received.append(
            Received(
                request.method,
                request.raw_path,
                {name.lower(): value for name, value in request.headers.items()},
                await request.read(),
            )
        )
        self.arrived.set()
        await self.gate.wait()
        return web.Response(
            status=self.status,
            text=self.text,
            content_type=self.content_type,
            headers=self.headers,
        )


@asynccontextmanager
async def listening() -> AsyncIterator[Hook]:
    """A hook that answers at once."""
    hook = Hook()
    hook.gate.set()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", hook.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        hook.port = runner.addresses[0][1]
        yield hook
    finally:
        hook.gate.set()
        await runner.cleanup()


@asynccontextmanager
async def webhooks(
    *allow: str,
    environment: dict[str, str] | None = None,
    signing: tuple[bytes, ...] = (),
    now: Callable[[], int] = lambda: 1_700_000_000,
    timeout_ms: int = 10_000,
) -> AsyncIterator[Webhooks]:
    """Webhooks that may call what `allow` lists, and know all of `environment`."""
    rules = Rules(allow=AllowList(allow), timeout_ms=timeout_ms)
    variables = environment or {}
    async with GuardedClient(rules) as client:
        yield Webhooks(client, Secrets(variables, variables), Signer(signing, now))
