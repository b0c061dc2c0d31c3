"""Live calls over networks that lose, delay and reorder, and with a microphone that hears the
speaker."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from bench.page import RATE, page
from bench.relay import Network, relay
from tests.voice_agent.calls.rooms import becomes
from tests.voice_agent.media import HANG_S, idle
from tests.voice_agent.web.test_browser import HELLO, place, records
from voice_agent.app import Server
from voice_agent.client import Client
from voice_agent.transports.webrtc import connection
from voice_codecs.browser import (
    AiSpeechEnded,
    Ready,
    SayText,
    StateUpdated,
    UpdateState,
)
from voice_codecs.jitter import JitterHold
from voice_codecs.pcm import PCM16_16K
from voice_pipelines.ports import HypothesisSink, Recognizer
from voice_pipelines.providers.scripted import ScriptedSpeechToText

FRAME = RATE // 50


class Recorded(ScriptedSpeechToText):
    """Keeps what it is fed."""

    def __init__(self) -> None:
        super().__init__("", audio_format=PCM16_16K)
        self.audio = bytearray()

    @asynccontextmanager
    async def listen(self, report: HypothesisSink) -> AsyncIterator[Recognizer]:
        async with super().listen(report) as ear:
            feed = ear.feed

            def fed(audio: bytes) -> None:
                self.audio += audio
                feed(audio)

            ear.feed = fed  # type: ignore[method-assign]
            yield ear


class Tone:
    """A microphone that hears a tone."""

    def __init__(self) -> None:
        at = np.arange(RATE) / RATE
        second = (np.sin(2 * np.pi * 250 * at) * 8000).astype("<i2").tobytes()
        self._second = second
        self._at = 0

    def __call__(self) -> bytes:
        frame = self._second[self._at : self._at + 2 * FRAME]
        self._at = (self._at + 2 * FRAME) % len(self._second)
        return frame


def longest_hole_ms(pcm: bytes) -> int:
    """The longest stretch of silence between the first and the last sound."""
    samples = np.frombuffer(pcm[: len(pcm) // 320 * 320], "<i2").astype(float)
    loud = np.sqrt(np.mean(samples.reshape(-1, 160) ** 2, axis=1)) > 500
    heard = np.flatnonzero(loud)
    return int(np.diff(heard).max() - 1) * 10 if len(heard) > 1 else 10**6


@pytest.fixture
def holds(monkeypatch: pytest.MonkeyPatch) -> list[JitterHold]:
    """Those of the server's connections."""
    made: list[JitterHold] = []

    class Remembered(JitterHold):
        def __init__(self, most_hold_ms: int) -> None:
            super().__init__(most_hold_ms)
            made.append(self)

    monkeypatch.setattr(connection, "JitterHold", Remembered)
    return made


async def test_loss_and_jitter_leave_no_hole_that_lasts(
    tmp_path: Path, holds: list[JitterHold]
) -> None:
    """S004-83, S004-90: in both directions 5 % are lost and packets come up to 50 ms late: speech
    goes on, and in a good network again nothing is held back."""
    network = Network()
    async with (
        place(tmp_path, "tts.audio_ms=8000", "interruption.enabled=false") as here,
        relay(network) as way,
        page(here.server.url) as there,
    ):
        ears = Recorded()
        agents = here.server.agents
        agents.services = replace(agents.services, stt=ears)
        there.rewrite_offer, there.rewrite_answer = way.offer, way.answer
        await there.begin(token=await here.token(), personaName="Anna")
        await there.hears(Ready)
        there.microphone = Tone()
        heard = bytearray()
        there.ear = heard.extend
        there.say(SayText("A long story of eight seconds."))
        await becomes(lambda: _sounds(heard) and _sounds(ears.audio))
        network.loss, network.jitter_ms = 0.05, 50
        heard.clear()
        ears.audio.clear()
        await asyncio.sleep(2.5)
        assert there.link is not None
        server, client = holds[0], there.link.hold
        assert server.lost > 0 and client.lost > 0, "it was a bad network"
        for direction, audio in (("up", bytes(ears.audio)), ("down", bytes(heard))):
            assert longest_hole_ms(audio) <= 150, direction
            assert len(audio) > 1.5 * 2 * RATE, direction
        network.loss, network.jitter_ms = 0.0, 0
        there.say(UpdateState({"calm": True}))
        await there.hears(StateUpdated)
        await becomes(lambda: server.held == client.held == 0)


def _sounds(pcm: bytearray) -> bool:
    return bool(pcm) and max(np.frombuffer(bytes(pcm[-4 * FRAME :]), "<i2")) > 1000


async def test_a_network_that_is_gone_for_a_second(tmp_path: Path) -> None:
    """Neither side gives up; what was said meanwhile is lost, the conversation is not."""
    network = Network()
    async with (
        place(tmp_path) as here,
        relay(network) as way,
        page(here.server.url) as there,
    ):
        there.rewrite_offer, there.rewrite_answer = way.offer, way.answer
        await there.begin(token=await here.token(), personaName="Anna")
        await there.hears(Ready)
        network.down = True
        there.say(UpdateState({"tunnel": 1}))
        await asyncio.sleep(1)
        network.down = False
        assert (await there.hears(StateUpdated)).state == {"tunnel": 1}
        assert len(here.server.switchboard) == 1
        await there.leave()
        await idle(here.server)


WORDS = [f"word{n:02d}" for n in range(20)]
WORD_MS = 100


@pytest.mark.parametrize("silent", [False, True])
async def test_what_was_said_into_a_broken_network_was_not_heard(
    silent: bool, tmp_path: Path
) -> None:
    """S004-22, S004-83: the agent stands still at what came through, and goes on from there over
    the same connection or another one; if nobody comes back, no more than that is kept. With a
    `silent` page, which sends no sound at all, the same."""
    network, another = Network(), Network()
    audio_ms = len(WORDS) * WORD_MS
    settings = ("interruption.enabled=false", "webrtc.quiet_ms=600", "webrtc.grace_ms=300")
    async with (
        place(tmp_path, f"tts.audio_ms={audio_ms}", *settings) as here,
        relay(network) as way,
        relay(another) as detour,
        page(here.server.url) as there,
    ):
        there.rewrite_offer, there.rewrite_answer = way.offer, way.answer
        await there.begin(token=await here.token(), personaName="Anna")
        await there.hears(AiSpeechEnded)
        assert there.link is not None
        if silent:
            there.link.track.stop()
        heard = Heard()
        there.ear = heard.hears
        there.say(SayText(" ".join(WORDS) + "."))

        await becomes(lambda: heard.ms > 500)
        network.down = True
        await asyncio.sleep(0.5)
        known = words(here.server)
        assert heard.ms // WORD_MS - 4 <= known <= heard.ms // WORD_MS
        if silent:
            there.rewrite_offer, there.rewrite_answer = detour.offer, detour.answer
            await (await there.move()).close()
        else:
            network.down = False
        await becomes(lambda: words(here.server) >= known + 5)
        assert heard.ms >= words(here.server) * WORD_MS, "nothing was left out"

        network.down = another.down = True
        await idle(here.server)
        (record,) = await records(here)
        kept = record.messages[-1][1].split()
        assert kept == WORDS[: len(kept)] and known + 5 <= len(kept) <= heard.ms // WORD_MS


async def test_a_socket_that_leads_nowhere_for_a_while(tmp_path: Path) -> None:
    """S004-22: what the client has not told was not heard, however long ago it was sent; the agent
    goes on from there."""
    async with (
        place(
            tmp_path, f"tts.audio_ms={len(WORDS) * WORD_MS}", "interruption.enabled=false"
        ) as here,
        tunnel(here.server.url) as (url, is_open),
        Client(url, here.secret, deadline_s=HANG_S) as client,
        asyncio.TaskGroup() as group,
    ):
        player = Player(client)
        await client.init(persona_name="Anna")
        group.create_task(player.plays())
        await becomes(lambda: bool(client.messages) and client.messages[-1].content == HELLO)
        player.ms = 0
        await client.say_text(" ".join(WORDS) + ".")
        await becomes(lambda: words(here.server) >= 4)
        is_open.clear()
        await asyncio.sleep(0.3)
        known = words(here.server)
        await asyncio.sleep(2)
        assert words(here.server) == known < len(WORDS), "not what the clock says"
        is_open.set()
        await becomes(lambda: words(here.server) == len(WORDS))
        assert player.ms >= 0.95 * len(WORDS) * WORD_MS, "nothing was left out"
        await client.end()


class Player:
    """Plays what a client gets in real time."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.ms = 0

    async def plays(self) -> None:
        async for chunk in self._client.audio():
            ms = len(chunk) // (2 * RATE // 1000)
            await asyncio.sleep(ms / 1000)
            self.ms += ms


@asynccontextmanager
async def tunnel(url: str) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A way to a server that keeps what passes while it is not open, as TCP does."""
    is_open = asyncio.Event()
    is_open.set()
    there = urlsplit(url)

    async def passes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await is_open.wait()
            writer.write(data)
            await writer.drain()
        writer.close()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(there.hostname, there.port)
        async with asyncio.TaskGroup() as group:
            group.create_task(passes(reader, far_writer))
            group.create_task(passes(far_reader, writer))

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield f"http://127.0.0.1:{port}", is_open


class Heard:
    """An ear that measures how long the agent has spoken."""

    def __init__(self) -> None:
        self.ms = 0

    def hears(self, pcm: bytes) -> None:
        if _sounds(bytearray(pcm)):
            self.ms += len(pcm) // (2 * RATE // 1000)


def words(server: Server) -> int:
    """How many words of the agent's last contribution count as heard."""
    (one,) = server.switchboard._live.values()
    assert one._call is not None
    return len(one._call.transcript.lines[-1].text.split())


class Room:
    """A microphone that hears the loudspeaker, more quietly and later, and whoever speaks."""

    def __init__(self, delay_ms: int, gain: float) -> None:
        self._air = deque([bytes(2 * FRAME)] * (delay_ms // 20))
        self._gain = gain
        self.voice: Callable[[], bytes] | None = None

    def hears(self, pcm: bytes) -> None:
        """The loudspeaker plays this."""
        self._air.append(pcm)

    def __call__(self) -> bytes:
        heard = self._air.popleft() if self._air else b""
        echo = np.frombuffer(heard[: 2 * FRAME].ljust(2 * FRAME, b"\0"), "<i2") * self._gain
        if self.voice is not None:
            echo = echo + np.frombuffer(self.voice(), "<i2")
        return np.clip(echo, -32768, 32767).astype("<i2").tobytes()


@pytest.mark.parametrize("guarded", [True, False])
async def test_an_echo_of_the_agent_is_not_heard(guarded: bool, tmp_path: Path) -> None:
    """Its own voice comes back a moment later and 14 dB down, and is no caller who interrupts; a
    caller is heard."""
    settings = (f"webrtc.echo_guard={str(guarded).lower()}", "tts.audio_ms=100")
    async with place(tmp_path, *settings) as here, page(here.server.url) as there:
        room, ears = Room(delay_ms=80, gain=0.2), Recorded()
        agents = here.server.agents
        agents.services = replace(agents.services, stt=ears)
        await there.begin(token=await here.token(), personaName="Anna")
        await there.hears(AiSpeechEnded)
        there.ear, there.microphone = room.hears, room
        ears.audio.clear()
        there.say(SayText("Indeed."))
        await becomes(lambda: there.messages.count(AiSpeechEnded()) == 2)
        await asyncio.sleep(0.5)
        assert (loud_share(ears.audio) > 0) is not guarded
        ears.audio.clear()
        room.voice = Tone()
        await becomes(lambda: loud_share(ears.audio) > 0.5)


def loud_share(pcm: bytearray) -> float:
    """Of the time, how much is louder than noise."""
    samples = np.frombuffer(bytes(pcm[: len(pcm) // (2 * FRAME) * 2 * FRAME]), "<i2")
    if not len(samples):
        return 0.0
    loud = np.sqrt(np.mean(samples.reshape(-1, FRAME).astype(float) ** 2, axis=1)) > 150
    return float(np.mean(loud))
