"""WebRTC: what a call costs, how many one core holds, and how long sound takes through it.

Calls are held by aiortc pages against the whole server (scripted providers, energy detector). The
round trip is through the media path alone, which gives back what it hears: from the microphone to
the ear of Chromium, where there is one, and of an aiortc page, which keeps nothing against jitter.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import aiohttp
import numpy as np
import psutil

from voice_agent.calls.records import DEFAULT_WORKSPACE
from voice_agent.storage.store import opened

from .cores import Cores, busy_s, pinned, share_out
from .figures import Spread, spread
from .page import FRAME_BYTES, RATE, Page
from .report import figure, remark, say, say_json, table
from .round_trip import echoing, of_aiortc, of_chromium
from .running import run
from .server import ServerFailed, serving

ROUND_TRIP_MS = 80
CALLS_PER_CORE = 24
_PERSONA = "Scripted"
_RAMP_S = 6.0


@dataclass(frozen=True, slots=True)
class Held:
    """So many calls at once."""

    calls: int
    cpu_ms: float
    """Of the server, for each second of each call."""
    core: float
    """The server's share of its core."""
    others: float
    """Everybody else's."""
    mib_per_call: float
    beats: int
    late_beats: int
    """More than 20 ms late."""
    page_late_ms: Spread
    """The generator's own beat."""
    heard: float
    """Of the packets that should have come to the pages."""


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that is printed with --json."""

    held: list[Held]
    echo: tuple[int, float, float]
    """Calls through the media path alone: how many, CPU ms for each second of each, the core."""
    aiortc_ms: Spread
    chromium_ms: Spread | None
    """None without Chromium."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("bench.webrtc", description=__doc__)
    parser.add_argument("--calls", default="12,24", help="calls at once, one row each (12,24)")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each row (10)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    return run(_main(options))


async def _main(options: argparse.Namespace) -> int:
    cores = share_out()
    remark(f"{cores.note}; energy")
    async with echoing(cores.server) as (url, _):
        with pinned(cores.callers):
            remark("round trip of an aiortc page")
            aiortc_ms = spread(await of_aiortc(url))
            chromium_ms = await of_chromium(url)
    echo = await _echoes(max(map(int, options.calls.split(","))), options.seconds, cores)
    rows = [int(count) for count in options.calls.split(",")]
    held = [await _held(count, options.seconds, cores) for count in rows if count]
    result = Result(held, echo, aiortc_ms, chromium_ms)
    if options.json:
        say_json({"result": result})
    else:
        show(result)
    return 0


# Calls -------------------------------------------------------------------------------------------


async def _held(calls: int, seconds: float, cores: Cores) -> Held:
    """So many pages talk to the whole server."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.db"
        async with opened(url) as store:
            key = await store.keys.create("secret", DEFAULT_WORKSPACE)
        settings = (f"storage.url={url}", "vad=energy", f"server.max_calls={calls + 2}")
        async with serving(settings, cores.server) as server, AsyncExitStack() as stack:
            with pinned(cores.callers):
                idle = server.usage()
                http = await stack.enter_async_context(aiohttp.ClientSession())
                token = await _token(http, server.url, key.text)
                pages = []
                for number in range(calls):
                    page = Page(http, server.url)
                    stack.push_async_callback(page.close)
                    page.microphone = talks(number)
                    await page.begin(token=token, personaName=_PERSONA)
                    pages.append(page)
                    await asyncio.sleep(_RAMP_S / calls)
                remark(f"{calls} calls")
                packets = [0]
                for page in pages:
                    page.ear = lambda pcm: packets.__setitem__(0, packets[0] + 1)
                before, gauges, busy = server.usage(), await server.gauges(), busy_s(cores.server)
                late = await _lateness(seconds)
                after, then = server.usage(), await server.gauges()
                took = after.at_s - before.at_s
                cpu = after.cpu_s - before.cpu_s
                if then.live_calls != calls:
                    raise ServerFailed(f"{then.live_calls} of {calls} calls are live")
                return Held(
                    calls=calls,
                    cpu_ms=1000 * cpu / took / calls,
                    core=cpu / took,
                    others=(busy_s(cores.server) - busy - cpu) / took,
                    mib_per_call=(after.rss_mib - idle.rss_mib) / calls,
                    beats=then.beats - gauges.beats,
                    late_beats=then.late_beats - gauges.late_beats,
                    page_late_ms=spread(late),
                    heard=packets[0] / (took * 50 * calls),
                )


async def _echoes(calls: int, seconds: float, cores: Cores) -> tuple[int, float, float]:
    """So many pages hear themselves, through the media path alone."""
    async with echoing(cores.server) as (url, pid), AsyncExitStack() as stack:
        with pinned(cores.callers):
            http = await stack.enter_async_context(aiohttp.ClientSession())
            for number in range(calls):
                page = Page(http, url)
                stack.push_async_callback(page.close)
                page.microphone = talks(number)
                await page.begin(channel=False)
            await asyncio.sleep(2)
            remark(f"{calls} echoes")
            process = psutil.Process(pid)
            before, began = process.cpu_times(), time.monotonic()
            await asyncio.sleep(seconds)
            after, took = process.cpu_times(), time.monotonic() - began
    cpu = after.user + after.system - before.user - before.system
    return calls, 1000 * cpu / took / calls, cpu / took


async def _token(http: aiohttp.ClientSession, url: str, key: str) -> str:
    headers = {"Authorization": f"Bearer {key}"}
    async with http.post(f"{url}/api/sessions", json={}, headers=headers) as response:
        return str((await response.json())["token"])


def talks(number: int) -> Any:
    """A second of sound every five: the agent answers for three."""
    at = np.arange(RATE) / RATE
    second = (np.sin(2 * np.pi * 180 * at) * 8000 * np.sin(np.pi * at)).astype("<i2").tobytes()
    frames: list[bytes | None] = [
        second[start : start + FRAME_BYTES] for start in range(0, len(second), FRAME_BYTES)
    ]
    frames += [None] * 200
    turned = frames[number * 17 % 250 :] + frames[: number * 17 % 250]
    return cycle(turned).__next__


async def _lateness(seconds: float) -> list[float]:
    """How late this process is, each 20 ms, in milliseconds."""
    late = []
    due = time.monotonic()
    ends = due + seconds
    while due < ends:
        due += 0.02
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        late.append(1000 * (time.monotonic() - due))
    return late


# Report ------------------------------------------------------------------------------------------


def show(result: Result) -> None:
    """Print the tables."""
    trips = [("aiortc page", result.aiortc_ms)]
    if result.chromium_ms is not None:
        trips.append(("Chromium", result.chromium_ms))
    head = ("round trip", "n", "p50 ms", "p95 ms", "worst ms", "budget ms")
    say(table(head, [_trip(name, each) for name, each in trips]))
    say()
    columns = (
        *("calls", "CPU ms", "core", "others", "MiB per call", "late beats"),
        *("pages late p50/p99 ms", "heard"),
    )
    say(table(columns, [_row(held) for held in result.held]))
    say()
    calls, cpu_ms, core = result.echo
    say(f"The media path alone, {calls} calls: {cpu_ms:.0f} CPU ms, {core:.0%} of the core.")
    say(f"Budget: {CALLS_PER_CORE} calls for each core.")


def _trip(name: str, each: Spread) -> tuple[str, ...]:
    figures = (figure(each.p50), figure(each.p95), figure(each.worst))
    return (name, str(each.n), *figures, f"≤ {ROUND_TRIP_MS}")


def _row(held: Held) -> tuple[str, ...]:
    late = held.page_late_ms
    return (
        str(held.calls),
        figure(held.cpu_ms),
        f"{held.core:.0%}",
        f"{held.others:.0%}",
        figure(held.mib_per_call, 2),
        f"{held.late_beats / held.beats:.2%}" if held.beats else figure(None),
        f"{figure(late.p50)}/{figure(late.p99)}",
        f"{held.heard:.1%}",
    )


if __name__ == "__main__":
    raise SystemExit(main())
