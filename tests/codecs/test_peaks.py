import struct
from pathlib import Path

import numpy as np
import pytest

from voice_codecs import wav
from voice_codecs.peaks import outline


def recorded(path: Path, left: list[int], right: list[int]) -> Path:
    with wav.Writer(path, 8000, channels=2) as writer:
        writer.write(wav.stereo(*(np.array(each, "<i2").tobytes() for each in (left, right))))
    return path


def test_each_stretch_has_its_largest_swing(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.wav", [0, -32768, 100, 0] * 8, [16384, 0, 0, -8192] * 8)
    drawn = outline(path, 2)
    assert drawn == (4, [1.0, 1.0], [0.5, 0.5])
    assert outline(path, 16).right == [0.5, 0.25] * 8


def test_there_may_be_more_stretches_than_samples(tmp_path: Path) -> None:
    drawn = outline(recorded(tmp_path / "a.wav", [16384] * 3, [0] * 3), 10)
    assert len(drawn.left) == 10 and sum(drawn.left) == 1.5
    assert outline(recorded(tmp_path / "b.wav", [], []), 3) == (0, [0.0] * 3, [0.0] * 3)


def test_a_recording_that_still_grows_is_drawn_as_far_as_it_goes(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.wav", [32767] * 800, [0] * 800)
    content = bytearray(path.read_bytes())
    content[40:44] = struct.pack("<I", 0)  # As a crash leaves it.
    path.write_bytes(bytes(content) + b"\0\0\0")  # And a torn frame.
    assert outline(path, 1) == (100, [1.0], [0.0])


@pytest.mark.parametrize("content", [b"", b"RIFF", b"x" * 100])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ValueError, match="not a stereo WAV"):
        outline(tmp_path / "a.wav", 10)
    with wav.Writer(tmp_path / "mono.wav", 8000) as writer:
        writer.write(bytes(100))
    with pytest.raises(ValueError, match="not a stereo WAV"):
        outline(tmp_path / "mono.wav", 10)
