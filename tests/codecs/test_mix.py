import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from voice_codecs import mix

FRAMES = st.lists(st.lists(st.integers(-32768, 32767), max_size=20), max_size=5)


def pcm(*samples: int) -> bytes:
    return np.array(samples, "<i2").tobytes()


def values(audio: bytes) -> NDArray[np.int64]:
    return np.frombuffer(audio, "<i2").astype(np.int64)


def test_quiet_frames_add_up_exactly() -> None:
    assert values(mix.mix([pcm(1, -200, 3000), pcm(10, 50), pcm(7)])).tolist() == [18, -150, 3000]


def test_one_frame_and_none() -> None:
    frame = pcm(32767)
    assert mix.mix([frame]) is frame
    assert mix.mix([]) == b""
    assert mix.mix_minus({}) == {}


@given(FRAMES)
def test_a_sum_never_wraps(frames: list[list[int]]) -> None:
    longest = max(map(len, frames), default=0)
    sums = np.zeros(longest, np.int64)
    for frame in frames:
        sums[: len(frame)] += np.array(frame, np.int64)
    mixed = values(mix.mix([pcm(*frame) for frame in frames]))
    assert len(mixed) == longest
    assert (np.abs(mixed) <= np.abs(sums)).all() or len(frames) < 2
    assert (mixed * sums >= 0).all()


def test_the_limiter_bends_without_a_corner() -> None:
    steps = np.arange(0, 32768, 16)
    curve = values(mix.mix([pcm(*steps), pcm(*steps)]))
    slope = np.diff(curve)
    assert (slope >= 0).all()
    assert (np.abs(np.diff(slope)) <= 3).all()
    assert curve[-1] <= 32767


def test_two_loud_voices_distort_less_than_hard_clipping() -> None:
    time = np.arange(8000) / 8000
    voices = [pcm(*np.rint(24000 * np.sin(2 * np.pi * hz * time)).astype(int)) for hz in (440, 620)]
    total = values(voices[0]) + values(voices[1])
    clipped = np.clip(total, -32768, 32767)
    mixed = values(mix.mix(voices))

    def high_energy(samples: NDArray[np.int64]) -> float:
        spectrum = np.abs(np.fft.rfft(samples)) ** 2
        return float(spectrum[3000:].sum() / spectrum.sum())

    assert high_energy(mixed) < high_energy(clipped)


def test_each_hears_everybody_else() -> None:
    heard = mix.mix_minus({"caller": pcm(1, 2), "owner": pcm(10, 20), "agent": pcm(100)})
    assert {leg: values(audio).tolist() for leg, audio in heard.items()} == {
        "caller": [110, 20],
        "owner": [101, 2],
        "agent": [11, 22],
    }
    assert values(mix.mix_minus({"alone": pcm(5, 6)})["alone"]).tolist() == [0, 0]


def test_gain() -> None:
    frame = pcm(1000, -1000)
    assert mix.gain(frame, 0) is frame
    assert values(mix.gain(frame, 6.0206)).tolist() == [2000, -2000]
    assert values(mix.gain(frame, -20)).tolist() == [100, -100]
    loud = values(mix.gain(pcm(20000, -32768), 20))
    assert 30000 < loud[0] <= 32767
    assert -32767 <= loud[1] < -30000


def test_fades() -> None:
    flat = pcm(*[1000] * 400)
    rising = values(mix.fade_in(flat, 10, 8000))
    falling = values(mix.fade_out(flat, 10, 8000))
    assert rising[0] < 5
    assert (np.diff(rising[:80]) >= 0).all()
    assert (rising[80:] == 1000).all()
    assert (falling == rising[::-1]).all()
    assert np.abs(np.diff(rising)).max() < 25
    assert values(mix.fade_in(pcm(*[1000] * 8), 10, 8000))[-1] <= 1000
    assert mix.fade_out(b"", 10, 8000) == b""
    assert mix.fade_in(flat, 0, 8000) is flat


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="even number of bytes"):
        mix.gain(b"\0", 0)
    with pytest.raises(ValueError, match="even number of bytes"):
        mix.mix([b"\0", b"\0\0"])
