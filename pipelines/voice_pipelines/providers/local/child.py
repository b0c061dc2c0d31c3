"""A child process that is started, watched, restarted and never left behind.

::

    starting ──ready line──► running ──dies──► backing off ──► starting …
        └──fails the first time──► ProviderUnavailable from ``async with``

The agreement with the child, which is any module run as ``python -m``:

* its first line on stdin is its configuration, as JSON (keys and prompts never show in ``ps``);
* its first line on stdout is JSON too and says that it is ready; `Attend` gets it, and both pipes;
* when its stdin ends, it ends. So it dies with us whatever happens to us, ``kill -9`` included.

What it writes on stderr is kept to the last few kilobytes, to be quoted when it fails to start.
"""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from voice_pipelines.errors import ProviderUnavailable

STDERR_TAIL_BYTES = 4096
HEALTHY_AFTER_S = 30.0
"""The delay before a restart doubles each time, until a child has lived this long."""


@dataclass(frozen=True, slots=True)
class Running:
    """A child that has said that it is ready."""

    pid: int
    greeting: Mapping[str, Any]
    """The JSON object of its ready line."""
    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader
    """What follows the ready line."""


Attend = Callable[[Running], Awaitable[None]]
"""Accompanies one life of the child: called when it is ready, cancelled when it has died."""


class Child:
    """One supervised child process; `async with` starts it and leaves no trace of it behind.

    `ready` is set while it serves. A caller that finds it clear should fail, not wait.
    """

    def __init__(
        self,
        name: str,
        module: str,
        config: Mapping[str, object],
        attend: Attend,
        *,
        start_timeout_ms: int = 120_000,
        stop_timeout_ms: int = 2_000,
        restart_delay_ms: int = 200,
        longest_restart_delay_ms: int = 10_000,
    ) -> None:
        self.name = name
        self.ready = asyncio.Event()
        self.restarts = 0
        """How often it was started again after it had died or failed to start."""
        self._module = module
        self._config = json.dumps(config).encode() + b"\n"
        self._attend = attend
        self._start_timeout = start_timeout_ms / 1000
        self._stop_timeout = stop_timeout_ms / 1000
        self._first_delay = restart_delay_ms / 1000
        self._longest_delay = longest_restart_delay_ms / 1000
        self._running: Running | None = None
        self._stderr = bytearray()
        self._tasks = asyncio.TaskGroup()
        self._watch: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it serves."""
        return self._running.pid if self._running else None

    @property
    def last_words(self) -> str:
        """The end of what the child wrote on stderr, over all its lives."""
        return self._stderr.decode(errors="replace").strip()

    def unavailable(self) -> ProviderUnavailable:
        """The error for a caller who came while the child is down."""
        return ProviderUnavailable(self.name, "the process is down; it is being restarted")

    async def __aenter__(self) -> Self:
        """Start the child and wait until it is ready. Raises ProviderUnavailable if it does not."""
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._tasks.__aenter__()
        self._watch = self._tasks.create_task(self._supervise(first), name=f"child {self.name}")
        try:
            await first
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def _close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def _supervise(self, first: asyncio.Future[None]) -> None:
        loop = asyncio.get_running_loop()
        delay = self._first_delay
        while True:
            born = loop.time()
            try:
                await self._live(first)
            except ProviderUnavailable as error:
                if not first.done():
                    first.set_exception(error)
                    return
            if loop.time() - born >= HEALTHY_AFTER_S:
                delay = self._first_delay
            await asyncio.sleep(delay)
            delay = min(delay * 2, self._longest_delay)
            self.restarts += 1

    async def _live(self, first: asyncio.Future[None]) -> None:
        """One life of the child, from the start to the last of its pipes."""
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", self._module),
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                # Ctrl-C in the terminal is for us; the child ends when its stdin does.
                start_new_session=True,
            )
        except OSError as error:  # no memory or no process to be had
            raise ProviderUnavailable(self.name, f"cannot start a process: {error}") from error
        failure: ProviderUnavailable | None = None
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_stderr(process))
            try:
                running = await self._greet(process)
                attending = tasks.create_task(self._accompany(running))
                try:
                    self._running = running
                    self.ready.set()
                    if not first.done():
                        first.set_result(None)
                    await process.wait()
                finally:
                    self.ready.clear()
                    self._running = None
                    attending.cancel()
                    await asyncio.wait([attending])
            except ProviderUnavailable as error:
                failure = error  # raised below, bare: a TaskGroup would wrap it
            finally:
                await self._reap(process)
        if failure is not None:
            raise failure

    async def _accompany(self, running: Running) -> None:
        try:
            await self._attend(running)
        except (ConnectionError, asyncio.IncompleteReadError):
            # Its pipes end a moment before `_live` learns that it has died.
            self.ready.clear()

    async def _greet(self, process: Process) -> Running:
        """Send the configuration and read the ready line."""
        assert process.stdin and process.stdout
        try:
            async with asyncio.timeout(self._start_timeout):
                process.stdin.write(self._config)
                await process.stdin.drain()
                line = await process.stdout.readline()
            greeting = json.loads(line)
        except TimeoutError as error:
            raise ProviderUnavailable(self.name, "the process did not start in time") from error
        except (ConnectionError, ValueError) as error:  # no line at all is not JSON either
            await self._reap(process)  # so that its last words are complete
            said = self.last_words or "it said nothing"
            raise ProviderUnavailable(self.name, f"the process did not start: {said}") from error
        return Running(process.pid, greeting, process.stdin, process.stdout)

    async def _keep_stderr(self, process: Process) -> None:
        assert process.stderr
        while part := await process.stderr.read(STDERR_TAIL_BYTES):
            self._stderr += part
            del self._stderr[:-STDERR_TAIL_BYTES]

    async def _reap(self, process: Process) -> None:
        """End the process: ask by closing stdin, then SIGTERM, then SIGKILL. Bounded in time."""
        assert process.stdin and process.stdout
        process.stdin.close()
        try:
            for insist in (process.terminate, process.kill, None):
                try:
                    async with asyncio.timeout(self._stop_timeout):
                        # A pipe that nobody reads would keep the transport open.
                        await process.stdout.read()
                        await process.wait()
                    return
                except TimeoutError:
                    if insist is not None and process.returncode is None:
                        insist()
        finally:
            if process.returncode is None:
                process.kill()
