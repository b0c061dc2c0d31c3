"""The log-mel spectrogram has the shape, the range and the bands that Whisper defines."""

import numpy as np
import pytest

from voice_pipelines.providers.local.mel import BANDS, RATE, SAMPLES, log_mel


def tone(hertz: float, samples: int = SAMPLES) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.sin(2 * np.pi * hertz * np.arange(samples) / RATE).astype(np.float32)


def test_shape_type_and_dynamic_range() -> None:
    features = log_mel(tone(440))
    assert features.shape == (BANDS, 800)
    assert features.dtype == np.float32
    # 8 decades, divided by 4
    assert features.max() - features.min() <= 2 + 1e-6


@pytest.mark.parametrize(("hertz", "band"), [(200, 4), (1000, 26), (4000, 62)])
def test_a_tone_is_loudest_in_its_band(hertz: float, band: int) -> None:
    # Slaney: 3 mel per 200 Hz up to 1 kHz, above it 27 per factor of 6.4; 81 steps to 8 kHz.
    assert abs(int(log_mel(tone(hertz))[:, 400].argmax()) - band) <= 1


def test_the_level_does_not_matter() -> None:
    quiet = log_mel(tone(440) * np.float32(0.01))
    assert np.allclose(quiet, log_mel(tone(440)), atol=0.02)


def test_short_audio_comes_last() -> None:
    features = log_mel(tone(440, RATE))
    assert features[:, 750].max() > features[:, 100].max() + 1


def test_silence_is_flat() -> None:
    assert np.ptp(log_mel(np.zeros(0, np.float32))) == 0
