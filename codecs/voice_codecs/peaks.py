"""The outline of a recording: how far each stretch of it swings, for a picture of its sound."""

import os
import struct
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .ogg import opus_head, read_pages
from .opus import CLOCK, OpusDecoder

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM16 = (1, 16)
_FULL_SCALE = 32768
_OPUS_RATE = 8000
"""The least that Opus is decoded to. A picture needs no more."""
_CHUNK = 8192
"""Frames that are looked at together."""


class Outline(NamedTuple):
    """A stereo recording as a picture."""

    duration_ms: int
    left: list[float]
    right: list[float]
    """The largest swing of each stretch, 0 to 1; both lists are equally long."""


def outline(
    path: str | PathLike[str], stretches: int, going_on: Callable[[], None] = lambda: None
) -> Outline:
    """The outline of a stereo recording: a WAV file as `voice_codecs.wav.Writer` leaves it, or Opus
    as `voice_codecs.ogg.OpusPages` does, also after a crash and while it grows. Never more than a
    second or a page of it is in memory.

    `going_on` is called about once for each second of it; what it raises ends the work. Raises
    ValueError if the file is no such recording, OSError, and ImportError for Opus where it is not
    installed.
    """
    with Path(path).open("rb") as file:
        is_ogg = file.read(4) == b"OggS"
        file.seek(0)
        rate, frames, chunks = _opus(file) if is_ogg else _wav(file)
        swings = np.zeros((stretches, 2), np.int32)
        at = 0
        for chunk in chunks:
            pairs = np.frombuffer(chunk, "<i2").reshape(-1, 2)[: frames - at]
            if len(pairs):
                _widen(swings, pairs, at, frames)
            at += len(pairs)
            going_on()
    shown = np.round(swings / _FULL_SCALE, 3)
    return Outline(frames * 1000 // rate, shown[:, 0].tolist(), shown[:, 1].tolist())


def _widen(swings: NDArray[np.int32], pairs: NDArray[np.int16], at: int, frames: int) -> None:
    """Take in the samples that begin at frame `at` of `frames`."""
    # Stretch k ends where k + 1 of them do, rounded down: so the last frame of none is left out.
    stretch = ((np.arange(at, at + len(pairs)) + 1) * len(swings) - 1) // frames
    first = np.flatnonzero(np.diff(stretch, prepend=-1))
    loud = np.maximum.reduceat(np.abs(pairs.astype(np.int32)), first)
    met = stretch[first]
    swings[met] = np.maximum(swings[met], loud)


def _wav(file: BinaryIO) -> tuple[int, int, Iterator[bytes]]:
    rate = _rate(file.read(_HEADER.size))
    frames = (os.fstat(file.fileno()).st_size - _HEADER.size) // 4

    def chunks() -> Iterator[bytes]:
        while len(content := file.read(4 * _CHUNK)) >= 4:
            yield content[: len(content) // 4 * 4]

    return rate, frames, chunks()


def _opus(file: BinaryIO) -> tuple[int, int, Iterator[bytes]]:
    pages = read_pages(file)
    if (first := next(pages, None)) is None:
        raise ValueError("the file ends before it says what it is")
    head = opus_head(first)
    if head.channels != 2:
        raise ValueError("not a stereo recording")
    end = max((page.granule for page in pages), default=0)
    frames = max(0, end - head.pre_skip) * _OPUS_RATE // CLOCK
    skipped = 4 * (head.pre_skip * _OPUS_RATE // CLOCK)
    decoder = OpusDecoder(_OPUS_RATE, channels=2)

    def chunks() -> Iterator[bytes]:
        file.seek(0)
        waiting, drop = b"", skipped
        for number, page in enumerate(read_pages(file)):
            if number < 2:
                continue  # What the stream is, and who wrote it.
            pcm = b"".join(map(decoder.decode, page.packets))
            waiting += pcm[drop:]
            drop = max(0, drop - len(pcm))
            if len(waiting) >= 4 * _CHUNK:
                yield waiting
                waiting = b""
        yield waiting

    return _OPUS_RATE, frames, chunks()


def _rate(header: bytes) -> int:
    if len(header) == _HEADER.size:
        riff, _, wave, fmt, _, code, channels, rate, _, _, bits, data, _ = _HEADER.unpack(header)
        known = (riff, wave, fmt, data) == (b"RIFF", b"WAVE", b"fmt ", b"data")
        if known and (code, bits) == _PCM16 and channels == 2 and rate > 0:
            return int(rate)
    raise ValueError("not a stereo WAV file of PCM16 with its samples right behind the header")
