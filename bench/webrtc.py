"""WebRTC: what a call costs, how many one core holds, and how long sound takes through it.

Calls are held by aiortc pages against the whole server (scripted providers, energy detector). The
round trip is through the media path alone, which gives back what it hears: from the microphone to
the ear of Chromium, where there is one, and of an aiortc page, which keeps nothing against jitter.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil

from voice_agent.calls.records import DEFAULT_WORKSPACE
from voice_agent.storage.store import opened
from voice_codecs import wav

from .cores import Cores, busy_s, pinned, share_out
from .figures import Spread, spread
from .page import FRAME_BYTES, RATE, Page
from .report import figure, remark, say, say_json, table
from .running import run
from .server import ServerFailed, serving

ROUND_TRIP_MS = 80
CALLS_PER_CORE = 24
_PERSONA = "Scripted"
_RAMP_S = 6.0
_BURST_MS, _PAUSE_MS = 200, 800
"""The sound whose way is timed."""
_LOUD = 0.09 * 32768


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
    parser.add_argument("--echo", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    return run(_echo() if options.echo else _main(options))


async def _main(options: argparse.Namespace) -> int:
    cores = share_out()
    remark(f"{cores.note}; energy")
    async with _echoing(cores.server) as (url, _):
        with pinned(cores.callers):
            remark("round trip of an aiortc page")
            aiortc_ms = spread(await _aiortc_round_trips(url))
            chromium_ms = await _chromium(url)
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
                    page.microphone = _talks(number)
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
    async with _echoing(cores.server) as (url, pid), AsyncExitStack() as stack:
        with pinned(cores.callers):
            http = await stack.enter_async_context(aiohttp.ClientSession())
            for number in range(calls):
                page = Page(http, url)
                stack.push_async_callback(page.close)
                page.microphone = _talks(number)
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


def _talks(number: int) -> Any:
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


# The way of sound --------------------------------------------------------------------------------


@asynccontextmanager
async def _echoing(cores: frozenset[int]) -> AsyncIterator[tuple[str, int]]:
    """A process that gives back what it hears, on `cores`; its address and id."""
    with pinned(cores):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.webrtc", "--echo", stdout=asyncio.subprocess.PIPE
        )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip(), process.pid
    finally:
        process.terminate()
        await process.wait()


async def _echo() -> int:
    """The other end of the round trip: our media path, and nothing behind it."""
    from aiohttp import web

    from voice_agent.transports.webrtc.connection import Connection

    class Echo:
        """Satisfies `connection.Party`."""

        def __init__(self) -> None:
            self._queue = bytearray()

        def connected(self, connection: Connection) -> None: ...

        def heard(self, connection: Connection, pcm: bytes) -> None:
            self._queue += pcm
            # What came in a burst, when the connection began, is not to be late for ever.
            del self._queue[: -2 * FRAME_BYTES]

        def said(self, connection: Connection, text: str | bytes) -> None: ...

        def frame(self, connection: Connection) -> bytes | None:
            frame = bytes(self._queue[:FRAME_BYTES])
            del self._queue[:FRAME_BYTES]
            return frame.ljust(FRAME_BYTES, b"\0") if frame else None

        def broke(self, connection: Connection, left: bool) -> None: ...

    kept = []

    async def offer(request: web.Request) -> web.Response:
        connection = Connection(Echo(), 120, 36_000)
        kept.append(connection)
        answer = await connection.answer((await request.json())["sdp"])
        headers = {"Location": "/"}
        return web.json_response({"sdp": answer}, status=201, headers=headers)

    async def html(request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>Echo</title>", content_type="text/html")

    application = web.Application()
    application.add_routes([web.get("/", html), web.post("/webrtc/offer", offer)])
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    say(f"http://127.0.0.1:{runner.addresses[0][1]}")
    sys.stdout.flush()
    await asyncio.Event().wait()
    return 0


async def _aiortc_round_trips(url: str, times: int = 15) -> list[float]:
    loop = asyncio.get_running_loop()
    burst = (np.sin(2 * np.pi * 1000 * np.arange(FRAME_BYTES // 2) / RATE) * 16_000).astype("<i2")
    spoke: list[float] = []
    heard: list[float] = []
    frame = 0

    def speaks() -> bytes | None:
        nonlocal frame
        at, frame = frame * 20 % (_BURST_MS + _PAUSE_MS), frame + 1
        if at == 0:
            spoke.append(loop.time())
        return burst.tobytes() if at < _BURST_MS else None

    def hears(pcm: bytes) -> None:
        samples = np.abs(np.frombuffer(pcm, "<i2").astype(int))
        if len(samples) and samples.max() > _LOUD and len(heard) < len(spoke):
            first = int(np.argmax(samples > _LOUD))
            heard.append(loop.time() + first / RATE)

    async with aiohttp.ClientSession() as http:
        page = Page(http, url)
        try:
            await page.begin(channel=False)
            page.microphone, page.ear = speaks, hears
            await asyncio.sleep(times * (_BURST_MS + _PAUSE_MS) / 1000)
        finally:
            await page.close()
    # A frame is spoken when its last sample is, 20 ms after the first; it is sent at once.
    return [1000 * (ear - mouth) + 20 for mouth, ear in zip(spoke, heard, strict=False)][2:]


async def _chromium(url: str, seconds: float = 15.0) -> Spread | None:
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        return None
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        return None
    remark("round trip of Chromium")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bursts.wav"
        _bursts(file, seconds + 10)
        flags = [
            *("--disable-gpu", "--disable-quic", "--use-fake-device-for-media-stream"),
            *("--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required"),
            f"--use-file-for-fake-audio-capture={file}%noloop",
        ]
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=executable, args=flags, chromium_sandbox=False
            )
            try:
                page = await browser.new_page()
                await page.goto(url)
                told = await page.evaluate(_MEASURE, [seconds * 1000, _WORKLET])
            finally:
                await browser.close()
    remark(f"of it, Chromium held {told['held']:.0f} ms against jitter (its mean)")
    said = [at for side, at in told["edges"] if side == 0]
    came = [at for side, at in told["edges"] if side == 1]
    took = [min((ear - mouth for ear in came if ear > mouth), default=None) for mouth in said]
    return spread([each for each in took if each is not None and each < _PAUSE_MS])


def _bursts(file: Path, seconds: float) -> None:
    rate = 48_000
    at = np.arange(int(rate * seconds))
    sound = np.sin(2 * np.pi * 1000 * at / rate) * 16_000
    period = rate * (_BURST_MS + _PAUSE_MS) // 1000
    sound[at % period >= rate * _BURST_MS // 1000] = 0
    with open(file, "wb") as target:
        writer = wav.Writer(target, rate)
        writer.write(sound.astype("<i2").tobytes())
        writer.close()


_WORKLET = """
class Edges extends AudioWorkletProcessor {
    constructor() { super(); this.quiet = [0, 0]; }
    process(inputs) {
        for (const side of [0, 1]) {
            const samples = inputs[side][0];
            if (!samples) { this.quiet[side] += 128; continue; }
            samples.forEach((sample, at) => {
                if (Math.abs(sample) <= 0.09) { this.quiet[side]++; return; }
                if (this.quiet[side] > sampleRate * 0.3)
                    this.port.postMessage([side, (currentFrame + at) / sampleRate * 1000]);
                this.quiet[side] = 0;
            });
        }
        return true;
    }
}
registerProcessor("edges", Edges);
"""
_MEASURE = """async ([ms, worklet]) => {
    const audio = {echoCancellation: false, noiseSuppression: false, autoGainControl: false};
    const stream = await navigator.mediaDevices.getUserMedia({audio});
    const context = new AudioContext({latencyHint: "interactive"});
    await context.audioWorklet.addModule(
        URL.createObjectURL(new Blob([worklet], {type: "text/javascript"})));
    const node = new AudioWorkletNode(context, "edges", {numberOfInputs: 2, numberOfOutputs: 1});
    const edges = [];
    node.port.onmessage = (event) => edges.push(event.data);
    node.connect(context.destination);
    context.createMediaStreamSource(stream).connect(node, 0, 0);
    const peer = new RTCPeerConnection();
    stream.getTracks().forEach((track) => peer.addTrack(track, stream));
    peer.ontrack = ({streams}) => {
        const element = new Audio();
        element.srcObject = streams[0];
        element.muted = true;
        context.createMediaStreamSource(streams[0]).connect(node, 0, 1);
    };
    await peer.setLocalDescription();
    while (peer.iceGatheringState !== "complete") await new Promise((go) => setTimeout(go, 10));
    const answer = await fetch("/webrtc/offer", {
        method: "POST", body: JSON.stringify({sdp: peer.localDescription.sdp}),
        headers: {"Content-Type": "application/json"},
    });
    await peer.setRemoteDescription({type: "answer", sdp: (await answer.json()).sdp});
    while (peer.connectionState !== "connected") await new Promise((go) => setTimeout(go, 10));
    await new Promise((go) => setTimeout(go, 2000));
    edges.length = 0;
    await new Promise((go) => setTimeout(go, ms));
    let held = 0;
    (await peer.getStats()).forEach((each) => {
        if (each.type === "inbound-rtp")
            held = each.jitterBufferDelay / each.jitterBufferEmittedCount * 1000;
    });
    return {edges, held};
}"""


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
