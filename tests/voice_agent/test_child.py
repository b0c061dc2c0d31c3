"""Processes that are started, waited for and ended."""

import asyncio
import signal
from asyncio.subprocess import PIPE, Process

import pytest

from voice_agent.child import ending, told_when_ready

HANG_S = 20


async def shell(script: str) -> Process:
    return await asyncio.create_subprocess_exec("sh", "-c", script, stdout=PIPE)


async def test_it_tells_of_itself_when_it_is_ready() -> None:
    process = await shell("""echo '{'; echo '"url": "http://there"'; echo '}'; exec sleep 60""")
    async with ending(process, HANG_S):
        assert await told_when_ready(process, HANG_S) == {"url": "http://there"}
    assert process.returncode == -signal.SIGTERM


async def test_one_that_ends_before_it_is_ready_is_an_error() -> None:
    process = await shell("echo '{'")
    with pytest.raises(ChildProcessError):
        await told_when_ready(process, HANG_S)
    assert await process.wait() == 0


async def test_one_that_does_not_want_to_end_is_killed() -> None:
    process = await shell("trap '' TERM; echo '}'; while :; do sleep 0.1; done")
    assert process.stdout is not None
    async with ending(process, 0.2):
        assert await process.stdout.readline() == b"}\n"
    assert process.returncode == -signal.SIGKILL
