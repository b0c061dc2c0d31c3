"""The pure half of the benchmark of calls: its microphones, and its tables."""

import pytest

from bench.figures import spread
from bench.page import FRAME_BYTES
from bench.webrtc import Held, Result, show, talks


def test_pages_talk_a_second_of_five_and_not_all_at_once() -> None:
    heard = [[frame() for _ in range(250)] for frame in map(talks, range(3))]
    for frames in heard:
        sound = [frame for frame in frames if frame is not None]
        assert len(sound) == 50 and all(len(frame) == FRAME_BYTES for frame in sound)
    assert len({frames.index(None) for frames in heard}) == 3


def test_the_tables_tell_what_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    held = Held(12, 49.4, 0.58, 0.03, 0.9, 600, 6, spread([0.0, 2.0]), 0.998)
    show(Result([held], (24, 25.2, 0.6), spread([54.0, 55.0]), None))
    out = capsys.readouterr().out
    assert "Chromium" not in out
    for told in ("≤ 80", "58%", "1.00%", "99.8%", "24 calls: 25 CPU ms, 60% of the core"):
        assert told in out
