"""The outline of a recording: how far each stretch of it swings, for a picture of its sound."""

import struct
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM16 = (1, 16)
_FULL_SCALE = 32768


class Outline(NamedTuple):
    """A stereo recording as a picture."""

    duration_ms: int
    left: list[float]
    right: list[float]
    """The largest swing of each stretch, 0 to 1; both lists are equally long."""


def outline(path: str | PathLike[str], stretches: int) -> Outline:
    """The outline of a stereo WAV file as `voice_codecs.wav.Writer` leaves it, also after a crash
    and while it grows. Never more than one stretch is in memory.

    Raises ValueError if the file is no such recording, and OSError.
    """
    with Path(path).open("rb") as file:
        rate = _rate(file.read(_HEADER.size))
        frames = (Path(path).stat().st_size - _HEADER.size) // 4
        left, right = [], []
        for number in range(stretches):
            begin, end = frames * number // stretches, frames * (number + 1) // stretches
            content = file.read(4 * (end - begin))
            pairs = np.frombuffer(content[: len(content) // 4 * 4], "<i2").reshape(-1, 2)
            swing = np.zeros(2, np.int32)
            if len(pairs):
                swing = np.maximum(pairs.max(0).astype(np.int32), -pairs.min(0).astype(np.int32))
            left.append(round(float(swing[0]) / _FULL_SCALE, 3))
            right.append(round(float(swing[1]) / _FULL_SCALE, 3))
    return Outline(frames * 1000 // rate, left, right)


def _rate(header: bytes) -> int:
    if len(header) == _HEADER.size:
        riff, _, wave, fmt, _, code, channels, rate, _, _, bits, data, _ = _HEADER.unpack(header)
        known = (riff, wave, fmt, data) == (b"RIFF", b"WAVE", b"fmt ", b"data")
        if known and (code, bits) == _PCM16 and channels == 2 and rate > 0:
            return int(rate)
    raise ValueError("not a stereo WAV file of PCM16 with its samples right behind the header")
