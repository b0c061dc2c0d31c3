"""The figures of recorded calls."""

from pathlib import Path

import pytest

from voice_agent.calls.journal_file import load
from voice_agent.telemetry.figures import CallFigures, figures

JOURNALS = Path(__file__).parents[2] / "journals"


def recorded(name: str) -> CallFigures:
    return figures(load(JOURNALS / f"{name}.jsonl"))


def test_a_recorded_call() -> None:
    call = recorded("normal")
    assert call.reason == "goodbye" and call.interruptions == 0
    assert [turn.is_answer for turn in call.turns] == [False, True, True, True]
    assert len(call.first_audio_ms) == len(call.answers) == 3
    assert call.usage.requests == 3 and call.usage.counted == 0
    assert call.usage.listened_ms == call.duration_ms
    said = "".join(turn.agent_text.replace(" ", "") for turn in call.answers)
    assert 0 <= call.usage.characters - len(said) < 20, "the greeting was known"


def test_an_interrupted_call() -> None:
    assert recorded("barge_in").interruptions == 1


@pytest.mark.parametrize("name", ["normal", "barge_in", "llm_killed"])
def test_the_waterfall_of_every_turn_holds_together(name: str) -> None:
    """No stage ends before it begins, and none but the drafts' begins before the caller paused."""
    for turn in recorded(name).turns:
        assert all(stage.took_ms >= 0 for stage in turn.stages)
        by_name = {stage.name: stage for stage in turn.stages}
        if "sending" in by_name and "tts_first_byte" in by_name:
            assert by_name["sending"].start >= by_name["tts_first_byte"].end
        if "heard" in by_name:
            assert by_name["heard"].start == by_name["sending"].end
