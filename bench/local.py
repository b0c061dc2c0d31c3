"""The local agent: how soon it answers over the telephone and over WebRTC, by turns in one run.

The same words, spoken by the local voice, go to the same server, now by the telephone, now by a
page (aiortc, which keeps nothing against jitter). Both are timed at the caller's end: from the last
voiced sample that was sent to the first voiced one that was heard.
"""

import argparse
import asyncio
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
import numpy as np
import psutil

from voice_agent.calls.records import DEFAULT_WORKSPACE
from voice_agent.storage.store import opened
from voice_agent.telephony.caller import Script, Utterance
from voice_agent.telephony.carrier import place_call
from voice_codecs.band import telephone_band
from voice_codecs.convert import convert
from voice_codecs.g711 import pcm_to_mulaw
from voice_codecs.pcm import PCM16_8K, PCM16_16K
from voice_pipelines.providers import registry

from .figures import Spread, spread
from .page import FRAME_BYTES, Page, page
from .report import figure, remark, say, say_json, table
from .running import run
from .server import Server, serving

QUESTIONS = (
    "How much is the lasagna?",
    "Are you open on Sunday?",
    "What is your address?",
    "Can I bring my dog?",
)
_CONFIGURATION = "local.toml"
_PATIENCE_S = 30.0
_PAUSE_S = 1.0
_LOUD = 340
"""-40 dB, as on the telephone."""


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that is printed with --json."""

    telephone_ms: Spread
    webrtc_ms: Spread

    ratio: float | None
    """Of the medians."""


@dataclass(frozen=True, slots=True)
class Question:
    """The same words for both."""

    text: str
    mulaw: bytes
    """8 kHz, in the telephone's band."""
    pcm: bytes
    """16 kHz."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("bench.local", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="calls of each kind (2)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    return run(_main(options.rounds, options.json))


async def _main(rounds: int, json: bool) -> int:
    questions = await _spoken()
    telephone: list[float] = []
    webrtc: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.db"
        async with opened(url) as store:
            key = await store.keys.create("secret", DEFAULT_WORKSPACE)
        settings = (f"storage.url={url}", "twilio.require_token=false", "log.level=warning")
        cores = frozenset(range(psutil.cpu_count() or 1))
        async with serving(settings, cores, configuration=_CONFIGURATION) as server:
            for number in range(rounds):
                remark(f"round {number + 1} of {rounds}: telephone")
                telephone += await _telephoned(server, questions)
                remark(f"round {number + 1} of {rounds}: WebRTC")
                webrtc += await _browsed(server, key.text, questions)
    one, other = spread(telephone), spread(webrtc)
    ratio = other.p50 / one.p50 if one.p50 and other.p50 else None
    result = Result(one, other, ratio)
    if json:
        say_json({"result": result})
    else:
        show(result)
    return 0


def show(result: Result) -> None:
    rows = [
        (name, str(each.n), figure(each.p50), figure(each.p95), figure(each.worst))
        for name, each in (("telephone", result.telephone_ms), ("WebRTC", result.webrtc_ms))
    ]
    say(table(("first audio", "n", "p50 ms", "p95 ms", "worst ms"), rows))
    say(f"WebRTC takes {figure(result.ratio, 2)} times as long as the telephone (medians).")


async def _spoken() -> list[Question]:
    async with registry.local_tts(PCM16_16K) as tts:
        spoken = []
        for text in QUESTIONS:
            pcm = b"".join([chunk.audio async for chunk in tts.speak(text)])
            mulaw = pcm_to_mulaw(telephone_band(convert(pcm, PCM16_16K, PCM16_8K)))
            spoken.append(Question(text, mulaw, pcm))
        return spoken


# The two ways ------------------------------------------------------------------------------------


async def _telephoned(server: Server, questions: Sequence[Question]) -> list[float]:
    steps = tuple(Utterance(each.mulaw, each.text) for each in questions)
    script = Script(steps, pause_ms=int(_PAUSE_S * 1000), patience_ms=int(_PATIENCE_S * 1000))
    record = await place_call(server.media_url, script)
    return [turn.latency_ms for turn in record.turns if turn.latency_ms is not None]


async def _browsed(server: Server, key: str, questions: Sequence[Question]) -> list[float]:
    async with aiohttp.ClientSession() as http, page(server.url) as there:
        headers = {"Authorization": f"Bearer {key}"}
        async with http.post(f"{server.url}/api/sessions", json={}, headers=headers) as response:
            token = str((await response.json())["token"])
        mouth = Mouth(there)
        await there.begin(token=token, personaName="Bella Roma")
        await mouth.silence()
        took = []
        for question in questions:
            if (latency := await mouth.ask(question.pcm)) is not None:
                took.append(latency)
            await mouth.silence()
        await there.leave()
        return took


class Mouth:
    """Says something into a page, and hears when it is answered."""

    def __init__(self, there: Page) -> None:
        self._now = asyncio.get_running_loop().time
        self._frames: deque[tuple[bytes, bool]] = deque()
        """With whether it holds the last voiced sample."""
        self._said = 0.0
        self._answered: float | None = None
        self._news = asyncio.Event()
        self._sound = asyncio.Event()
        there.microphone, there.ear = self._speak, self._hear

    async def ask(self, pcm: bytes) -> float | None:
        """Milliseconds from the last voiced sample said to the first one heard; None for none."""
        loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(int)) >= _LOUD)
        last = int(loud[-1]) * 2 // FRAME_BYTES
        self._said, self._answered = 0.0, None
        self._news.clear()
        for number, start in enumerate(range(0, len(pcm), FRAME_BYTES)):
            frame = pcm[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
            self._frames.append((frame, number == last))
        try:
            await asyncio.wait_for(self._news.wait(), _PATIENCE_S)
        except TimeoutError:
            return None
        assert self._answered is not None
        return (self._answered - self._said) * 1000

    async def silence(self) -> None:
        """Return when nothing was heard for a while."""
        while True:
            self._sound.clear()
            try:
                await asyncio.wait_for(self._sound.wait(), _PAUSE_S)
            except TimeoutError:
                return

    def _speak(self) -> bytes | None:
        if not self._frames:
            return None
        frame, is_last = self._frames.popleft()
        if is_last:
            self._said = self._now()
        return frame

    def _hear(self, pcm: bytes) -> None:
        samples = np.frombuffer(pcm, "<i2").astype(int)
        if not len(samples) or np.abs(samples).max() < _LOUD:
            return
        self._sound.set()
        if self._said and self._answered is None:
            self._answered = self._now()
            self._news.set()


if __name__ == "__main__":
    sys.exit(main())
