"""One table of keywords for what is understood, linted and completed."""

from pathlib import Path

import pytest

from voice_agent.personas.keywords import TABLE, Keyword
from voice_agent.personas.template_parser import parse

_DOCS = Path(__file__).parents[3] / "docs" / "personas.md"


def within(keyword: Keyword) -> str:
    match keyword.place:
        case "scenarios":
            return f"{{{{#each scenarios}}}}{keyword.text}{{{{/each}}}}"
        case "sayings":
            inner = f"{{{{#each userSays}}}}{keyword.text}{{{{/each}}}}"
            return f"{{{{#each scenarios}}}}{inner}{{{{/each}}}}"
        case _:
            return keyword.text


@pytest.mark.parametrize("keyword", TABLE, ids=lambda each: each.name)
def test_what_is_suggested_is_understood(keyword: Keyword) -> None:
    assert parse(within(keyword)).findings == ()
    assert (parse(keyword.text).findings != ()) == (keyword.place in ("scenarios", "sayings"))


def test_the_documentation_has_them_all() -> None:
    page = _DOCS.read_text("utf-8")
    assert [each.name for each in TABLE if each.name not in page] == []


def test_an_unknown_keyword_is_told_which_there_are() -> None:
    (finding,) = parse("{{no keyword!}}").findings
    for each in TABLE:
        assert (each.text in finding.message) == (each.place in ("anywhere", "prompt"))
