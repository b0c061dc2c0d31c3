"""What each step of the frame path costs, in microseconds: one thread, the best of five runs."""

import argparse
from collections import deque
from collections.abc import Callable, Sequence

from voice_codecs.convert import Converter
from voice_codecs.pcm import MULAW_8K, PCM16_8K, AudioFormat, Encoding
from voice_codecs.resample import Resampler
from voice_codecs.twilio import CarrierStream, Outbound, parse_inbound
from voice_pipelines.audio.gate import Gate, GatePolicy
from voice_pipelines.audio.playout import Playout
from voice_pipelines.conversation.events import (
    Event,
    Heard,
    LegJoined,
    PlaybackEnded,
    PlaybackStarted,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    SpeechConfirmed,
    SpeechEnded,
    SpeechReady,
    SpeechStarted,
    SpeechStopped,
    Tick,
    Transcribed,
)
from voice_pipelines.conversation.journal import event_line
from voice_pipelines.conversation.machine import Conversation
from voice_pipelines.conversation.policy import EndpointingPolicy, Phrases, TurnPolicy
from voice_pipelines.engine.listen import Listener
from voice_pipelines.engine.play import Player
from voice_pipelines.ports import SpeechChunk, VoiceActivityDetector

from .board import watching
from .detector import detector
from .report import figure, remark, say, say_json, table
from .steps import Cost, best_us
from .utterances import tone

_FRAME_MS = 20
_WINDOW = PCM16_8K.bytes_for(32)
_BEATS = 150
_TEXT = "Thank you for calling us today, it is good to hear you."


class _Sink:
    """A leg that serializes what it is sent, and throws it away."""

    format = MULAW_8K

    def __init__(self) -> None:
        self._messages = Outbound("MZ" + "0" * 32)
        self._sent_ms = 0
        self.marks: deque[tuple[int, str]] = deque()
        """(milliseconds of audio sent before, name)"""

    def send(self, audio: bytes) -> None:
        self._messages.media(audio)
        self._sent_ms += MULAW_8K.duration_ms(audio)

    def mark(self, name: str) -> None:
        self._messages.mark(name)
        self.marks.append((self._sent_ms, name))

    def clear(self) -> None:
        self._messages.clear()

    async def hang_up(self) -> None:
        """Nothing is held."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("bench.micro", description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    costs = [*_inwards(), *_silero(), *_outwards(), *_deciding(), *watching()]
    if options.json:
        say_json(costs)
    else:
        say(table(("step", "µs", "per"), [(c.step, figure(c.us, 2), c.per) for c in costs]))
    return 0


def _inwards() -> list[Cost]:
    audio = tone(_FRAME_MS)
    text = CarrierStream("MZ" + "0" * 32, "CA", "AC").media(audio, 20)
    pcm = Converter(MULAW_8K, PCM16_8K).push(audio)
    decode, gate = Converter(MULAW_8K, PCM16_8K), Gate(GatePolicy())
    stream = detector("energy").open(gate_sink(gate))
    listener = Listener(
        "caller", MULAW_8K, detector("energy"), GatePolicy(), lambda _: None, keep_audio=False
    )
    down = Resampler(24_000, 8000)
    wide = bytes(AudioFormat(Encoding.PCM16, 24_000).bytes_for(_FRAME_MS))
    up = Resampler(8000, 16_000)
    return [
        Cost("parse a media message", best_us(lambda: parse_inbound(text)), "frame in"),
        Cost("decode mu-law", best_us(lambda: decode.push(audio)), "frame in"),
        Cost("energy VAD and gate", best_us(lambda: stream.feed(pcm)), "frame in"),
        Cost("listener: decode, energy, gate", best_us(lambda: listener.hear(audio)), "frame in"),
        Cost("resample 24 to 8 kHz", best_us(lambda: down.push(wide)), "20 ms"),
        Cost("resample 8 to 16 kHz", best_us(lambda: up.push(pcm)), "20 ms"),
    ]


def gate_sink(gate: Gate) -> Callable[[float, int], None]:
    """Pushes scores into `gate` as a listener does."""

    def push(score: float, end: int) -> None:
        gate.push(score, end)

    return push


def _silero() -> list[Cost]:
    try:
        vad = detector("silero")
    except FileNotFoundError as error:
        remark(str(error))
        return []
    return [
        Cost(f"Silero, {legs} leg{'s' * (legs > 1)} a tick", _silero_us(vad, legs), "32 ms window")
        for legs in (1, 8, 32, 100)
    ]


def _silero_us(vad: VoiceActivityDetector, legs: int) -> float:
    window = Converter(MULAW_8K, PCM16_8K).push(tone(32))
    streams = [vad.open(gate_sink(Gate(GatePolicy()))) for _ in range(legs)]

    def score() -> None:
        for stream in streams:
            stream.feed(window)
        vad.tick()

    us = best_us(score, legs)
    for stream in streams:
        stream.close()
    return us


def _outwards() -> list[Cost]:
    audio = tone(40)
    out = Outbound("MZ" + "0" * 32)
    reply = tone(3000)
    return [
        Cost("serialize a media message", best_us(lambda: out.media(audio)), "40 ms out"),
        Cost("playout, marks, serialize", best_us(lambda: _play(reply), _BEATS), "20 ms beat"),
    ]


def _play(reply: bytes) -> None:
    """Three seconds of a reply to a leg that acknowledges what it has played."""
    leg, clock = _Sink(), [0]
    player = Player("caller", leg, Playout(MULAW_8K), MULAW_8K, lambda _: None, lambda: clock[0])
    player.playout.piece(1, 0, _TEXT)
    player.audio(1, 0, SpeechChunk(reply))
    player.piece_ended(1, 0)
    player.playout.finish(1)
    player.playout.release(1)
    for beat in range(_BEATS):
        clock[0] = beat * _FRAME_MS
        player.pump()
        if leg.marks and leg.marks[0][0] <= clock[0]:
            player.acknowledged(leg.marks.popleft()[1])


def _deciding() -> list[Cost]:
    policy = TurnPolicy(
        endpointing=EndpointingPolicy(mode="fixed", fixed_ms=200), phrases=Phrases(greeting="")
    )
    script = turn_events()
    joined = LegJoined("caller")

    def converse() -> None:
        conversation = Conversation(policy)
        conversation.handle(joined, 0)
        for now, event in script:
            conversation.handle(event, now)
            conversation.deadline()

    heard = Heard("caller", 1, _TEXT, 1200)
    return [
        Cost("conversation: an event, the next deadline", best_us(converse, len(script)), "event"),
        Cost("journal line", best_us(lambda: event_line(12_345, heard)), "event"),
    ]


def turn_events() -> list[tuple[int, Event]]:
    """A turn as the engine tells it: (now, event)."""
    words = [Heard("caller", 1, _TEXT[: 5 * n], 240 * n) for n in range(1, 12)]
    return [
        (1000, SpeechStarted("caller")),
        (1080, SpeechConfirmed("caller")),
        (2060, SpeechStopped("caller", 60)),
        (2061, Transcribed("caller", "hello there", 1)),
        (2062, ReplyStarted(1)),
        (2062, ReplyText(1, _TEXT)),
        (2063, ReplyEnded(1)),
        (2063, SpeechReady(1, 0)),
        (2064, SpeechEnded(1, 0, 3000)),
        (2200, Tick()),
        (2201, PlaybackStarted("caller", 1)),
        *((2201 + heard.audio_ms, heard) for heard in words),
        (5300, PlaybackEnded("caller", 1)),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
