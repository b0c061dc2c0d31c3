"""The pure half of timing sound: bursts, their echo, and which one was heard when."""

from pathlib import Path

import numpy as np
import pytest

from bench.page import FRAME_BYTES
from bench.round_trip import Ear, Echo, Mouth, bursts, from_mouth_to_ear
from voice_codecs import wav

SILENCE = bytes(FRAME_BYTES)


def test_what_is_spoken_is_heard_when_it_comes() -> None:
    """60 ms later, over three seconds."""
    mouth, ear = Mouth(), Ear()
    on_its_way = [SILENCE] * 3
    for beat in range(150):
        now = beat * 0.02
        on_its_way.append(mouth.frame(now) or SILENCE)
        ear.hear(on_its_way.pop(0), now)
    assert mouth.spoke == pytest.approx([0, 1, 2])
    assert ear.heard == pytest.approx([0.06, 1.06, 2.06], abs=0.001)


def test_each_burst_is_paired_with_its_own_echo() -> None:
    said, came = 0, 1
    lost = [(said, 0.0), (came, 70.0), (said, 1000.0), (said, 2000.0), (came, 2090.0)]
    assert from_mouth_to_ear(lost) == [70, 90]
    assert from_mouth_to_ear([(came, 5.0), (said, 10.0)]) == []


def test_an_echo_never_falls_behind() -> None:
    echo = Echo()
    assert echo.frame() is None
    for number in range(1, 6):
        echo.hear(bytes([number]) * FRAME_BYTES)
    assert [echo.frame(), echo.frame(), echo.frame()] == [
        b"\4" * FRAME_BYTES,
        b"\5" * FRAME_BYTES,
        None,
    ]
    echo.hear(b"\1\1")
    assert echo.frame() == b"\1\1".ljust(FRAME_BYTES, b"\0")


def test_a_file_has_a_burst_every_second(tmp_path: Path) -> None:
    bursts(tmp_path / "bursts.wav", 2.0)
    pcm, rate = wav.read(tmp_path / "bursts.wav")
    loud = np.abs(np.frombuffer(pcm, "<i2").astype(int)).reshape(-1, rate // 10).max(axis=1) > 3000
    assert list(loud) == [True, True, *[False] * 8] * 2
