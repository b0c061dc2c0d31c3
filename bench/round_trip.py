"""How long sound takes through the media path: a process that gives back what it hears.

::

    mouth ──► page ──► Connection ──► Echo
    ear   ◄── page ◄── Connection ◄──┘

Timed are the first samples of bursts: as an aiortc page speaks and hears them, which keeps nothing
against jitter, and as Chromium does, where there is one.
"""

import asyncio
import math
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import numpy as np

from voice_codecs import wav

from .cores import pinned
from .figures import Spread, spread
from .page import FRAME_BYTES, RATE, Page
from .report import remark, say
from .running import run

_BURST_MS, _PAUSE_MS = 200, 800
"""The sound whose way is timed."""
_LOUD = 0.09 * 32768
_MOST_QUEUED = 2 * FRAME_BYTES
"""Of what is given back: what came in a burst, when the connection began, is not to be late for
ever."""


class Mouth:
    """A microphone with a burst every second."""

    def __init__(self) -> None:
        at = np.arange(FRAME_BYTES // 2) / RATE
        self._burst = (np.sin(2 * np.pi * 1000 * at) * 16_000).astype("<i2").tobytes()
        self._frame = 0
        self.spoke: list[float] = []
        """When each burst began, in seconds."""

    def frame(self, now: float) -> bytes | None:
        """The next 20 ms."""
        at, self._frame = self._frame * 20 % (_BURST_MS + _PAUSE_MS), self._frame + 1
        if at == 0:
            self.spoke.append(now)
        return self._burst if at < _BURST_MS else None


class Ear:
    """Hears when bursts begin."""

    def __init__(self) -> None:
        self._quiet_since = -math.inf
        self.heard: list[float] = []
        """When each burst arrived, in seconds."""

    def hear(self, pcm: bytes, now: float) -> None:
        """This came."""
        loud = np.abs(np.frombuffer(pcm, "<i2").astype(int)) > _LOUD
        if not loud.any():
            return
        if now - self._quiet_since > _PAUSE_MS / 2000:
            self.heard.append(now + int(np.argmax(loud)) / RATE)
        self._quiet_since = now


class Echo:
    """What is heard, to be said again."""

    def __init__(self) -> None:
        self._queue = bytearray()

    def hear(self, pcm: bytes) -> None:
        self._queue += pcm
        del self._queue[:-_MOST_QUEUED]

    def frame(self) -> bytes | None:
        """The next 20 ms of it."""
        frame = bytes(self._queue[:FRAME_BYTES])
        del self._queue[:FRAME_BYTES]
        return frame.ljust(FRAME_BYTES, b"\0") if frame else None


def from_mouth_to_ear(edges: Sequence[tuple[int, float]]) -> list[float]:
    """The ways of sound, of what was told when: 0 for the mouth, 1 for the ear, and milliseconds.

    A burst that was not heard before the next one is left out.
    """
    said = [at for side, at in edges if side == 0]
    came = [at for side, at in edges if side == 1]
    took = [min((ear - mouth for ear in came if ear > mouth), default=None) for mouth in said]
    return [each for each in took if each is not None and each < _PAUSE_MS]


@asynccontextmanager
async def echoing(cores: frozenset[int]) -> AsyncIterator[tuple[str, int]]:
    """A process that gives back what it hears, on `cores`; its address and id."""
    with pinned(cores):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.round_trip", stdout=asyncio.subprocess.PIPE
        )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip(), process.pid
    finally:
        process.terminate()
        await process.wait()


async def of_aiortc(url: str, times: int = 15) -> list[float]:
    """The ways of sound of an aiortc page, in milliseconds."""
    loop = asyncio.get_running_loop()
    mouth, ear = Mouth(), Ear()
    async with aiohttp.ClientSession() as http:
        page = Page(http, url)
        try:
            await page.begin(channel=False)
            page.microphone = lambda: mouth.frame(loop.time())
            page.ear = lambda pcm: ear.hear(pcm, loop.time())
            await asyncio.sleep(times * (_BURST_MS + _PAUSE_MS) / 1000)
        finally:
            await page.close()
    edges = [(0, 1000 * at) for at in mouth.spoke[2:]] + [(1, 1000 * at) for at in ear.heard]
    # A frame is spoken when its last sample is, 20 ms after the first; it is sent at once.
    return [took + 20 for took in from_mouth_to_ear(edges)]


async def of_chromium(url: str, seconds: float = 15.0) -> Spread | None:
    """Those of Chromium, from its microphone to its ear; None where there is none."""
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
        bursts(file, seconds + 10)
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
    return spread(from_mouth_to_ear(told["edges"]))


def bursts(file: Path, seconds: float) -> None:
    """The same for a microphone that plays a file."""
    rate = 48_000
    at = np.arange(int(rate * seconds))
    sound = np.sin(2 * np.pi * 1000 * at / rate) * 16_000
    period = rate * (_BURST_MS + _PAUSE_MS) // 1000
    sound[at % period >= rate * _BURST_MS // 1000] = 0
    with open(file, "wb") as target:
        writer = wav.Writer(target, rate)
        writer.write(sound.astype("<i2").tobytes())
        writer.close()


async def _serve() -> int:
    """The other end of the round trip: our media path, and nothing behind it."""
    from aiohttp import web

    from voice_agent.transports.webrtc.connection import Connection
    from voice_pipelines.engine.clock import Metronome

    class Party:
        """Satisfies `connection.Party`."""

        def __init__(self) -> None:
            self._echo = Echo()

        def connected(self, connection: Connection) -> None: ...

        def heard(self, connection: Connection, pcm: bytes) -> None:
            self._echo.hear(pcm)

        def said(self, connection: Connection, text: str | bytes) -> None: ...

        def frame(self, connection: Connection) -> bytes | None:
            return self._echo.frame()

        def broke(self, connection: Connection, left: bool) -> None: ...

    metronome = Metronome(asyncio.get_running_loop())  # One for all, as in the server.
    kept = []

    async def offer(request: web.Request) -> web.Response:
        connection = Connection(Party(), 120, 36_000, metronome=metronome)
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


if __name__ == "__main__":
    raise SystemExit(run(_serve()))
