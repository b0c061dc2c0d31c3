"""How loud PCM16 is, and where in it somebody speaks. A full-scale square wave is 0 dBFS."""

import numpy as np

_FULL_SCALE = 32768.0


def rms_dbfs(pcm: bytes) -> float:
    """Root mean square of `pcm` in dBFS: -inf for silence or no audio, -3.01 for a full sine.

    An odd number of bytes raises ValueError.
    """
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    power = float(np.dot(samples, samples)) / max(len(samples), 1)
    return float(10 * np.log10(power / _FULL_SCALE**2)) if power else -np.inf


def voiced_span(
    pcm: bytes, rate: int, threshold_dbfs: float = -45, window_ms: int = 10
) -> tuple[int, int] | None:
    """First and last voiced sample of `pcm`, or None if all of it is below the threshold.

    Windows of `window_ms` decide by their RMS, so that a click is no voice; inside the first and
    the last voiced window the span starts and ends at a sample that reaches the threshold. Exact to
    the sample for a tone that fills its window, else late (or early, at the end) by less than a
    window.
    """
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    window = rate * window_ms // 1000
    if window <= 0:
        raise ValueError(f"a window of {window_ms} ms at {rate} Hz holds no sample")
    starts = np.arange(0, len(samples), window)
    if not len(starts):
        return None
    lengths = np.minimum(window, len(samples) - starts)
    power = np.add.reduceat(samples**2, starts) / lengths
    threshold = _FULL_SCALE * 10 ** (threshold_dbfs / 20)
    voiced = np.flatnonzero(power >= threshold**2)
    if not len(voiced):
        return None
    loud = np.flatnonzero(np.abs(samples) >= threshold)
    first = loud[np.searchsorted(loud, starts[voiced[0]])]
    last = loud[np.searchsorted(loud, starts[voiced[-1]] + lengths[voiced[-1]]) - 1]
    return int(first), int(last)
