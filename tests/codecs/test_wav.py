import io
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_codecs import g711, wav


def riff(
    code: int, bits: int, data: bytes, channels: int = 1, rate: int = 8000, extra: bytes = b""
) -> bytes:
    """A file with a chunk of odd length before its data, as editors write them."""
    width = channels * bits // 8
    layout = struct.pack("<HHIIHH", code, channels, rate, rate * width, width, bits) + extra
    chunks = struct.pack("<4sI", b"fmt ", len(layout)) + layout
    chunks += struct.pack("<4sI", b"LIST", 3) + b"abc\0"
    chunks += struct.pack("<4sI", b"data", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def values(content: bytes) -> list[int]:
    pcm, _ = wav.read(content)
    samples: list[int] = np.frombuffer(pcm, "<i2").tolist()
    return samples


def test_every_width_of_pcm() -> None:
    assert values(riff(1, 8, bytes([0, 128, 255]))) == [-32768, 0, 32512]
    assert values(riff(1, 16, struct.pack("<3h", -32768, 1, 32767))) == [-32768, 1, 32767]
    assert values(riff(1, 24, b"\xff\x01\x00\x00\x00\x80")) == [1, -32768]
    assert values(riff(1, 32, struct.pack("<2i", 65536, -(2**31)))) == [1, -32768]


def test_float() -> None:
    data = struct.pack("<6f", 0.0, 0.5, -1.0, 1.5, float("nan"), float("-inf"))
    assert values(riff(3, 32, data)) == [0, 16384, -32768, 32767, 0, -32768]


def test_g711() -> None:
    audio = bytes(range(256))
    assert wav.read(riff(7, 8, audio)) == (g711.mulaw_to_pcm(audio), 8000)
    assert wav.read(riff(6, 8, audio)) == (g711.alaw_to_pcm(audio), 8000)


def test_extensible_carries_the_code_in_its_guid() -> None:
    extra = struct.pack("<HHIH", 22, 16, 4, 1) + bytes(14)
    assert values(riff(0xFFFE, 16, struct.pack("<h", 5), extra=extra)) == [5]


def test_stereo_is_mixed_down() -> None:
    data = struct.pack("<6h", 100, 200, -32768, -32768, 32767, 32767)
    assert values(riff(1, 16, data, channels=2)) == [150, -32768, 32767]


def test_a_truncated_or_streamed_file_is_read_as_far_as_it_goes() -> None:
    content = riff(1, 16, struct.pack("<4h", 1, 2, 3, 4))
    assert values(content[:-3]) == [1, 2]
    unknown = content[:-12] + struct.pack("<I", 0) + content[-8:]
    assert values(unknown) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no RIFF/WAVE header"),
        (b"ID3\x04" + bytes(40), "no RIFF/WAVE header"),
        (b"RIFF\0\0\0\0WAVE", "without a fmt chunk"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "without a fmt chunk before its data"),
        (b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0abcd", "fmt chunk of 4 bytes"),
        (riff(1, 16, b"", channels=6), "6 channels"),
        (riff(1, 16, b"", rate=0), "sample rate of 0"),
        (riff(2, 4, b""), "0x0002 is not"),
        (riff(1, 12, b""), "12 bits"),
        (riff(3, 64, b""), "64 bits"),
        (riff(0xFFFE, 16, b""), "extensible fmt chunk of 16 bytes"),
        (riff(1, 16, b"")[:-8], "without a data chunk"),
    ],
)
def test_bad_files_are_named(content: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        wav.read(content)


@given(st.binary(max_size=200), st.integers(0, 60))
def test_any_bytes_are_read_or_refused(noise: bytes, keep: int) -> None:
    for content in (noise, riff(1, 16, bytes(8))[:keep] + noise):
        try:
            pcm, rate = wav.read(content)
        except ValueError:
            continue
        assert rate > 0
        assert len(pcm) % 2 == 0


@given(st.lists(st.binary(max_size=100).map(lambda data: data[: len(data) // 2 * 2])))
def test_what_is_written_is_read(pieces: list[bytes]) -> None:
    file = io.BytesIO()
    with wav.Writer(file, 8000) as writer:
        for piece in pieces:
            writer.write(piece)
    assert wav.read(file.getvalue()) == (b"".join(pieces), 8000)


def test_the_standard_library_reads_a_stereo_file(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    left, right = struct.pack("<2h", 1, 2), struct.pack("<3h", 7, 8, 9)
    with wav.Writer(path, 16000, channels=2) as writer:
        writer.write(wav.stereo(left, right))
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 16000, 3)
        assert struct.unpack("<6h", file.readframes(3)) == (1, 7, 2, 8, 0, 9)
    assert wav.read(path)[1] == 16000


def test_a_crash_leaves_all_but_the_last_second(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    writer = wav.Writer(path, 8000)
    assert wav.read(path) == (b"", 8000)
    for _ in range(125):
        writer.write(b"\x01\x02" * 160)
    with wave.open(str(path)) as file:
        assert file.getnframes() == 16000
    writer.close()
    assert len(wav.read(path)[0]) == 125 * 320


def test_the_writer_refuses_torn_frames() -> None:
    with pytest.raises(ValueError, match="channels"):
        wav.Writer(io.BytesIO(), 8000, channels=3)
    with pytest.raises(ValueError, match="no whole frames of 2"):
        wav.Writer(io.BytesIO(), 8000, channels=2).write(b"\0\0")
