"""Gain, mixing and fades of PCM16, mono, all at one rate.

Sums are taken in 32 bits and limited softly: up to -6 dBFS nothing changes; above it the curve
bends, with no corner, towards full scale, which it never passes. So sums neither wrap around nor
clip hard.

An odd number of bytes raises ValueError everywhere.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Leg = TypeVar("Leg", bound=Hashable)

_KNEE = 16384.0
_HEADROOM = 32767.0 - _KNEE


def gain(pcm: bytes, db: float) -> bytes:
    """`pcm` louder by `db` decibels, softly limited; 0 dB gives the same object."""
    samples = _samples(pcm)
    if db == 0:
        return pcm
    return _limited(samples * 10 ** (db / 20))


def mix(frames: Sequence[bytes]) -> bytes:
    """The sum of `frames`, as long as the longest: a shorter one is followed by silence.

    A single frame is returned as it is; no frame gives no audio.
    """
    if len(frames) < 2:
        return frames[0] if frames else b""
    return _limited(_stack(frames).sum(axis=0))


def mix_minus(frames: Mapping[Leg, bytes]) -> dict[Leg, bytes]:
    """For each leg, what it should hear: the sum of everybody else, as long as the longest frame.

    One leg alone hears silence.
    """
    if not frames:
        return {}
    stack = _stack(list(frames.values()))
    others = stack.sum(axis=0) - stack
    return dict(zip(frames, map(_limited, others), strict=True))


def fade_in(pcm: bytes, ms: int, rate: int) -> bytes:
    """`pcm` rising from silence over its first `ms` milliseconds, over all of it if shorter."""
    return _faded(pcm, rate * ms // 1000, from_start=True)


def fade_out(pcm: bytes, ms: int, rate: int) -> bytes:
    """`pcm` falling to silence over its last `ms` milliseconds, over all of it if shorter."""
    return _faded(pcm, rate * ms // 1000, from_start=False)


def _faded(pcm: bytes, length: int, from_start: bool) -> bytes:
    samples = _samples(pcm)
    length = min(length, len(samples))
    if not length:
        return pcm
    # Raised cosine: no corner at either end of the ramp, hence no click.
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)
    faded = samples.copy()
    part = slice(0, length) if from_start else slice(len(samples) - length, None)
    faded[part] = np.rint(samples[part] * (ramp if from_start else ramp[::-1]))
    return faded.tobytes()


def _samples(pcm: bytes) -> NDArray[np.int16]:
    if len(pcm) % 2:
        raise ValueError(f"PCM16 needs an even number of bytes, not {len(pcm)}")
    return np.frombuffer(pcm, "<i2")


def _stack(frames: Sequence[bytes]) -> NDArray[np.int32]:
    """Shape (frames, samples of the longest)."""
    stack = np.zeros((len(frames), max(map(len, frames)) // 2), np.int32)
    for row, frame in zip(stack, frames, strict=True):
        samples = _samples(frame)
        row[: len(samples)] = samples
    return stack


def _limited(samples: NDArray[Any]) -> bytes:
    """PCM16 of samples of any size; those within the knee are only rounded."""
    size = np.abs(samples)
    if size.size and size.max() > _KNEE:
        over = np.maximum(size - _KNEE, 0)
        size = np.minimum(size, _KNEE) + _HEADROOM * np.tanh(over / _HEADROOM)
        samples = np.copysign(size, samples)
    limited: bytes = np.rint(samples).astype("<i2").tobytes()
    return limited
