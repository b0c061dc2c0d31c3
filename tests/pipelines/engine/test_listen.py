"""The frame path inwards: what reaches the recognizer, and what is told of the voice."""

import math
from array import array

import pytest

from voice_codecs.convert import convert
from voice_codecs.g711 import encode
from voice_codecs.pcm import MULAW_8K, PCM16_8K, PCM16_16K, AudioFormat, Encoding
from voice_codecs.resample import Resampler
from voice_pipelines.audio.gate import GatePolicy
from voice_pipelines.conversation.events import (
    Event,
    SpeechConfirmed,
    SpeechStarted,
    SpeechStopped,
)
from voice_pipelines.engine.listen import Listener
from voice_pipelines.providers.energy import EnergyVad


class Ear:
    """A recognizer that keeps what it is fed."""

    def __init__(self) -> None:
        self.fed: list[bytes] = []
        self.hints: list[bool] = []

    def feed(self, audio: bytes) -> None:
        self.fed.append(audio)

    def voiced(self, speaking: bool) -> None:
        self.hints.append(speaking)

    def settle(self, request: int) -> None: ...

    def reset(self) -> None: ...


class Party:
    def __init__(
        self, leg: AudioFormat, wants: AudioFormat = MULAW_8K, keep_audio: bool = False
    ) -> None:
        self.told: list[Event] = []
        self.ear = Ear()
        self.listener = Listener(
            "caller", leg, EnergyVad(), GatePolicy(), self.told.append, keep_audio
        )
        self.listener.attach(self.ear, wants)


def tone(ms: int, audio_format: AudioFormat) -> bytes:
    step = 2 * math.pi * 400 / audio_format.rate
    count = audio_format.rate * ms // 1000
    pcm = array("h", (round(8000 * math.sin(step * n)) for n in range(count))).tobytes()
    return encode(pcm, audio_format.encoding)


def silence(ms: int, audio_format: AudioFormat) -> bytes:
    return audio_format.silence * (audio_format.rate * ms // 1000)


def frames(audio: bytes, audio_format: AudioFormat, ms: int = 20) -> list[bytes]:
    size = audio_format.bytes_for(ms)
    return [audio[at : at + size] for at in range(0, len(audio), size)]


def test_mulaw_reaches_a_mulaw_recognizer_as_the_very_same_objects() -> None:
    party = Party(MULAW_8K)
    sent = frames(tone(500, MULAW_8K), MULAW_8K)
    for frame in sent:
        party.listener.hear(frame)
    assert all(fed is frame for fed, frame in zip(party.ear.fed, sent, strict=True))


def test_other_formats_are_converted_as_a_stream() -> None:
    party = Party(MULAW_8K, PCM16_16K)
    audio = tone(500, MULAW_8K)
    for frame in frames(audio, MULAW_8K):
        party.listener.hear(frame)
    fed, whole = b"".join(party.ear.fed), convert(audio, MULAW_8K, PCM16_16K)
    assert whole.startswith(fed)
    assert PCM16_16K.duration_ms(whole[len(fed) :]) < 5


def test_a_browsers_sound_is_resampled_once_for_detector_and_recognizer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[tuple[int, int]] = []
    before = Resampler.__init__

    def counted(self: Resampler, source: int, target: int) -> None:
        made.append((source, target))
        before(self, source, target)

    monkeypatch.setattr(Resampler, "__init__", counted)
    party = Party(PCM16_16K, MULAW_8K)
    assert made == [(16_000, 8000)]
    audio = tone(500, PCM16_16K)
    for frame in frames(audio, PCM16_16K):
        party.listener.hear(frame)
    fed, whole = b"".join(party.ear.fed), convert(audio, PCM16_16K, MULAW_8K)
    assert whole.startswith(fed) and len(whole) - len(fed) < 40


def test_speech_is_told_when_it_starts_is_confirmed_and_stops() -> None:
    for leg in (MULAW_8K, AudioFormat(Encoding.ALAW, 8000), PCM16_8K):
        party = Party(leg)
        when: list[tuple[int, Event]] = []
        audio = silence(100, leg) + tone(300, leg) + silence(200, leg)
        for number, frame in enumerate(frames(audio, leg), start=1):
            party.listener.hear(frame)
            when += ((number * 20, event) for event in party.told)
            party.told.clear()
        assert when == [
            (120, SpeechStarted("caller")),
            (200, SpeechConfirmed("caller")),
            (460, SpeechStopped("caller", silence_ms=60)),
        ]
        assert party.ear.hints == [True, False]


def test_the_silence_is_told_by_the_audio_even_if_it_came_in_one_piece() -> None:
    party = Party(MULAW_8K)
    party.listener.hear(tone(200, MULAW_8K) + silence(400, MULAW_8K))
    assert party.told[-1] == SpeechStopped("caller", silence_ms=400)


def test_frames_of_any_length_give_the_same_events() -> None:
    audio = silence(100, MULAW_8K) + tone(300, MULAW_8K) + silence(200, MULAW_8K)
    whole, pieces = Party(MULAW_8K), Party(MULAW_8K)
    for frame in frames(audio, MULAW_8K):
        whole.listener.hear(frame)
    for at in range(0, len(audio), 7):
        pieces.listener.hear(audio[at : at + 7])
    kinds = [[type(event) for event in party.told] for party in (whole, pieces)]
    assert kinds[0] == kinds[1] == [SpeechStarted, SpeechConfirmed, SpeechStopped]


def test_the_last_8_seconds_are_kept_for_who_wants_them() -> None:
    party = Party(MULAW_8K, keep_audio=True)
    assert party.listener.turn_audio() == b""
    old, new = silence(13_000, MULAW_8K), tone(8000, MULAW_8K)
    for frame in frames(old + new, MULAW_8K):
        party.listener.hear(frame)
    assert party.listener.turn_audio() == convert(new, MULAW_8K, PCM16_8K)
    party.listener.close()
    forgetful = Party(MULAW_8K)
    forgetful.listener.hear(new)
    assert forgetful.listener.turn_audio() == b""


def test_nobody_need_listen() -> None:
    told: list[Event] = []
    listener = Listener("caller", MULAW_8K, EnergyVad(), GatePolicy(), told.append, False)
    listener.hear(tone(200, MULAW_8K) + silence(100, MULAW_8K))
    assert len(told) == 3
