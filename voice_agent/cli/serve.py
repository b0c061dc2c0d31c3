"""``voice-agent serve``."""

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Annotated

from cyclopts import Parameter

from .loop import run
from .output import remark, say, say_json

Overrides = Annotated[
    tuple[str, ...],
    Parameter(name="--set", negative="", consume_multiple=True, help="Settings as key=value."),
]


def serve(
    *,
    config: str = "local.toml",
    host: str | None = None,
    port: int | None = None,
    overrides: Overrides = (),
    json: bool = False,
) -> int:
    """Answer calls until interrupted.

    SIGTERM and Ctrl-C drain: no new calls, live ones may finish until `server.drain_ms`. The second
    one stops at once.

    Parameters
    ----------
    config
        A TOML file, or the name of an included one.
    host
        Overrides `server.host`.
    port
        Overrides `server.port`; 0 takes a free one.
    json
        Print the address as JSON when the server is ready.
    """
    extra = [f'server.host="{host}"'] if host is not None else []
    extra += [f"server.port={port}"] if port is not None else []
    return run(_serve(config, (*overrides, *extra), json))


class _Signals:
    """The first signal asks to stop, the second one, or one before the server is ready, insists."""

    def __init__(self, loop: asyncio.AbstractEventLoop, insist: Callable[[], object]) -> None:
        self._insist = insist
        self.asked = asyncio.Event()
        self.ready = False
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._arrived)

    def _arrived(self) -> None:
        if self.asked.is_set() or not self.ready:
            self._insist()
        self.asked.set()


async def _serve(config: str, overrides: tuple[str, ...], json: bool) -> int:
    """Serve until a signal; return the exit code."""
    task = asyncio.current_task()
    assert task is not None  # A coroutine that runs is a task's.
    signals = _Signals(asyncio.get_running_loop(), task.cancel)
    try:
        await _serve_until(signals, config, overrides, json)
    except asyncio.CancelledError:
        if not signals.asked.is_set():
            raise
        task.uncancel()
        return 130 if signals.ready else 0
    return 0


async def _serve_until(
    signals: _Signals, config: str, overrides: tuple[str, ...], json: bool
) -> None:
    from ..app import serving
    from ..settings import load
    from ..telemetry.logs import configure

    configuration = load(config, overrides)
    settings = configuration.settings
    configure(settings.log.level, settings.log.format)
    async with serving(configuration, progress=lambda text: remark(f"{text} …")) as server:
        if json:
            journals = _absolute(settings.journal.directory)
            told = {"url": server.url, "port": server.port, "journals": journals}
            say_json(told | ({"admin_link": server.admin_link} if server.admin_link else {}))
        else:
            public = settings.server.public_url
            has_console = bool(settings.storage.url)
            for line in _welcome(server.url, public, has_console, server.admin_link):
                say(line)
        signals.ready = True
        await signals.asked.wait()
        if len(server.switchboard):
            remark(f"Waiting for {len(server.switchboard)} call(s) to end; again to cut them …")
        await server.switchboard.drain(settings.server.drain_ms)


def _absolute(directory: str) -> str | None:
    return os.path.abspath(directory) if directory else None


def _welcome(url: str, public_url: str, has_console: bool, admin_link: str) -> list[str]:
    from ..web.pages import address, is_built

    console = address(public_url or url) if is_built() else "not built; `make console` builds it"
    first = [f"  open to sign in:  {admin_link}", "                    (within an hour; once)"]
    media = url.replace("http", "ws", 1) + "/twilio/media"
    lines = [
        f"Ready at {url}",
        *(first if admin_link else []),
        *([f"  the console:      {console}"] if has_console else []),
        f'  call it:          voice-agent call --url {media} --say "Are you open on Sunday?"',
        f"  health, metrics:  {url}/readyz  {url}/metrics",
    ]
    if public_url:
        lines.append(
            f"  a Twilio number:  set its voice webhook to {public_url.rstrip('/')}/twilio/voice"
        )
    else:
        lines.append(
            "  a Twilio number:  make this port reachable over https, set TWILIO_AUTH_TOKEN, serve "
            "with --set server.public_url=https://YOUR.HOST, and point the number's voice webhook "
            "to https://YOUR.HOST/twilio/voice"
        )
    return lines
