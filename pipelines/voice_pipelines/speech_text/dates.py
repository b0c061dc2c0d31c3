"""Dates, times of day and years."""

import datetime
import re

from .numbers import cardinal, ordinal, year
from .rules import Rule, anywhere, at_number
from .shapes import BEGIN, END, full_stop

_MONTHS = (
    "January February March April May June July August September October November December"
).split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_MONTH = (
    "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|"
    "Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_DAY = r"(?:[12][0-9]|3[01]|0?[1-9])"
_NTH = "(?:st|nd|rd|th)?"
_YEAR = "(?:1[1-9]|20)[0-9]{2}"
_WEEKDAY = "(?:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)"
_BEFORE_DATE = re.compile(r"\b(?:on|by|until|till|before|after|since|from|through|dated?) $", re.I)

# Dates -------------------------------------------------------------------------------------------


def _month(name: str) -> str:
    return next(month for month in _MONTHS if month.startswith(name[:3]))


def _weekday(name: str) -> str:
    return next(day for day in _DAYS if day.startswith(name[:3]))


def _date(year_: int | None, month: int, day: int) -> str | None:
    try:
        datetime.date(year_ or 2000, month, day)  # A leap year: there is a 29th of February.
    except ValueError:
        return None
    words = f"{_MONTHS[month - 1]} {ordinal(day)}"
    return f"{words}, {year(year_)}" if year_ else words


def _say_iso(match: re.Match[str]) -> str | None:
    return _date(int(match[1]), int(match[2]), int(match[3])) if int(match[1]) > 999 else None


def _say_numeric(match: re.Match[str]) -> str | None:
    first, second, year_ = int(match[1]), int(match[3]), int(match[4])
    if year_ < 100:
        year_ += 1900 if year_ > 69 else 2000
    if year_ < 1000:
        return None
    if match[2] == ".":  # As in Europe.
        return _date(year_, second, first)
    return _date(year_, first, second) or _date(year_, second, first)


def _say_month_day(match: re.Match[str]) -> str:
    words = f"{_month(match['month'])} {ordinal(int(match['day']))}"
    if match["last"]:
        words += f" to {ordinal(int(match['last']))}"
    return f"{words}, {year(int(match['year']))}" if match["year"] else words


def _say_day_month(match: re.Match[str]) -> str:
    words = f"{ordinal(int(match['day']))} of {_month(match['month'])}"
    if not match.string[: match.start()].lower().endswith("the "):
        words = f"the {words}"
    if match["year"]:
        return f"{words}, {year(int(match['year']))}"
    return words + full_stop(match)


def _say_month_year(match: re.Match[str]) -> str:
    return f"{_month(match['month'])} {year(int(match['year']))}"


def _say_slashed(match: re.Match[str]) -> str | None:
    """ "11/22" after a word that makes it a date, or if it can be no fraction."""
    first, second = int(match[1]), int(match[2])
    is_date = _BEFORE_DATE.search(match.string[: match.start()]) is not None
    return _date(None, first, second) if is_date or second > 16 else None


def _say_days(match: re.Match[str]) -> str:
    return f"{_weekday(match[1])} to {_weekday(match[2])}{full_stop(match)}"


def _say_short_day(match: re.Match[str]) -> str:
    return _weekday(match[1]) + full_stop(match)


# Times -------------------------------------------------------------------------------------------


def _half(match: re.Match[str]) -> str:
    return f" {match['half'].lower()}.m." if match["half"] else ""


def _say_time(match: re.Match[str]) -> str | None:
    hour, minute, half = int(match["hour"]), int(match["minute"]), _half(match)
    if half and not 1 <= hour <= 12:
        half = ""  # "14:30 pm"
    if minute:
        words = f"{cardinal(hour)} {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    elif half or match["second"]:
        words = cardinal(hour)
    elif hour in (0, 24):
        words = "midnight"
    else:
        words = f"{cardinal(hour)} o'clock" if hour <= 12 else f"{cardinal(hour)} hundred"
    if match["second"]:
        second = int(match["second"])
        words += f" and {cardinal(second)} second{'' if second == 1 else 's'}"
    return words + half


def _say_hour(match: re.Match[str]) -> str:
    return cardinal(int(match["hour"])) + _half(match)


# Years -------------------------------------------------------------------------------------------


def _say_year(match: re.Match[str]) -> str:
    return year(int(match["claim"]))


def _say_decade(match: re.Match[str]) -> str | None:
    text = match["decade"]
    if len(text) == 2 and text < "20":
        return None
    words = cardinal(int(text)) if len(text) == 2 else year(int(text))
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


_HALF = r"(?P<half>[AaPp])\.?[Mm]\b\.?"
_NOT_AN_HOUR = r"(?!\s?[AaPp]\.?[Mm]\b)"

DATES: tuple[Rule, ...] = (
    at_number(
        rf"{BEGIN}([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}})(?:T(?=[0-9])|(?![-0-9]))", _say_iso, run=4
    ),
    at_number(
        rf"{BEGIN}([0-9]{{1,2}})([-/.])([0-9]{{1,2}})\2([0-9]{{4}}|(?<![.-])[0-9]{{2}}){END}",
        _say_numeric,
    ),
    anywhere(
        rf"\b(?P<month>{_MONTH})\.?\s(?P<day>{_DAY}){_NTH}(?:\s?[-–]\s?(?P<last>{_DAY}){_NTH})?"
        rf"(?:,?\s(?P<year>{_YEAR}))?{_NOT_AN_HOUR}(?!%){END}",
        _say_month_day,
        run=1,
    ),
    at_number(
        rf"{BEGIN}(?P<day>{_DAY}){_NTH}\s(?:of\s)?(?P<month>{_MONTH})\b\.?"
        rf"(?:,?\s(?P<year>{_YEAR}){END})?",
        _say_day_month,
    ),
    anywhere(rf"\b(?P<month>{_MONTH})\.?,?\s(?P<year>{_YEAR}){END}", _say_month_year, run=4),
    at_number(rf"{BEGIN}([0-9]{{1,2}})/([0-9]{{1,2}}){END}", _say_slashed),
    anywhere(rf"\b({_WEEKDAY})\.?\s?[-–]\s?({_WEEKDAY})\b\.?", _say_days, gate="[-–]"),
    anywhere(rf"(?<!the )\b({_WEEKDAY})\.(?!\w)", _say_short_day),
    anywhere(rf"\b({_WEEKDAY})(?=,?\s(?:{_MONTH}|[0-9]))", _say_short_day, run=1),
    anywhere(
        rf"{BEGIN}['’]?(?P<decade>[2-9]0|[12][0-9]{{2}}0)['’]?s\b",
        _say_decade,
        run=2,
        gate="0['’]?s",
    ),
)
TIMES: tuple[Rule, ...] = (
    at_number(
        r"(?:(?<![\w:.,/])|(?<=[0-9]T))(?P<hour>2[0-4]|[01]?[0-9]):(?P<minute>[0-5][0-9])"
        rf"(?::(?P<second>[0-5][0-9]))?(?:\s?{_HALF})?(?![\w:])(?!\.[0-9])",
        _say_time,
        gate=":",
    ),
    at_number(rf"{BEGIN}(?P<hour>1[0-2]|0?[1-9])\s?{_HALF}", _say_hour),
)
YEARS: tuple[Rule, ...] = (
    at_number(
        rf"(?<![^\W])(?<![$€£#.,/])(?P<claim>(?:19|20)[0-9]{{2}}){END}(?!%)", _say_year, run=4
    ),
    anywhere(
        r"\b(?:in|since|year|from|until|till|around|circa|founded|established|built|of|before|after|"
        rf"to|and)\s(?P<claim>1[1-8][0-9]{{2}}){END}(?!%)",
        _say_year,
        run=4,
        gate="1[1-8][0-9]{2}",
        flags=re.IGNORECASE,
    ),
)
