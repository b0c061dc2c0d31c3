"""``voice-agent persona``"""

import json
from pathlib import Path

import pytest

from voice_agent.cli import main
from voice_agent.settings import data_directory

PERSONAS = data_directory() / "personas"


def code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["persona", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_lint_says_where_and_how_to_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.toml"
    path.write_text("name = 'A'\nprompt = 'You {{detials.name}}'")
    assert code("lint", str(path)) == 1
    told = capsys.readouterr().out
    assert f"{path}: prompt:1:5: error: There is no keyword" in told
    assert "did you mean details?" in told
    assert "1 error, no warnings, prompt of about 5 tokens (green)." in told


def test_lint_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert code("lint", str(PERSONAS / "appointments.toml"), "--json") == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert report["findings"] == []
    assert report["level"] == "green"
