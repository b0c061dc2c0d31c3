"""libopus through the codec: levels, lengths, and what hides a loss."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_codecs.opus import CLOCK, OpusDecoder, OpusEncoder, duration

RATE = 16_000
FRAME = RATE // 50


def tone(frames: int) -> list[bytes]:
    at = np.arange(frames * FRAME) / RATE
    pcm = (np.sin(2 * np.pi * 300 * at) * 9000).astype("<i2")
    return [pcm[start : start + FRAME].tobytes() for start in range(0, len(pcm), FRAME)]


def loudness(pcm: bytes) -> float:
    return float(np.sqrt(np.mean(np.frombuffer(pcm, "<i2").astype(float) ** 2)))


def test_sound_comes_back_as_loud_and_as_long() -> None:
    encoder, decoder = OpusEncoder(RATE, 36_000), OpusDecoder(RATE)
    frames = tone(50)
    decoded = [decoder.decode(encoder.encode(frame)) for frame in frames]
    assert all(len(pcm) == 2 * FRAME for pcm in decoded)
    assert loudness(b"".join(decoded[10:])) == pytest.approx(loudness(b"".join(frames)), rel=0.1)


def test_the_packet_behind_a_lost_one_tells_of_it() -> None:
    encoder = OpusEncoder(RATE, 36_000)
    packets = [encoder.encode(frame) for frame in tone(20)]
    decoder = OpusDecoder(RATE)
    for packet in packets[:12]:
        decoder.decode(packet)
    lost = decoder.conceal(CLOCK // 50, packets[13])
    assert len(lost) == 2 * FRAME
    assert loudness(lost) > 3000


def test_a_long_gap_fades_into_silence() -> None:
    encoder, decoder = OpusEncoder(RATE, 36_000), OpusDecoder(RATE)
    for frame in tone(20):
        decoder.decode(encoder.encode(frame))
    gap = decoder.conceal(CLOCK)
    assert len(gap) == 2 * RATE
    assert loudness(gap[-RATE:]) < 100
    assert decoder.conceal(100) == b"", "less than Opus can make"


def test_the_silence_of_another_moment_is_silence_too() -> None:
    """The track sends one packet of silence again and again, without making it anew."""
    encoder, decoder = OpusEncoder(RATE, 36_000), OpusDecoder(RATE)
    silence = [encoder.encode(bytes(2 * FRAME)) for _ in range(3)][-1]
    pcm = b"".join(decoder.decode(silence) for _ in range(100))
    assert loudness(pcm) < 10
    again = b"".join(decoder.decode(encoder.encode(frame)) for frame in tone(20))
    assert loudness(again[2 * RATE // 5 :]) > 4000


@given(st.binary(max_size=100))
def test_whatever_comes_is_decoded_or_nothing(packet: bytes) -> None:
    assert len(OpusDecoder(8000).decode(packet)) % 2 == 0
    assert 0 <= duration(packet) <= CLOCK * 120 // 1000


@pytest.mark.parametrize(
    ("packet", "ms"),
    [
        (b"", 0),
        (b"\x00", 10),
        (b"\x08", 20),
        (b"\x18", 60),
        (b"\x60", 10),
        (b"\x68", 20),
        (b"\x80", 2.5),
        (b"\x98", 20),
        (b"\x99", 40),
        (b"\x9b\x03", 60),
        (b"\x9b\x3f", 0),
    ],
)
def test_the_first_bytes_tell_the_duration(packet: bytes, ms: float) -> None:
    assert duration(packet) == int(ms * 48)
