"""``voice-agent report``: files and folders in, a table, JSON or a page out."""

import json
from pathlib import Path

import pytest

from tests.voice_agent.cli.test_commands import Cli

JOURNALS = Path(__file__).parents[2] / "journals"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


def test_a_folder_as_a_table(cli: Cli) -> None:
    outcome = cli("report", str(JOURNALS))
    assert outcome.code == 0 and not outcome.err
    assert outcome.out.count("words (not heard in brackets)") == 3
    assert "First audio" in outcome.out and "cost" not in outcome.out


def test_json_with_prices(cli: Cli) -> None:
    file = JOURNALS / "normal.jsonl"
    outcome = cli("report", str(file), str(file), "--json", "--set", "prices.tts=1.5")
    [call] = outcome.json["calls"]
    assert call["file"] == str(file), "a file that is named twice is one call"
    assert call["cost"]["tts"] == pytest.approx(call["usage"]["characters"] * 0.0015)


def test_a_page(cli: Cli, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    outcome = cli("report", str(JOURNALS), "--html", str(page))
    assert outcome.code == 0 and not outcome.out
    assert page.read_text("utf-8").rstrip().endswith("</html>")
    both = cli("report", str(JOURNALS), "--html", str(page), "--json")
    assert len(json.loads(both.out)["calls"]) == 3


def test_what_cannot_be_read_is_named_and_the_rest_is_shown(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "good.jsonl").write_bytes((JOURNALS / "normal.jsonl").read_bytes())
    (tmp_path / "bad.jsonl").write_bytes(b"\xff\xfe no journal\n")
    outcome = cli("report", str(tmp_path))
    assert outcome.code == 1 and "3 answers" in outcome.out
    [sentence] = outcome.err.splitlines()
    assert str(tmp_path / "bad.jsonl") in sentence and "Line 1" in sentence


@pytest.mark.parametrize("name", ["missing.jsonl", "empty"])
def test_nothing_to_report(cli: Cli, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    outcome = cli("report", str(tmp_path / name))
    assert outcome.code == 1 and not outcome.out
    assert str(tmp_path / name) in outcome.err and len(outcome.err.splitlines()) == 1


def test_a_page_that_cannot_be_written(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("report", str(JOURNALS), "--html", str(tmp_path / "no" / "report.html"))
    assert outcome.code == 1 and "cannot be written" in outcome.err
