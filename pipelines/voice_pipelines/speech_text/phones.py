"""Telephone numbers, digit by digit in their groups."""

import re

from .numbers import cardinal, digits, grouped
from .rules import Rule, anywhere

_EXTENSION = r"(?:,?\s?(?:x|ext\.?|extension)\s?(?P<extension>[0-9]{1,6}))?"
_CANDIDATE = (
    r"(?<![\w$€£¥#.,/-])(?P<number>\+?[0-9]{0,3}[-. ]?\(?[0-9]{2,5}\)?(?:[-. ]{1,2}[0-9]{2,5}){1,4}"
    rf"|\+?[0-9]{{7,15}}){_EXTENSION}(?![\w%°/])(?![.,:-][0-9])"
)
_SEVEN_DIGITS = r"[0-9](?:[-. ()]{0,2}[0-9]){6}"
_LOCAL = re.compile(r"[0-9]{3}[-.][0-9]{4}")
_NATIONAL = re.compile(r"(?:\+?1[-. ]?)?\(?[0-9]{3}\)?[-. ]{1,2}[0-9]{3}[-. ][0-9]{4}")
_GROUP = re.compile("[0-9]+")


def _say(match: re.Match[str]) -> str | None:
    number, extension = match["number"], match["extension"]
    if (groups := _groups(number)) is None:
        return None
    words = ", ".join(map(_say_group, groups))
    if number.startswith("+"):
        words = f"plus {words}"
    return f"{words}, extension {digits(extension)}" if extension else words


def _groups(number: str) -> list[str] | None:
    """The groups in which it is said; None if it is no telephone number."""
    if _LOCAL.fullmatch(number) or _NATIONAL.fullmatch(number):
        return _GROUP.findall(number)
    if number.startswith("+"):
        return _GROUP.findall(_international(number) or number)
    groups = _GROUP.findall(number)
    plain = "".join(groups)
    if number[0] == "0" and len(groups) > 1 and 9 <= len(plain) <= 12:
        return groups  # "020 7946 0958"
    if len(groups) == 1 and len(plain) == 10 and plain[0] not in "01":
        return [plain[:3], plain[3:6], plain[6:]]
    if len(groups) == 1 and len(plain) == 11 and plain[0] == "1":
        return [plain[0], plain[1:4], plain[4:7], plain[7:]]
    return None


def _international(number: str) -> str | None:
    """It, grouped as its country does."""
    import phonenumbers  # 60 ms

    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


def _say_group(group: str) -> str:
    if len(group) == 3 and group.endswith("00") and group[0] != "0":
        return cardinal(int(group))  # "one, eight hundred, …"
    return digits(group) if len(group) <= 5 else grouped(group)


PHONES: tuple[Rule, ...] = (anywhere(_CANDIDATE, _say, run=3, gate=_SEVEN_DIGITS),)
