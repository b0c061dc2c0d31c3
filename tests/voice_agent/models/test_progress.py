"""Progress is bars for people and lines for logs."""

import io

from voice_agent.models.progress import shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_logs_get_a_line_per_quarter() -> None:
    out = io.StringIO()
    with shown(out) as progress:
        for done in range(0, 101, 5):
            progress.advance("weights", done * 1_000_000, 100_000_000)
        progress.note("Done.")
    lines = out.getvalue().splitlines()
    assert lines[0] == "weights: 0.0 of 100.0 MB"
    assert lines[-2:] == ["weights: 100.0 of 100.0 MB", "Done."]
    assert len(lines) == 6


def test_people_get_bars() -> None:
    out = Terminal()
    with shown(out) as progress:
        progress.advance("weights", 50, 100)
        progress.note("[not markup]")
        progress.advance("weights", 100, 100)
    assert "weights" in out.getvalue()
    assert "[not markup]" in out.getvalue()
