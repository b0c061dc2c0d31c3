"""Every journal in `tests/journals` replays to the commands that it records."""

from pathlib import Path

import pytest

from voice_pipelines.conversation.journal import Journal, first_difference, read

JOURNALS = sorted((Path(__file__).parents[2] / "journals").glob("*.jsonl"))


def load(path: Path) -> Journal:
    with path.open("rb") as file:
        return read(file)


def test_there_are_some() -> None:
    assert len(JOURNALS) >= 3


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.stem)
def test_a_recorded_call_replays(path: Path) -> None:
    journal = load(path)
    assert first_difference(journal) is None
    assert sum(1 for _ in journal.commands()) > 10
