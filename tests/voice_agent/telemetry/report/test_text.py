"""The table for a terminal."""

from tests.voice_agent.telemetry.report.test_summary import recorded
from voice_agent.sections import PriceSettings
from voice_agent.telemetry.report.text import lines


def test_every_turn_has_a_line_and_what_was_not_heard_is_in_brackets() -> None:
    told = list(lines(recorded(PriceSettings(stt=0.01)), 400))
    text = "\n".join(told)
    assert "[during the week are Sunday closed and Monday closed.]" in text
    assert "1 interruption " in text and "estimated cost" in text
    assert "First audio" in text and "TTS first byte" in text


def test_a_narrow_terminal_gets_short_lines() -> None:
    turns = [line for line in lines(recorded(), 110) if "→" in line]
    assert turns and all(len(line) <= 110 for line in turns)
