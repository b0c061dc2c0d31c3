"""The energy detector is exact."""

import struct

import pytest

from voice_codecs.pcm import PCM16_8K
from voice_pipelines.providers.energy import EnergyVad


def square(amplitude: int, ms: int = 20) -> bytes:
    """A square wave, whose root mean square is its amplitude."""
    samples = PCM16_8K.bytes_for(ms) // 2
    return struct.pack(
        f"<{samples}h", *(amplitude if i % 2 else -amplitude for i in range(samples))
    )


def heard(vad: EnergyVad, chunks: list[bytes]) -> list[tuple[float, int]]:
    scores: list[tuple[float, int]] = []
    stream = vad.open(lambda score, at: scores.append((score, at)))
    for chunk in chunks:
        stream.feed(chunk)
    vad.tick()
    stream.close()
    return scores


def test_the_threshold_is_where_it_says() -> None:
    # -40 dBFS is a hundredth of full scale: 327.68
    assert heard(EnergyVad(-40), [square(327), square(328)]) == [(0.0, 160), (1.0, 320)]


@pytest.mark.parametrize("chunk", [2, 100, 320, 640, 2000])
def test_frames_do_not_depend_on_chunks(chunk: int) -> None:
    pcm = square(0, 40) + square(9000, 60) + square(0, 25)
    chunks = [pcm[at : at + chunk] for at in range(0, len(pcm), chunk)]
    assert [score for score, _ in heard(EnergyVad(), chunks)] == [0, 0, 1, 1, 1, 0]


def test_legs_do_not_mix() -> None:
    vad = EnergyVad()
    loud: list[float] = []
    quiet: list[float] = []
    one, other = vad.open(lambda s, _: loud.append(s)), vad.open(lambda s, _: quiet.append(s))
    for _ in range(5):
        one.feed(square(9000, 10))
        other.feed(square(1, 10))
    assert (loud, quiet) == ([1.0, 1.0], [0.0, 0.0])
