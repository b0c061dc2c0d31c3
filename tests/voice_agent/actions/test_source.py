"""Schema texts: what is tolerated and what is refused."""

import pytest

from voice_agent.actions.source import NotADocument, NotJson, parse, parse_value


def test_comments_and_trailing_commas_are_tolerated() -> None:
    """S004-56"""
    text = '{"a": "http://x/*no*/", // said\n /* and */ "b": [1, 2,],}'
    assert parse(text) == {"a": "http://x/*no*/", "b": [1, 2]}


def test_typographic_quotes_of_a_copied_text() -> None:
    """S004-70"""
    assert parse("{“type”: “object”}") == {"type": "object"}


def test_typographic_quotes_inside_a_text_are_kept() -> None:
    assert parse('{"a": "say “yes”"}') == {"a": "say “yes”"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": 1, "a": 2}', "'a' comes twice"),
        ('{"a": {"b": 1, "b": 1}}', "'b' comes twice"),
        ('{"a": NaN}', "NaN"),
        ('{"a": -Infinity}', "-Infinity"),
        ('{"a": 1e999}', "infinite"),
        ('{"a": "\\ud800"}', "cannot be stored"),
        ('{"a": "\\u0000"}', "cannot be stored"),
        ('{"a": ' + "9" * 5000 + "}", "too long"),
        ('{"a": ' + "[" * 40 + "]" * 40 + "}", "too deeply"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "too deeply"),
        ('{"a": "' + "x" * 500_001 + '"}', "500000 are allowed"),
        ("[1]", "begin it with {"),
        ('{"a": }', "Line 1, column 7"),
        ("", "Expecting value"),
        ("{a: 1}", "Line 1"),
    ],
)
def test_what_is_wrong_or_ambiguous_is_refused(text: str, says: str) -> None:
    with pytest.raises(NotADocument, match=says.replace("{", r"\{")):
        parse(text)


def test_a_value_is_bounded() -> None:
    assert parse_value("[5]", 10) == [5]
    with pytest.raises(NotJson, match="10 are allowed"):
        parse_value('"0123456789"', 10)
    with pytest.raises(NotJson, match="at character 1"):
        parse_value("{nope", 10)
