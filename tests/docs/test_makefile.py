"""What `make test` runs is all that there is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def marked(mark: str, text: str) -> bool:
    return re.search(rf"\bmark\.{mark}\b", text) is not None


@pytest.mark.parametrize("mark", ["alone", "browser", "models"])
def test_the_tests_of_a_mark_lie_where_they_are_looked_for(mark: str) -> None:
    (given,) = re.findall(rf"-m {mark} (tests/.*)", MAKEFILE)
    folders = [ROOT / folder for folder in given.split()]
    elsewhere = []
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text("utf-8")
        # What needs a browser as well runs with the browser tests.
        if marked(mark, text) and (mark == "browser" or not marked("browser", text)):
            elsewhere += [] if any(map(path.is_relative_to, folders)) else [path]
    assert elsewhere == []


def test_all_that_is_left_out_elsewhere_is_in_the_browser_tests() -> None:
    assert "--ignore tests/browser" in MAKEFILE
    for path in (ROOT / "tests" / "browser").glob("test_*.py"):
        assert marked("browser", path.read_text("utf-8")), path
