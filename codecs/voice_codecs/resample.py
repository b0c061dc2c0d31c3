"""Streaming, band-limited change of sample rate for live PCM16.

Why not soxr: its fixed-rate engine works in FFT blocks and holds back 115 ms of a live 8 to 16 kHz
stream (LQ 61 ms, QQ does not band-limit; its variable-rate engine 15 to 30 ms). A caller waits for
every one of these. The windowed-sinc filter below holds back 2.1 ms at telephone rates and costs as
little, because a block of outputs is one small matrix product.

The filter: flat to 0.425 of the lower rate (3400 Hz at 8 kHz, the telephone band), 80 dB down from
0.575 of it (4600 Hz), so what little folds back lands above the telephone band.
"""

from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

_STOPBAND_DB = 80.0
_TRANSITION = 0.15
"""Width from pass band to stop band, as a part of the lower rate."""

_MAX_RATIO = 1024
"""Largest side of the reduced ratio (44100:8000 is 441:80): it bounds the filter's memory."""

_MIN_BLOCK = 8
"""Fewest samples per matrix row on either side: below it the copies cost more than the products."""

# Made once: numpy takes longer to make these than to use them on 20 ms.
_PCM16 = np.dtype("<i2")
_LEAST, _MOST = np.float64(-32768), np.float64(32767)


class Resampler:
    """Turns PCM16 at one rate into PCM16 at another, as it arrives.

    Output sample `n` belongs to the instant `n / target_rate` of the input: no leading silence,
    nothing shifted. It appears `delay` source samples late (17 at 8 to 16 kHz, 34 at 16 to 8 kHz,
    51 at 24 to 8 kHz: always 2.1 ms where one side is 8 kHz), rounded up to a block (1 ms at 8 kHz;
    frames of 10 ms are whole blocks, also at 44.1 kHz, but 22.05 kHz takes 20 ms). Any chunking of
    the input gives the same output, bit for bit.

    Equal rates pass the very same bytes object. Rates without a common divisor to speak of raise
    ValueError.
    """

    __slots__ = ("delay", "_bank", "_held", "_pushed", "_ratio", "_returned")

    delay: int
    """Source samples that must follow an instant before it can be computed."""

    def __init__(self, source_rate: int, target_rate: int) -> None:
        if source_rate <= 0 or target_rate <= 0:
            raise ValueError(f"sample rates must be positive, not {source_rate} and {target_rate}")
        common = gcd(source_rate, target_rate)
        self._ratio = (source_rate // common, target_rate // common)
        if max(self._ratio) > _MAX_RATIO:
            raise ValueError(
                f"cannot resample {source_rate} Hz to {target_rate} Hz: too odd a ratio"
            )
        identity = source_rate == target_rate
        self._bank = None if identity else _filter_bank(*self._ratio)
        self.delay = 0 if identity else _half_width(*self._ratio)
        self._start()

    def push(self, pcm: bytes) -> bytes:
        """Output that `pcm` completes, perhaps none. An odd number of bytes raises ValueError."""
        if len(pcm) % 2:
            raise ValueError(f"PCM16 needs an even number of bytes, not {len(pcm)}")
        if self._bank is None:
            return pcm
        self._pushed += len(pcm) // 2
        output = self._run(pcm, self._bank)
        self._returned += len(output) // 2
        return output

    def flush(self) -> bytes:
        """The rest of the output, as if silence followed; in all ceil(samples * target / source).

        The next push starts a new stream.
        """
        if self._bank is None:
            return b""
        source, target = self._ratio
        missing = -(-self._pushed * target // source) - self._returned
        block, _ = _block_sizes(*self._ratio)
        rest = self._run(bytes(2 * (2 * self.delay + block)), self._bank)[: 2 * missing]
        self._start()
        return rest

    def _start(self) -> None:
        self._held = bytes(2 * self.delay)  # silence before the first sample
        self._pushed = 0
        self._returned = 0

    def _run(self, pcm: bytes, bank: NDArray[np.float64]) -> bytes:
        """One matrix product: each row is a block of input with the filter's reach on both
        sides."""
        block, _ = _block_sizes(*self._ratio)
        window = bank.shape[0]
        held = self._held + pcm
        rows = (len(held) // 2 - (window - block)) // block
        if rows <= 0:
            self._held = held
            return b""
        used = rows * block
        # The windows overlap, which numpy's strides say without a copy until the conversion.
        windows = np.ndarray((rows, window), _PCM16, held, strides=(2 * block, 2))
        output: NDArray[np.float64] = windows.astype(np.float64).dot(bank)
        self._held = held[2 * used :]
        np.rint(output, out=output)
        np.minimum(output, _MOST, out=output)
        np.maximum(output, _LEAST, out=output)
        return output.astype(_PCM16).tobytes()


def _half_width(source: int, target: int) -> int:
    """Reach of the filter to either side, in source samples (Kaiser's formula for the order)."""
    order = (_STOPBAND_DB - 7.95) / (2.285 * 2 * np.pi * _TRANSITION) * max(source / target, 1.0)
    return int(np.ceil(order / 2))


def _block_sizes(source: int, target: int) -> tuple[int, int]:
    """Input and output samples of one block: the ratio, times what makes a row worth it."""
    times = -(-_MIN_BLOCK // min(source, target))
    return source * times, target * times


@lru_cache(maxsize=32)
def _filter_bank(source: int, target: int) -> NDArray[np.float64]:
    """Weights of shape (input samples of a window, output samples of a block), shared.

    Rounded to multiples of 2^-24: a product with a 16-bit sample and the sum of a thousand of them
    are then exact in float64, in whatever order the BLAS adds. The rounding is 144 dB down.
    """
    block, outputs = _block_sizes(source, target)
    half = _half_width(source, target)
    cutoff = min(target / source, 1.0)
    instants = np.arange(outputs) * source / target
    taps = np.arange(-half, block + half)
    distance = instants[None, :] - taps[:, None]
    inside = np.clip(1 - (distance / (half + 1)) ** 2, 0, None)
    weights = np.sinc(cutoff * distance) * np.i0(_kaiser_beta() * np.sqrt(inside)) * (inside > 0)
    weights /= weights.sum(axis=0)
    bank = np.rint(weights * 2**24) / 2**24
    bank.setflags(write=False)
    return np.asarray(bank, np.float64)


def _kaiser_beta() -> float:
    return 0.1102 * (_STOPBAND_DB - 8.7)
