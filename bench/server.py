"""The server under test: a process of its own, seen from outside only."""

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median

import aiohttp
import psutil

from voice_agent.child import ending, told_when_ready

from .cores import pinned

_START_S = 120.0
_STOP_S = 20.0
_IMPORT = """
import time
began = time.perf_counter()
import voice_agent.cli
import voice_agent.app
print(time.perf_counter() - began)
"""
_SAMPLE = re.compile(r'^(?P<name>\w+)(?:\{le="(?P<le>[^"]+)"\})? (?P<value>\S+)$', re.MULTILINE)


class ServerFailed(Exception):
    """The server did not start, or is gone."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the server and its children have used, at one moment."""

    at_s: float
    """Of the monotonic clock."""
    cpu_s: float
    rss_mib: float
    threads: int
    fds: int


@dataclass(frozen=True, slots=True)
class Gauges:
    """What the server tells of itself on /metrics."""

    live_calls: int
    beats: int
    """20 ms beats of its metronome so far…"""
    late_beats: int
    """…and those that were more than 20 ms late."""
    tasks: int = 0
    """Tasks of its event loop."""


class Server:
    """A running server."""

    def __init__(self, pid: int, url: str, ready_s: float) -> None:
        self.pid = pid
        self.url = url
        self.ready_s = ready_s
        """From the start of the process until it told that it is ready."""
        server = psutil.Process(pid)
        # Looked up once: to look through all processes takes longer than the callers have time.
        self._family = [server, *server.children(recursive=True)]

    @property
    def media_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/twilio/media"

    def usage(self) -> Usage:
        """Of the server and the children that it had when it was ready. Raises ServerFailed."""
        try:
            family = self._family
            times = [process.cpu_times() for process in family]
            gone = times[0]  # Its children that have ended are counted by the parent.
            return Usage(
                at_s=time.monotonic(),
                cpu_s=sum(t.user + t.system for t in times)
                + float(getattr(gone, "children_user", 0.0))
                + float(getattr(gone, "children_system", 0.0)),
                rss_mib=sum(process.memory_info().rss for process in family) / 2**20,
                threads=sum(process.num_threads() for process in family),
                fds=sum(process.num_fds() for process in family),
            )
        except psutil.Error as error:
            raise ServerFailed(f"the server is gone: {error}") from error

    async def gauges(self) -> Gauges:
        """Raises ServerFailed."""
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{self.url}/metrics") as response,
            ):
                return read_gauges(await response.text())
        except (aiohttp.ClientError, OSError) as error:
            raise ServerFailed(f"/metrics does not answer: {error}") from error


def read_gauges(exposition: str) -> Gauges:
    """What is wanted of a Prometheus exposition."""
    found = {
        (sample["name"], sample["le"]): float(sample["value"])
        for sample in _SAMPLE.finditer(exposition)
    }
    lag = "voice_agent_loop_lag_seconds"
    beats = int(found.get((f"{lag}_count", None), 0))
    return Gauges(
        live_calls=int(found.get(("voice_agent_live_calls", None), 0)),
        beats=beats,
        late_beats=beats - int(found.get((f"{lag}_bucket", "0.02"), beats)),
        tasks=int(found.get(("voice_agent_tasks", None), 0)),
    )


@asynccontextmanager
async def serving(
    settings: Sequence[str],
    cores: frozenset[int],
    environment: Mapping[str, str] | None = None,
    configuration: str = "scripted.toml",
) -> AsyncIterator[Server]:
    """A server with `settings` (key=value) on `cores`; its providers are scripted, if nothing else
    is wanted.

    `environment` is for keys. Raises ServerFailed.
    """
    arguments = ["serve", "--config", configuration, "--port", "0", "--json"]
    for setting in settings:
        arguments += ["--set", setting]
    began = time.monotonic()
    with pinned(cores):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "voice_agent",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            env=_environment() | dict(environment or {}),
        )
    async with ending(process, _STOP_S):
        url = await _url(process)
        yield Server(process.pid, url, time.monotonic() - began)


async def import_s(cores: frozenset[int], times: int = 5) -> float:
    """Seconds that importing all of a scripted server takes: the median of some new processes."""
    took = []
    for _ in range(times):
        with pinned(cores):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _IMPORT, stdout=asyncio.subprocess.PIPE, env=_environment()
            )
        told, _ = await process.communicate()
        if process.returncode:
            raise ServerFailed("the server's modules cannot be imported")
        took.append(float(told))
    return median(took)


async def _url(process: asyncio.subprocess.Process) -> str:
    """Where the server listens, told by itself when it is ready."""
    try:
        return str((await told_when_ready(process, _START_S))["url"])
    except TimeoutError as error:
        raise ServerFailed(f"the server was not ready within {_START_S:.0f} s") from error
    except ChildProcessError as error:
        raise ServerFailed("the server did not start; its last message says why") from error


def _environment() -> dict[str, str]:
    """Ours without what would configure the server: the settings are part of the benchmark."""
    return {
        name: value
        for name, value in os.environ.items()
        if name == "VOICE_AGENT_MODELS"
        or not name.startswith(("VOICE_AGENT_", "TWILIO_AUTH_TOKEN"))
    }
