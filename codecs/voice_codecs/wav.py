"""WAV files (RIFF, Microsoft multimedia standards update of 1994): read as mono PCM16, written as
such.

The standard library's `wave` reads PCM only; prompts and recordings of phones are often G.711.
"""

import struct
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from voice_codecs import g711

_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_HEADER_BYTES = 44
_MAX_DATA_BYTES = 2**32 - _HEADER_BYTES


def read(source: str | PathLike[str] | bytes) -> tuple[bytes, int]:
    """PCM16 mono samples and their rate, of a file's path or of its content.

    Takes PCM of 8, 16, 24 and 32 bits, 32-bit float, mu-law and A-law; stereo is mixed down. A data
    chunk that claims more than there is (a stream, a crash) is read as far as it goes. Raises
    ValueError naming what is wrong with the file, and OSError if the path cannot be read.
    """
    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    layout, data = _chunks(content)
    data = data[: len(data) - len(data) % (layout.sample_width * layout.channels)]
    samples = _pcm16(layout, data)
    if layout.channels == 2:
        samples = (samples[0::2].astype(np.int32) + samples[1::2]) // 2
    return samples.astype("<i2").tobytes(), layout.rate


class Writer:
    """A WAV file of PCM16, mono or stereo interleaved, that grows.

    The header is made good about once a second of audio, so that a crash leaves a playable file
    that lacks at most its last second. `close` completes it. Give a path, or a seekable binary file
    that stays the caller's to close.
    """

    __slots__ = ("_channels", "_file", "_kept", "_owned", "_rate", "_size", "_stale")

    def __init__(
        self, target: str | PathLike[str] | BinaryIO, rate: int, channels: int = 1
    ) -> None:
        if channels not in (1, 2):
            raise ValueError(f"a WAV file here has 1 or 2 channels, not {channels}")
        self._rate = rate
        self._channels = channels
        self._size = 0
        self._stale = 0
        """Bytes written that the header does not count yet."""
        self._owned = isinstance(target, str | PathLike)
        self._file: BinaryIO = open(target, "wb") if isinstance(target, str | PathLike) else target
        self._sync()

    def write(self, pcm: bytes) -> None:
        """Appends whole sample frames; a torn one, or more than 4 GiB in all, raises ValueError."""
        if len(pcm) % (2 * self._channels):
            raise ValueError(f"{len(pcm)} bytes are no whole frames of {self._channels} channel(s)")
        if self._size + len(pcm) > _MAX_DATA_BYTES:
            raise ValueError("a WAV file holds less than 4 GiB")
        self._file.write(pcm)
        self._size += len(pcm)
        self._stale += len(pcm)
        if self._stale >= 2 * self._channels * self._rate:
            self._sync()

    def close(self) -> None:
        """Completes the header. Closes the file if this writer opened it."""
        self._sync()
        if self._owned:
            self._file.close()

    def _sync(self) -> None:
        self._file.seek(0)
        self._file.write(_header(self._rate, self._channels, self._size))
        self._file.seek(_HEADER_BYTES + self._size)
        self._file.flush()
        self._stale = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def stereo(left: bytes, right: bytes) -> bytes:
    """Two mono PCM16 streams interleaved, the shorter one followed by silence."""
    frames = np.zeros((max(len(left), len(right)) // 2, 2), "<i2")
    for channel, pcm in enumerate((left, right)):
        samples = np.frombuffer(pcm, "<i2")
        frames[: len(samples), channel] = samples
    return frames.tobytes()


class _Layout(NamedTuple):
    code: int
    channels: int
    rate: int
    bits: int

    @property
    def sample_width(self) -> int:
        return self.bits // 8


def _header(rate: int, channels: int, data_bytes: int) -> bytes:
    width = 2 * channels
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", _HEADER_BYTES - 8 + data_bytes, b"WAVE"),
        *(b"fmt ", 16, _PCM, channels, rate, rate * width, width, 16),
        *(b"data", data_bytes),
    )


def _chunks(content: bytes) -> tuple[_Layout, bytes]:
    """The format and the samples, out of whatever other chunks a file carries."""
    if len(content) < 12 or content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ValueError("not a WAV file: no RIFF/WAVE header")
    layout: _Layout | None = None
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        body = content[at + 8 : at + 8 + size]
        if name == b"fmt ":
            layout = _layout(body)
        elif name == b"data":
            if layout is None:
                raise ValueError("WAV file without a fmt chunk before its data")
            # Programs that write to a pipe cannot know the size: some leave 0, others the largest.
            return layout, body or content[at + 8 :]
        at += 8 + size + size % 2  # chunks start at even offsets
    raise ValueError(f"WAV file without a {'fmt' if layout is None else 'data'} chunk")


def _layout(body: bytes) -> _Layout:
    if len(body) < 16:
        raise ValueError(f"WAV fmt chunk of {len(body)} bytes, needs 16")
    code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if code == _EXTENSIBLE:
        if len(body) < 40:
            raise ValueError(f"WAV extensible fmt chunk of {len(body)} bytes, needs 40")
        (code,) = struct.unpack_from(
            "<H", body, 24
        )  # the sub-format's GUID starts with the old code
    if channels not in (1, 2):
        raise ValueError(f"WAV file of {channels} channels, only mono and stereo are read")
    if rate == 0:
        raise ValueError("WAV file with a sample rate of 0")
    widths = {_PCM: (8, 16, 24, 32), _FLOAT: (32,), _ALAW: (8,), _MULAW: (8,)}
    if code not in widths:
        raise ValueError(f"WAV format {code:#06x} is not PCM, float, A-law or mu-law")
    if bits not in widths[code]:
        raise ValueError(f"WAV format {code:#06x} with {bits} bits per sample is not read")
    return _Layout(code, channels, rate, bits)


def _pcm16(layout: _Layout, data: bytes) -> NDArray[np.int16]:
    """Interleaved samples as they are, reduced to their upper 16 bits."""
    match layout.code, layout.bits:
        case (code, _) if code == _MULAW:
            samples = np.frombuffer(g711.mulaw_to_pcm(data), "<i2")
        case (code, _) if code == _ALAW:
            samples = np.frombuffer(g711.alaw_to_pcm(data), "<i2")
        case (code, _) if code == _FLOAT:
            values = np.nan_to_num(np.frombuffer(data, "<f4"), nan=0.0, posinf=1.0, neginf=-1.0)
            samples = np.clip(np.rint(values * 32768.0), -32768, 32767).astype("<i2")
        case (_, 8):  # the one unsigned width
            samples = (np.frombuffer(data, np.uint8).astype("<i2") - 128) * 256
        case (_, 16):
            samples = np.frombuffer(data, "<i2")
        case (_, 24):
            upper = np.frombuffer(data, np.uint8).reshape(-1, 3)[:, 1:]
            samples = np.ascontiguousarray(upper).view("<i2").ravel()
        case _:
            samples = np.frombuffer(data, "<i4") >> 16
    return samples.astype(np.int16)
