import numpy as np
import pytest

from voice_codecs.band import telephone_band


def change_db(hz: float) -> float:
    wave = 10000 * np.sin(2 * np.pi * hz * np.arange(8000) / 8000)
    filtered = np.frombuffer(telephone_band(wave.astype("<i2").tobytes()), "<i2")
    power = float(np.mean(filtered[2000:6000].astype(np.float64) ** 2))
    return float(10 * np.log10(max(power, 1e-9) / (10000**2 / 2)))


@pytest.mark.parametrize("hz", [320, 1000, 2000, 3380])
def test_the_band_passes(hz: float) -> None:
    assert abs(change_db(hz)) < 0.5


@pytest.mark.parametrize("hz", [50, 100, 190, 3510, 3900])
def test_the_rest_does_not(hz: float) -> None:
    assert change_db(hz) < -55


def test_nothing_is_shifted() -> None:
    click = np.zeros(1000, "<i2")
    click[400] = 20000
    filtered = np.frombuffer(telephone_band(click.tobytes()), "<i2")
    assert len(filtered) == 1000
    assert filtered.argmax() == 400
    assert telephone_band(b"") == b""
    assert len(telephone_band(bytes(20))) == 20
