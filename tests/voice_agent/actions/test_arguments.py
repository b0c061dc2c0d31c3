"""The arguments that language models write: taken, or refused in a sentence."""

from typing import Any

import pytest

from tests.voice_agent.actions.schemas import only
from voice_agent.actions.arguments import Unusable, reader

OBJECT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "n": {"type": "number", "minimum": 5},
        "color": {"enum": ["red", "blue"]},
        "code": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "mail": {},
        "inner": {"type": "object", "required": ["x"]},
    },
    "required": ["n"],
    "_validators": {"mail": "email", "inner.when": "datetimeiso"},
}


@pytest.mark.parametrize(
    "text",
    [
        '{"n": 5}',
        '{"n": 5.5, "color": "red", "code": "ABC", "tags": ["a"], "mail": "a@b.de"}',
        '{"n": 5, "inner": {"x": 1, "when": "2024-05-01T09:30"}, "extra": null}',
    ],
)
def test_what_is_taken(text: str) -> None:
    """S004-34, S004-37"""
    assert reader(only(act=OBJECT))(text)["n"] >= 5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "n is missing: ask the caller for it"),
        ("{}", "n is missing: ask the caller for it"),
        ('{"n": "5"}', "n must be of type number"),
        ('{"n": 4}', "n: 4 is less than the minimum of 5"),
        ('{"n": 5, "color": "green"}', "color must be one of: red, blue"),
        ('{"n": 5, "code": "abc"}', "code must match ^[A-Z]{3}$"),
        ('{"n": 5, "tags": [1]}', "tags.0 must be of type string"),
        ('{"n": 5, "inner": {}}', "inner.x is missing: ask the caller for it"),
        ('{"n": 5, "mail": "ann"}', "mail must be an e-mail address such as ann@example.com"),
        ('{"n": 5, "mail": ["a@b.de"]}', "mail must be an e-mail address such as ann@example.com"),
        (
            '{"n": 5, "inner": {"x": 1, "when": "now"}}',
            "inner.when must be a date and time written",
        ),
        ('"text"', "must be of type object"),
        ("{n: 5}", "the arguments are no usable JSON"),
        ('{"n": 5, "n": 6}', "comes twice"),
        ('{"n": NaN}', "NaN is no JSON value"),
        ('{"n": 1e999}', "infinite"),
        ('{"x": "' + "y" * 20_000 + '"}', "16384 are allowed"),
        ("[" * 10_000, "nested too deeply"),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    """S004-31, S004-34, S004-35, S004-36, S004-37, S004-66"""
    with pytest.raises(Unusable) as caught:
        reader(only(act=OBJECT))(text)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 200


def test_only_the_first_problems_are_told() -> None:
    given = {"type": "object", "required": ["a", "b", "c", "d"]}
    with pytest.raises(Unusable, match=r"a is missing.*b is.*c is.*; and more"):
        reader(only(act=given))("{}")


def test_a_hostile_pattern_takes_no_time() -> None:
    given = {"type": "object", "properties": {"x": {"pattern": "^(?=a)(a+)+$"}}}
    with pytest.raises(Unusable):
        reader(only(act=given))('{"x": "' + "a" * 16_000 + '!"}')


@pytest.mark.parametrize(
    ("name", "given", "text", "value"),
    [
        ("hang_up_call", "true", '"true"', "true"),
        ("hang_up_call", "true", "{}", "true"),
        ("hang_up_call", "true", "", "true"),
        ("hang_up_call", "true", "true", True),
        ("press_phone_keys", [5], "[5]", [5]),
        ("press_phone_keys", [5], '{"value": [5]}', [5]),
        ("transfer_call_to", "+14155552671", '{"value": "sales"}', "sales"),
        ("transfer_call_to", "+14155552671", '"sales"', "sales"),
        ("paint", "red", '"red"', "red"),
        ("paint", "red", '{"value": "red"}', "red"),
    ],
)
def test_bare_values_come_by_themselves_or_wrapped(
    name: str, given: Any, text: str, value: Any
) -> None:
    """S004-34, S004-64, S004-65"""
    example = {"user says": "Please", "assistant action includes": {name: given}}
    more = {"type": "array"} if isinstance(given, list) else {}
    assert reader(only(**{name: {"_examples": [example], **more}}))(text) == value


@pytest.mark.parametrize("text", ['"ann@example.com"', "[1]", "7", "null"])
def test_what_is_saved_must_have_names(text: str) -> None:
    with pytest.raises(Unusable, match="must be an object"):
        reader(only(save={"_action_type": "update_state", "required": ["mail"]}))(text)
