"""Checks of single values that a schema names in `_validators`: an open registry.

A new one is an entry here, or `Validators.add` at start-up. Where speech recognition often gets
such a value wrong the validator says so, and the dispatch has it read back to the caller.
"""

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from .nearest import nearest

_DATE = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})")
_TIME = re.compile(r"(0[1-9]|1[0-2]):[0-5][0-9] [AaPp][Mm]")
_DATETIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}")
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_NAME = re.compile(r"[^\W\d_]+(?:[ .'’-]{1,2}[^\W\d_]+)*\.?")
_MONEY = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,2})?")
_FORMAT_IN_BRACKETS = re.compile(r"\s*\(.*\)\s*$")
_LONGEST = 320
"""Characters; the longest e-mail address there can be (RFC 3696, erratum 1690)."""


@dataclass(frozen=True, slots=True)
class Validator:
    """One check, by name."""

    name: str
    expects: str
    """What the value must be, as in "it must be …"; the language model is told."""
    accepts: Callable[[object], bool]
    read_back: str = ""
    """How the agent should read such a value to the caller; empty if it is rarely misheard."""


class Validators:
    """Validators by name."""

    def __init__(self, validators: Iterable[Validator] = ()) -> None:
        self._by_name: dict[str, Validator] = {}
        for validator in validators:
            self.add(validator)

    def add(self, validator: Validator) -> None:
        """Have `validator` known from now on; a later one replaces an earlier of its name."""
        self._by_name[_plain(validator.name)] = validator

    def get(self, name: str) -> Validator | None:
        """By name; a format in brackets, as in ``date (MM/dd/yyyy)``, is a reminder for people."""
        return self._by_name.get(_plain(name))

    def names(self) -> list[str]:
        return sorted(self._by_name)

    def suggestion(self, name: str) -> str:
        """The known name that was probably meant, or an empty text."""
        return nearest(_plain(name), self._by_name)


def standard() -> Validators:
    """The validators that every server knows."""
    return Validators(
        [
            Validator(
                "email",
                "an e-mail address such as ann@example.com",
                _is_email,
                "letter by letter before the @, then the domain",
            ),
            Validator("date", "a date written MM/dd/yyyy, such as 02/29/2024", _is_date),
            Validator("time", "a time written hh:mm AM or PM, such as 09:05 AM", _is_time),
            Validator(
                "datetimeiso",
                "a date and time written yyyy-MM-ddTHH:mm, such as 2024-05-01T09:30",
                _is_datetime,
            ),
            Validator(
                "phone",
                "a telephone number with + and the country code, such as +14155550123",
                _is_phone,
                "digit by digit in groups",
            ),
            Validator("name", "a name: letters only", _is_name, "letter by letter"),
            Validator(
                "money",
                "an amount with at most two decimals, such as 12.50",
                _is_money,
                "as an amount with its currency",
            ),
        ]
    )


def _plain(name: str) -> str:
    return _FORMAT_IN_BRACKETS.sub("", name).strip().lower()


def _is_email(value: object) -> bool:
    if not isinstance(value, str) or len(value) > _LONGEST:
        return False
    return bool(_email_schema().is_valid(value))


@functools.cache
def _email_schema() -> Any:
    import jsonschema_rs

    options = jsonschema_rs.EmailOptions(
        minimum_sub_domains=2, allow_domain_literal=False, allow_display_text=False
    )
    return jsonschema_rs.Draft7Validator(
        {"type": "string", "format": "email"},
        validate_formats=True,
        email_options=options,
        offline=True,
    )


def _is_date(value: object) -> bool:
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return False
    month, day, year = map(int, found.groups())
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _is_time(value: object) -> bool:
    return isinstance(value, str) and _TIME.fullmatch(value) is not None


def _is_datetime(value: object) -> bool:
    if not isinstance(value, str) or not _DATETIME.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_phone(value: object) -> bool:
    if not isinstance(value, str) or not _E164.fullmatch(value):
        return False
    import phonenumbers  # A tenth of a second, for those who use it.

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(value))
    except phonenumbers.NumberParseException:
        return False


def _is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST and bool(_NAME.fullmatch(value))


def _is_money(value: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, (int, float)):
        return 0 <= value < 1e12 and round(value, 2) == value
    return isinstance(value, str) and _MONEY.fullmatch(value) is not None
