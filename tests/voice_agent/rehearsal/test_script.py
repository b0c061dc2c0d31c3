"""Scripts of dialogues, as files."""

from pathlib import Path

import pytest

from voice_agent.rehearsal.script import ScriptError, Turn, read_script


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dialogues = 3", "Expected `array`"),
        ("[[dialogues]]\nname = 'x'\nturns = [{ user = 'a', replies = 'b' }]", "unknown field"),
        ("[[dialogues]]\nname = 'x'\nturns = [{ user = 'a', reply = '(' }]", "no regular expr"),
        ("dialogues =", "Invalid value"),
    ],
)
def test_a_script_that_is_wrong_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "script.toml"
    path.write_text(text)
    with pytest.raises(ScriptError, match=says):
        read_script(path)


def test_a_script_may_be_json(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text('{"dialogues": [{"name": "x", "turns": [{"user": "Hi"}]}]} // all')
    assert read_script(path).dialogues[0].turns == (Turn("Hi"),)
