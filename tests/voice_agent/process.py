"""The program as a child process."""

import asyncio
import io
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

from voice_agent.child import told_when_ready
from voice_agent.cli import main

HANG_S = 120
"""Longer than anything takes, models included."""

SCRIPTED = ("--config", "scripted.toml", "--set", "vad=energy", "--set", "tts.audio_ms=300")


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, without what would configure the program."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("VOICE_AGENT_", "TWILIO_")) or name == "VOICE_AGENT_MODELS"
    }
    return {**kept, **(more or {})}


async def ran(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Run the program to its end: exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "voice_agent", *arguments),
        stdout=PIPE,
        stderr=PIPE,
        cwd=cwd,
        env=environment(env),
    )
    try:
        async with asyncio.timeout(HANG_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def told(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """The same in this process, which takes no second to begin."""
    out, err = io.StringIO(), io.StringIO()
    with (
        chdir(cwd),
        patch.dict(os.environ, environment(env), clear=True),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        async with asyncio.timeout(HANG_S):
            code = await asyncio.to_thread(_exit_code, arguments)
    return code, out.getvalue(), err.getvalue()


def _exit_code(arguments: Sequence[str]) -> int:
    try:
        main(list(arguments))
    except SystemExit as end:
        return int(end.code or 0)
    return 0


class Served:
    """A server in a process of its own."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.told: dict[str, Any] = {}
        """What it said about itself when it was ready."""
        self.remarks: list[str] = []
        """Lines of its standard error so far."""

    @property
    def url(self) -> str:
        return str(self.told["url"])

    @property
    def media_url(self) -> str:
        return f"{self.url.replace('http', 'ws', 1)}/twilio/media"

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def remarked(self, beginning: str) -> None:
        """Wait for a line on standard error."""
        assert self.process.stderr is not None
        async with asyncio.timeout(HANG_S):
            while line := (await self.process.stderr.readline()).decode():
                self.remarks.append(line)
                if line.startswith(beginning):
                    return
        raise AssertionError(f"it never said {beginning!r} but {''.join(self.remarks)}")

    async def is_ready(self) -> None:
        self.told = await told_when_ready(self.process, HANG_S)

    async def ended(self) -> int:
        """Wait until it ends by itself; its exit code. It must have shown no traceback."""
        assert self.process.stderr is not None
        async with asyncio.timeout(HANG_S):
            self.remarks.append((await self.process.stderr.read()).decode())
            code = await self.process.wait()
        assert "Traceback" not in "".join(self.remarks)
        return code


@asynccontextmanager
async def starting(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None
) -> AsyncIterator[Served]:
    """A server that begins to load. It is killed on leaving if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "voice_agent", "serve", "--port", "0", "--json", *arguments),
        stdout=PIPE,
        stderr=PIPE,
        cwd=cwd,
        env=environment(env),
    )
    try:
        yield Served(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def served(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None
) -> AsyncIterator[Served]:
    """A server that is ready."""
    async with starting(*arguments, cwd=cwd, env=env) as server:
        await server.is_ready()
        yield server
