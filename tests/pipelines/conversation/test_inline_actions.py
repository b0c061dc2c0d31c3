"""Text and actions in one stream: what is spoken, what is done, what is neither."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voice_pipelines.conversation.inline_actions import LONGEST_ACTION, Call, InlineActions

SAVE = '{"save_email_address": {"email_address": "ann@example.com"}}'
SAVED = ("save_email_address", '{"email_address": "ann@example.com"}')
NAMES = ("save_email_address", "hang_up_call")


def parsed(*deltas: str) -> list[str | Call]:
    """What comes of `deltas`, neighboring texts joined."""
    parser = InlineActions(NAMES)
    pieces = [piece for delta in deltas for piece in parser.push(delta)] + parser.flush()
    joined: list[str | Call] = []
    for piece in pieces:
        if joined and isinstance(piece, str) and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (f"Got it. {SAVE} Anything else?", ["Got it. ", SAVED, " Anything else?"]),
        (SAVE, [SAVED]),
        (f"```json\n{SAVE}\n```\nDone.", [SAVED, "\n", "\nDone."]),
        (f"```\n{SAVE}\n```", [SAVED, "\n"]),
        (f"``` {SAVE}```", [SAVED]),
        (f"`{SAVE}`", ["`", SAVED, "`"]),
        (f"<tool_call>\n{SAVE}\n</tool_call>", ["\n", SAVED, "\n"]),
        (f"{SAVE}{SAVE}", [SAVED, SAVED]),
        (f"{SAVE}\n{SAVE}, {SAVE}", [SAVED, "\n", SAVED, ", ", SAVED]),
        ('{"hang_up_call": "true"}', [("hang_up_call", '"true"')]),
        ('{"press_phone_keys": [ 5 ]}', [("press_phone_keys", "[5]")]),
        ('{"actions": [{"a": {}}, {"b": 1}]}', [("a", "{}"), ("b", "1")]),
        ('[{"a": {}}, {"b": 1}]', [("a", "{}"), ("b", "1")]),
        ('{"a": {"x": 1}, "b": null}', [("a", '{"x": 1}'), ("b", "null")]),
        ('{"a": 1, "a": 2}', [("a", "1"), ("a", "2")]),
        ('{"name": "a", "arguments": {"x": 1}}', [("a", '{"x": 1}')]),
        ('{"name": "a", "parameters": {}}', [("a", "{}")]),
        ('{"name": "a", "arguments": "{\\"x\\": 1}"}', [("a", '{"x": 1}')]),
        ('{"type": "function", "function": {"name": "a", "arguments": {}}}', [("a", "{}")]),
        ('{"name": "Ann"}', [("name", '"Ann"')]),
        (
            '{\n  "a": {\n "text": "two\nlines, } and \\" too"\n}}',
            [("a", '{"text": "two\\nlines, } and \\" too"}')],
        ),
        ('{"a": {"name": "Zoë"}}', [("a", '{"name": "Zoë"}')]),
    ],
)
def test_actions_are_taken_out_of_what_is_spoken(text: str, pieces: list[str | Call]) -> None:
    """S004-22, S004-23"""
    merged: list[str | Call] = []
    for piece in pieces:
        if merged and isinstance(piece, str) and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    assert parsed(text) == merged


@pytest.mark.parametrize(
    "text",
    [
        *("Use {braces} or { not }", "a { b", "{", "[", "[5] and [note]", "a < b", "<b>bold</b>"),
        *("x <", "<tool", "`code`", "``", "```", "```python\nprint(1)\n```", "{note: hi}", "{ "),
        *("{save_email", "[ [1] ]", "{{details.name}}", "f{x}", "[{a}]", "{'", "<{", "```{ok}"),
    ],
)
def test_a_brace_that_begins_no_json_is_spoken(text: str) -> None:
    if text in ("{'", "```{ok}"):
        # A Python object is no text, and a fence before a brace is markup.
        assert "".join(str(piece) for piece in parsed(text)) in ("", "{ok}")
    else:
        assert parsed(text) == [text]


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ('Hm. {"a": oops} Yes.', "Hm.  Yes."),
        ('Hm. {"a": {"b": 1} I have saved it.', "Hm. I have saved it."),
        ('Hm. {"a": {"b": "x', "Hm. "),
        ('Hm. {"a"', "Hm. "),
        ('Hm. {"a": 1,} Yes.', "Hm.  Yes."),
        ("Hm. {'a': {'b': 1}} Yes.", "Hm.  Yes."),
        ('Hm. {save_email_address: {"email_address": "x"}} Yes.', "Hm.  Yes."),
        ('Hm. {"a": tru}', "Hm. "),
        ('Hm. {"a": 01} Yes.', "Hm.  Yes."),
        ('Hm. {"a": NaN} Yes.', "Hm.  Yes."),
        ('Hm. {"a": {"x": 1, "x": 2}} Yes.', "Hm.  Yes."),
        ('Hm. {"a" 1}\n\nYes.', "Hm. \n\nYes."),
        ('Hm. {"a": [1}\n\nYes.', "Hm. Yes."),
        ('Hm. ```json\n{"a": [1}\n``` Yes.', "Hm.  Yes."),
        ('Hm. {"a": {"b": "x" and so on\n\nYes.', "Hm. Yes."),
        ('Hm. [{"a": 1}, 7 Yes', "Hm. "),
        ("Hm. " + '{"a":' * 40 + "1" + "}" * 40 + " Yes.", "Hm.  Yes."),
        ('Hm. {"a": "' + "x" * LONGEST_ACTION + '"} Yes.', "Hm.  Yes."),
    ],
)
def test_malformed_or_unfinished_json_is_never_spoken(text: str, spoken: str) -> None:
    parser = InlineActions(NAMES)
    pieces = [*parser.push(text), *parser.flush()]
    assert [piece for piece in pieces if not isinstance(piece, str)] == []
    assert "".join(piece for piece in pieces if isinstance(piece, str)) == spoken
    assert parser.dropped == 1


def test_an_action_is_known_as_soon_as_its_last_brace_is_there() -> None:
    parser = InlineActions()
    assert parser.push("Let me check. ") == ["Let me check. "]
    assert parser.push(SAVE[:-1]) == []
    assert parser.push("}") == [SAVED]


def test_it_can_be_used_for_the_next_answer_after_a_flush() -> None:
    parser = InlineActions()
    parser.push('```json\n{"a": {')
    parser.flush()
    assert parser.push("Hello ```") == ["Hello "]
    assert parser.flush() == ["```"]
    assert parser.push(SAVE) == [SAVED]


PARTS = st.sampled_from(
    [
        *("Hello there. ", "{", "}", "[", "]", '"', "'", "`", "```", "```json\n", "<", ">", "\n\n"),
        *("<tool_call>", "</tool_call>", ":", ",", " ", "\\", "save_email_address", "a", "1", "é"),
        *(SAVE, '{"a": {"b": [1, true, null, "x\\"y"]}}', '{"actions": [', '{"a": ', "{save"),
    ]
)
SCRIPTS = st.lists(PARTS, max_size=12).map("".join)


@given(SCRIPTS, st.lists(st.integers(0, 400), max_size=8))
@example("<{" + SAVE, [1, 2])
@example('```json\n{"a": [1}\n``` Yes.', [1])
def test_how_the_stream_is_cut_does_not_matter(text: str, cuts: list[int]) -> None:
    bounds = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    deltas = [text[a:b] for a, b in zip(bounds, bounds[1:], strict=False)]
    assert parsed(*deltas) == parsed(text) == parsed(*text)


@given(st.lists(st.text(st.characters(exclude_characters="{[`<"), min_size=1)))
def test_text_without_braces_passes_at_once(deltas: list[str]) -> None:
    parser = InlineActions(NAMES)
    assert [parser.push(delta) for delta in deltas] == [[delta] for delta in deltas]
    assert parser.flush() == []


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.text("abc_", min_size=1), JSON_VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_every_action_arrives_as_it_was_written(
    name: str, arguments: Any, escaped: bool, indent: int | None
) -> None:
    text = json.dumps({name: arguments}, ensure_ascii=escaped, indent=indent)
    before, call, after = parsed(f"Well, {text} so.")
    assert (before, call[0], after) == ("Well, ", name, " so.")
    assert json.loads(call[1]) == arguments
