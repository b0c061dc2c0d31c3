"""Log-mel spectrogram as Whisper defines it, for 8 s of audio at 16 kHz.

Frames of 25 ms every 10 ms under a periodic Hann window, the power spectrum through 80 triangular
filters on Slaney's mel scale (linear below 1 kHz, logarithmic above, equal area), log10, limited
to 8 decades below the loudest, (x + 4) / 4. (Radford et al., "Robust Speech Recognition via
Large-Scale Weak Supervision", 2022, section 2.2; its published code for the constants.)
"""

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
SAMPLES = 8 * RATE
BANDS = 80

_FRAME = 400
_HOP = 160
_FRAMES = SAMPLES // _HOP
_FLOOR = 1e-10
_DECADES = 8.0
_VARIANCE_FLOOR = 1e-7

_LINEAR_HZ_PER_MEL = 200 / 3
_LOG_FROM_HZ = 1000.0
_LOG_FROM_MEL = _LOG_FROM_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27

Floats = NDArray[np.float32]


def log_mel(samples: Floats) -> Floats:
    """Features of shape (80, 800) of the last 8 s of `samples`, behind silence if they are fewer.

    The audio is first brought to zero mean and unit variance, the silence included.
    """
    audio = np.zeros(SAMPLES, np.float32)
    recent = samples[-SAMPLES:]
    audio[SAMPLES - len(recent) :] = recent
    audio -= audio.mean()
    audio /= np.sqrt(audio.var() + np.float32(_VARIANCE_FLOOR))
    padded = np.pad(audio, _FRAME // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP][:_FRAMES]
    spectrum = np.fft.rfft(frames * _WINDOW)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    mel: Floats = _FILTERS @ power.T
    np.maximum(mel, _FLOOR, out=mel)
    np.log10(mel, out=mel)
    np.maximum(mel, mel.max() - _DECADES, out=mel)
    mel += 4
    mel /= 4
    return mel


def _filters() -> Floats:
    """Triangles of shape (80, 201), each of area 1 when integrated over frequency in hertz."""
    corners = _hertz(np.linspace(0, _mel(RATE / 2), BANDS + 2))
    bins = np.linspace(0, RATE / 2, _FRAME // 2 + 1)
    low, center, high = (corners[i : i + BANDS, None] for i in range(3))
    rising = (bins - low) / (center - low)
    falling = (high - bins) / (high - center)
    triangles = np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)
    return triangles.astype(np.float32)


def _mel(hertz: float) -> float:
    if hertz < _LOG_FROM_HZ:
        return hertz / _LINEAR_HZ_PER_MEL
    return float(_LOG_FROM_MEL + np.log(hertz / _LOG_FROM_HZ) / _LOG_STEP)


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _LOG_FROM_HZ * np.exp(_LOG_STEP * (mel - _LOG_FROM_MEL))
    return np.where(mel < _LOG_FROM_MEL, mel * _LINEAR_HZ_PER_MEL, above)


_WINDOW = np.hanning(_FRAME + 1)[:-1].astype(np.float32)
_FILTERS = _filters()
