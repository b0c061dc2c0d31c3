import math

import numpy as np
import pytest

from voice_codecs.level import rms_dbfs, voiced_span


def sine(samples: int, amplitude: float) -> bytes:
    wave = amplitude * np.cos(2 * np.pi * 1000 * np.arange(samples) / 8000)
    return np.rint(wave).astype("<i2").tobytes()


def test_levels() -> None:
    assert rms_dbfs(sine(8000, 32767)) == pytest.approx(-3.01, abs=0.01)
    assert rms_dbfs(sine(8000, 3276.7)) == pytest.approx(-23.01, abs=0.01)
    assert rms_dbfs(b"\x00\x80" * 10) == 0.0
    assert rms_dbfs(bytes(320)) == -math.inf
    assert rms_dbfs(b"") == -math.inf


def test_the_span_of_a_tone_is_exact_on_window_edges() -> None:
    pcm = bytes(2 * 800) + sine(401, 8000) + bytes(2 * 799)
    assert voiced_span(pcm, 8000) == (800, 1200)


@pytest.mark.parametrize("lead", [0, 1, 13, 79, 801])
def test_the_span_is_never_off_by_a_window(lead: int) -> None:
    pcm = bytes(2 * lead) + sine(1600, 8000) + bytes(2 * 777)
    span = voiced_span(pcm, 8000)
    assert span is not None
    assert 0 <= span[0] - lead < 80
    assert 0 <= lead + 1599 - span[1] < 80


def test_silence_noise_and_clicks_have_no_span() -> None:
    click = bytes(2 * 400) + b"\xe8\x03" + bytes(2 * 400)
    for pcm in (b"", bytes(3200), sine(1600, 100), click):
        assert voiced_span(pcm, 8000) is None
    assert voiced_span(sine(1600, 100), 8000, threshold_dbfs=-60) == (0, 1599)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="holds no sample"):
        voiced_span(bytes(4), 8000, window_ms=0)
    with pytest.raises(ValueError):
        rms_dbfs(b"\0")
