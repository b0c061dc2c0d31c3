"""The tables of S004-38 to S004-42, and the telephone number."""

import pytest

from tests.voice_agent.actions.schemas import document
from voice_agent.actions.schema import load
from voice_agent.actions.validators import Validator, Validators, standard

ACCEPTED: dict[str, list[object]] = {
    "email": ["ann@example.com", "a.b+c@mail.example.co.uk", "o'neil@example.org", "1@2.de"],
    "date": ["02/29/2024", "12/31/1999", "01/01/0001"],
    "time": ["09:05 AM", "12:00 pm", "01:59 Am", "12:59 PM"],
    "datetimeiso": ["2024-05-01T09:30", "2024-02-29T00:00", "1999-12-31T23:59"],
    "phone": ["+14155552671", "+4930901820", "+442079460958"],
    "name": ["Ann", "O'Neil", "Anne-Marie", "José", "van der Berg", "J. Smith"],
    "money": [12, 12.5, 0, "12", "12.50", "0.99"],
}
REFUSED: dict[str, list[object]] = {
    "email": [
        *(
            "",
            "ann",
            "ann@",
            "@example.com",
            "ann@localhost",
            "ann@@example.com",
            "a b@example.com",
        ),
        *("ann@example..com", "ann.@example.com", ".ann@example.com", "ann at example dot com"),
        *("Ann <ann@example.com>", "ann@[127.0.0.1]", "ann@example.com\n", "a" * 300 + "@e.com"),
        *(7, None, ["ann@example.com"], "<email address>"),
    ],
    "date": [
        *("02/30/2024", "02/29/2023", "2/9/24", "13/01/2024", "2024-02-09", "02/09/2024 ", ""),
        *("٠٢/٠٩/٢٠٢٤", "00/10/2024", "01/01/0000", 2092024, None),
    ],
    "time": ["13:00 PM", "9:5 AM", "00:10 AM", "09:60 AM", "09:05", "09:05AM", "9:05 AM", 905, ""],
    "datetimeiso": [
        *("2024-05-01T09:30:00", "2024-05-01T09:30Z", "2024-05-01T09:30+02:00", "2024-05-01"),
        *("2024-05-01 09:30", "2024-02-30T09:30", "2024-05-01T24:00", "2024-05-01T09:60", None, 7),
    ],
    "phone": [
        *("4155552671", "+1 415 555 2671", "+1", "911", "+999123456789", "+0123456789", ""),
        *("1-800-FLOWERS", "+14155552671\n", 14155552671, None),
    ],
    "name": ["", "R2D2", "ann@example.com", "  ", "A--B--", "x" * 400, 7],
    "money": [-1, 12.345, "12.345", "1,000", "$5", True, None, float("inf"), float("nan")],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in ACCEPTED.items() for v in vs])
def test_what_a_validator_accepts(name: str, value: object) -> None:
    """S004-38, S004-39, S004-40, S004-41"""
    validator = standard().get(name)
    assert validator is not None
    assert validator.accepts(value)


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in REFUSED.items() for v in vs])
def test_what_a_validator_refuses(name: str, value: object) -> None:
    """S004-38, S004-39, S004-40, S004-41"""
    validator = standard().get(name)
    assert validator is not None
    assert not validator.accepts(value)


@pytest.mark.parametrize(
    ("written", "is_called"),
    [
        ("date (MM/dd/yyy)", "date"),
        ("date (MM/dd/yyyy)", "date"),
        ("time (hh:mm aa)", "time"),
        ("Email", "email"),
        (" datetimeiso ", "datetimeiso"),
    ],
)
def test_the_forms_of_the_documentation_are_known(written: str, is_called: str) -> None:
    """S004-39, S004-40"""
    validator = standard().get(written)
    assert validator is not None and validator.name == is_called


def test_a_validator_is_added_in_one_place() -> None:
    """S004-42"""
    validators = standard()
    validators.add(Validator("even", "an even number", lambda value: value in (2, 4)))
    schema = document(pick={"_validators": {"n": "even"}})
    action = load(schema, validators).by_name["pick"]
    assert action.validators["n"].accepts(4)
    assert not action.validators["n"].accepts(3)


def test_only_values_that_are_often_misheard_are_read_back() -> None:
    misheard = {name for name in standard().names() if (v := standard().get(name)) and v.read_back}
    assert misheard == {"email", "phone", "name", "money"}


def test_a_misspelled_name_has_a_suggestion() -> None:
    assert standard().suggestion("e-mail") == "email"
    assert standard().suggestion("date_time_iso") == "datetimeiso"
    assert Validators().suggestion("email") == ""
