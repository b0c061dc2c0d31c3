from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voice_codecs.resample import Resampler

RATES = [
    (16000, 8000),
    (8000, 16000),
    (24000, 8000),
    (48000, 8000),
    (22050, 8000),
    (44100, 16000),
    (8000, 24000),
    (8000, 48000),
    (24000, 16000),
]


def sine(hz: float, rate: int, samples: int, amplitude: float = 10000) -> NDArray[np.float64]:
    return np.asarray(amplitude * np.sin(2 * np.pi * hz * np.arange(samples) / rate), np.float64)


def pcm(samples: NDArray[np.float64]) -> bytes:
    return np.rint(samples).astype("<i2").tobytes()


def resampled(audio: bytes, source: int, target: int) -> NDArray[np.float64]:
    resampler = Resampler(source, target)
    return np.frombuffer(resampler.push(audio) + resampler.flush(), "<i2").astype(np.float64)


def db(samples: NDArray[np.float64], amplitude: float = 10000) -> float:
    power = max(float(np.mean(samples**2)), 1e-9)
    return float(10 * np.log10(power / (amplitude**2 / 2)))


def middle(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    return samples[len(samples) // 4 : -len(samples) // 4]


def test_what_8_khz_cannot_carry_is_removed() -> None:
    assert db(middle(resampled(pcm(sine(6000, 16000, 16000)), 16000, 8000))) < -60
    assert db(middle(resampled(pcm(sine(4700, 16000, 16000)), 16000, 8000))) < -60


@pytest.mark.parametrize(("source", "target"), RATES)
@pytest.mark.parametrize("hz", [300, 1000, 3400])
def test_the_telephone_band_passes_unchanged_and_in_place(
    source: int, target: int, hz: int
) -> None:
    output = resampled(pcm(sine(hz, source, source // 2)), source, target)
    expected = sine(hz, target, target // 2)
    assert len(output) == target // 2
    # Also the phase: what remains is rounding, and images 60 dB down.
    assert db(middle(output - expected)) < -60


@pytest.mark.parametrize(
    ("source", "target", "delay"),
    [(16000, 8000, 34), (8000, 16000, 17), (24000, 8000, 51), (48000, 8000, 101)],
)
def test_a_live_stream_is_late_by_the_filter_alone(source: int, target: int, delay: int) -> None:
    resampler = Resampler(source, target)
    frame = bytes(source // 50 * 2)
    lengths = [len(resampler.push(frame)) // 2 for _ in range(3)]
    assert resampler.delay == delay
    assert target // 50 - lengths[0] <= -(-delay * target // source) + 8 * max(1, target // source)
    assert lengths[1:] == [target // 50] * 2


@settings(max_examples=40, deadline=None)
@given(
    audio=st.binary(max_size=3000).map(lambda data: data[: len(data) // 2 * 2]),
    cuts=st.lists(st.integers(0, 1500), max_size=8),
    rates=st.sampled_from(RATES),
)
def test_chunking_changes_no_bit(audio: bytes, cuts: list[int], rates: tuple[int, int]) -> None:
    at_once = Resampler(*rates)
    chunked = Resampler(*rates)
    edges = [0, *sorted(min(2 * cut, len(audio)) for cut in cuts), len(audio)]
    pieces = [chunked.push(audio[start:end]) for start, end in pairwise(edges)]
    whole = at_once.push(audio) + at_once.flush()
    assert b"".join(pieces) + chunked.flush() == whole
    assert len(whole) // 2 == -(-(len(audio) // 2) * rates[1] // rates[0])


def test_full_scale_neither_wraps_nor_overshoots() -> None:
    square = np.where(np.arange(1600) // 20 % 2, 32767.0, -32768.0)
    output = resampled(pcm(square), 8000, 16000)
    plateau = np.repeat(square, 2)
    away = np.abs(np.arange(3200) % 40 - 20) < 8
    assert (np.sign(output[away]) == np.sign(plateau[away])).all()


def test_equal_rates_pass_the_same_object() -> None:
    frame = bytes(320)
    resampler = Resampler(8000, 8000)
    assert resampler.push(frame) is frame
    assert resampler.flush() == b""
    assert resampler.delay == 0


def test_flush_starts_a_new_stream() -> None:
    resampler = Resampler(16000, 8000)
    audio = pcm(sine(440, 16000, 1000))
    first = resampler.push(audio) + resampler.flush()
    assert resampler.push(audio) + resampler.flush() == first
    assert resampler.flush() == b""


@pytest.mark.parametrize("rates", [(0, 8000), (8000, -1), (8000, 7999)])
def test_impossible_rates_are_refused(rates: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="rate|ratio"):
        Resampler(*rates)


def test_half_a_sample_is_refused() -> None:
    for rates in [(8000, 8000), (8000, 16000)]:
        with pytest.raises(ValueError, match="even number of bytes, not 1"):
            Resampler(*rates).push(b"\0")
