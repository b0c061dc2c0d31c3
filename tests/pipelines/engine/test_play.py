"""The way of a reply's audio to a leg in memory, by a clock that only the test moves."""

import pytest

from voice_agent.transports.memory import MemoryLeg
from voice_codecs.convert import convert
from voice_codecs.g711 import decode
from voice_codecs.level import rms_dbfs
from voice_codecs.pcm import MULAW_8K, PCM16_16K, AudioFormat
from voice_pipelines.audio.playout import Playout
from voice_pipelines.conversation.events import Event, Heard, PlaybackEnded, PlaybackStarted
from voice_pipelines.engine.play import Player
from voice_pipelines.ports import SpeechChunk

AUDIO = bytes(range(256)) * 40


class HandClock:
    def __init__(self) -> None:
        self.ms = 0

    def now(self) -> int:
        return self.ms


class Line:
    """A player, its leg, and what is told."""

    def __init__(self, leg: AudioFormat = MULAW_8K, source: AudioFormat = MULAW_8K) -> None:
        self.clock = HandClock()
        self.leg = MemoryLeg(self.clock, leg)
        self.told: list[Event] = []
        self.player = Player(
            "caller", self.leg, Playout(leg), source, self.told.append, self.clock.now
        )
        self.leg.connect(self.player.acknowledged)

    def run(self, ms: int) -> None:
        for _ in range(ms // 20):
            self.clock.ms += 20
            self.leg.beat()
            self.player.pump()

    def say(self, turn: int, audio: bytes, chunk: int, text: str = "One two three four.") -> None:
        self.player.playout.piece(turn, 0, text)
        self.player.playout.release(turn)
        for at in range(0, len(audio), chunk):
            self.player.audio(turn, 0, SpeechChunk(audio[at : at + chunk]))
        self.player.piece_ended(turn, 0)
        self.player.playout.finish(turn)
        self.player.pump()


@pytest.mark.parametrize("chunk", [1, 7, 160, 100_000])
def test_a_reply_in_the_format_of_the_leg_arrives_byte_for_byte(chunk: int) -> None:
    line = Line()
    line.say(1, AUDIO, chunk)
    line.run(1500)
    assert line.leg.heard == AUDIO
    assert line.told[0] == PlaybackStarted("caller", 1)
    assert line.told[-2:] == [
        Heard("caller", 1, "One two three four.", 1280),
        PlaybackEnded("caller", 1),
    ]


@pytest.mark.parametrize("chunk", [2, 642, 100_000])
def test_a_reply_in_another_format_is_converted_as_one_stream(chunk: int) -> None:
    line = Line(source=PCM16_16K)
    line.say(1, AUDIO, chunk)
    line.run(1000)
    assert line.leg.heard == convert(AUDIO, PCM16_16K, MULAW_8K)
    assert len(line.leg.heard) == len(AUDIO) // 4
    assert line.told[-1] == PlaybackEnded("caller", 1)


def test_the_times_of_words_are_those_of_the_leg() -> None:
    line = Line(source=PCM16_16K)
    line.player.playout.piece(1, 0, "One two")
    line.player.playout.release(1)
    line.player.audio(1, 0, SpeechChunk(bytes(64_000), (("One", 3200), (" two", 32_000))))
    line.player.piece_ended(1, 0)
    line.player.pump()
    line.run(400)
    assert [event.text for event in line.told if isinstance(event, Heard)] == ["One"]


def test_a_paused_reply_goes_on_where_it_stopped() -> None:
    line = Line()
    line.say(1, AUDIO, 160)
    line.run(400)
    line.player.pause(1)
    line.run(400)
    assert line.leg.heard == AUDIO[: 400 * 8]
    line.player.playout.resume(1)
    line.run(1500)
    assert line.leg.heard == AUDIO


def test_a_silenced_reply_is_cut_and_told_as_far_as_it_was_heard() -> None:
    line = Line()
    line.say(1, AUDIO, 160)
    line.run(700)
    line.player.silence(1)
    line.player.audio(1, 0, SpeechChunk(AUDIO))
    line.player.pump()
    assert line.told[-1] == Heard("caller", 1, "One two", 700)
    line.run(1000)
    assert line.leg.heard == AUDIO[: 700 * 8]
    assert line.told[-1] == Heard("caller", 1, "One two", 700)


@pytest.mark.parametrize("leg", [MULAW_8K, PCM16_16K])
def test_a_ducked_reply_is_12_db_quieter(leg: AudioFormat) -> None:
    line = Line(leg, PCM16_16K)
    loud = (b"\x00\x20" * 8 + b"\x00\xe0" * 8) * 1000
    line.say(1, loud, len(loud))
    line.run(100)
    line.player.playout.duck(1, True)
    line.run(700)
    heard = line.leg.heard
    before = decode(heard[: leg.bytes_for(200)], leg.encoding)
    after = decode(heard[leg.bytes_for(500) :], leg.encoding)
    assert rms_dbfs(before) - rms_dbfs(after) == pytest.approx(12, abs=0.5)
