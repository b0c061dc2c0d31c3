"""The agent hears its own voice from a loudspeaker: as pages send it, and as they must not."""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from livekit.rtc import AudioFrame, AudioProcessingModule

from bench.page import FRAME_BYTES, RATE, Page, page
from tests.voice_agent.calls.rooms import becomes
from tests.voice_agent.web.test_browser import place
from tests.voice_agent.web.test_webrtc import last
from voice_codecs import wav
from voice_codecs.browser import Flush, Ready, SayText, UserSpeechStarted
from voice_codecs.convert import convert
from voice_codecs.pcm import PCM16_16K, AudioFormat
from voice_pipelines.ports import SpeechChunk

AUDIO = Path(__file__).parents[2] / "audio"
SAID = "This is a story that takes a while to tell, and nobody wants to interrupt it."
DELAY_FRAMES = 6
GAIN = 0.4
"""8 dB down: a telephone that lies on the table."""


class Narrator:
    """A voice that says recordings, whatever it is given."""

    def __init__(self, *names: str) -> None:
        pieces = []
        for name in names:
            samples, rate = wav.read(AUDIO / f"{name}.wav")
            pieces.append(convert(samples, replace(PCM16_16K, rate=rate), PCM16_16K))
        self._audio = b"".join(pieces)

    @property
    def format(self) -> AudioFormat:
        return PCM16_16K

    async def speak(self, text: str) -> AsyncIterator[SpeechChunk]:
        yield SpeechChunk(self._audio)


class Room:
    """A loudspeaker beside a microphone, and the browsers' echo canceller where there is one."""

    def __init__(self, there: Page, cancels: bool) -> None:
        self._air = deque([bytes(FRAME_BYTES)] * DELAY_FRAMES)
        self._played: deque[bytes] = deque()
        self._rest = bytearray()
        self._canceller = AudioProcessingModule(echo_cancellation=True) if cancels else None
        there.ear, there.microphone = self._plays, self._hears

    def _plays(self, pcm: bytes) -> None:
        self._rest += pcm
        while len(self._rest) >= FRAME_BYTES:
            self._played.append(bytes(self._rest[:FRAME_BYTES]))
            del self._rest[:FRAME_BYTES]

    def _hears(self) -> bytes:
        played = self._played.popleft() if self._played else bytes(FRAME_BYTES)
        self._air.append(played)
        echo = np.frombuffer(self._air.popleft(), "<i2") * GAIN
        heard = echo.astype("<i2").tobytes()
        if self._canceller is None:
            return heard
        half = FRAME_BYTES // 2
        return b"".join(
            self._cancelled(played[at : at + half], heard[at : at + half]) for at in (0, half)
        )

    def _cancelled(self, played: bytes, heard: bytes) -> bytes:
        """10 ms."""
        assert self._canceller is not None
        samples = RATE // 100
        self._canceller.process_reverse_stream(AudioFrame(played, RATE, 1, samples))
        frame = AudioFrame(heard, RATE, 1, samples)
        self._canceller.process_stream(frame)
        return bytes(frame.data.cast("B"))


@pytest.mark.parametrize("cancels", [True, False])
async def test_the_agent_does_not_interrupt_itself(cancels: bool, tmp_path: Path) -> None:
    """Over an echo 8 dB down it says all it has to say, if the page cancels echoes as browsers do;
    without that it is interrupted by itself, which shows that the echo is there."""
    async with place(tmp_path) as here, page(here.server.url) as there:
        agents = here.server.agents
        agents.services = replace(agents.services, tts=Narrator("selfish"))
        Room(there, cancels)
        await there.begin(token=await here.token(), personaName="Anna")
        await there.hears(Ready)
        there.say(SayText(SAID))

        def interrupted() -> bool:
            return any(isinstance(each, Flush) for each in there.messages)

        await becomes(lambda: last(there) == ("ai", SAID) or interrupted())
        assert interrupted() is not cancels
        assert (UserSpeechStarted() in there.messages) is not cancels
