"""Measures: units, degrees, percent, fractions, ranges and bare numbers."""

import re

from .numbers import cardinal, digits, grouped, is_one, number, ordinal
from .rules import Rule, anywhere, at_number
from .shapes import BEGIN, END, NUMBER, SIGN, signed

_UNITS: dict[str, tuple[str, str]] = {
    unit: (one, several)
    for units, one, several in (
        ("km", "kilometer", "kilometers"),
        ("m", "meter", "meters"),
        ("cm", "centimeter", "centimeters"),
        ("mm", "millimeter", "millimeters"),
        ("mi", "mile", "miles"),
        ("ft", "foot", "feet"),
        ("yd yds", "yard", "yards"),
        ("kg kgs", "kilogram", "kilograms"),
        ("g", "gram", "grams"),
        ("mg", "milligram", "milligrams"),
        ("lb lbs", "pound", "pounds"),
        ("oz", "ounce", "ounces"),
        ("l L", "liter", "liters"),
        ("ml mL", "milliliter", "milliliters"),
        ("cl", "centiliter", "centiliters"),
        ("gal", "gallon", "gallons"),
        ("km/h kph kmh", "kilometer per hour", "kilometers per hour"),
        ("mph", "mile per hour", "miles per hour"),
        ("m/s", "meter per second", "meters per second"),
        ("m² m2 sqm", "square meter", "square meters"),
        ("m³ m3", "cubic meter", "cubic meters"),
        ("km² km2", "square kilometer", "square kilometers"),
        ("ft²", "square foot", "square feet"),
        ("h hr hrs", "hour", "hours"),
        ("min mins", "minute", "minutes"),
        ("s sec secs", "second", "seconds"),
        ("ms", "millisecond", "milliseconds"),
        ("wk wks", "week", "weeks"),
        ("mo mos", "month", "months"),
        ("yr yrs", "year", "years"),
        ("W", "watt", "watts"),
        ("kW", "kilowatt", "kilowatts"),
        ("kWh", "kilowatt hour", "kilowatt hours"),
        ("V", "volt", "volts"),
        ("mAh", "milliamp hour", "milliamp hours"),
        ("Hz", "hertz", "hertz"),
        ("kHz", "kilohertz", "kilohertz"),
        ("MHz", "megahertz", "megahertz"),
        ("GHz", "gigahertz", "gigahertz"),
        ("KB kB", "kilobyte", "kilobytes"),
        ("MB", "megabyte", "megabytes"),
        ("GB", "gigabyte", "gigabytes"),
        ("TB", "terabyte", "terabytes"),
        ("Mbps", "megabit per second", "megabits per second"),
        ("Gbps", "gigabit per second", "gigabits per second"),
        ("kcal", "kilocalorie", "kilocalories"),
        ("ppl", "person", "people"),
    )
    for unit in units.split()
}
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_PARTS = {
    2: ("half", "halves"),
    3: ("third", "thirds"),
    4: ("quarter", "quarters"),
    5: ("fifth", "fifths"),
    6: ("sixth", "sixths"),
    8: ("eighth", "eighths"),
    10: ("tenth", "tenths"),
    16: ("sixteenth", "sixteenths"),
}
_GLYPHS = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5),
    "⅗": (3, 5), "⅘": (4, 5), "⅙": (1, 6), "⅚": (5, 6), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8),
    "⅞": (7, 8),
}  # fmt: skip
_PER = (
    "hour|hr|h|day|week|wk|month|mo|year|yr|night|person|kg|lb|km|mile|minute|min|piece|each|liter|"
    "unit|user|call"
)


def _say_unit(match: re.Match[str]) -> str:
    one, several = _UNITS[match["unit"]]
    singular = is_one(match["amount"]) or match["link"] == "-"
    return signed(match, f"{number(match['amount'])} {one if singular else several}")


def _say_degrees(match: re.Match[str]) -> str:
    words = f"{number(match['amount'])} {'degree' if is_one(match['amount']) else 'degrees'}"
    scale = {"C": " Celsius", "F": " Fahrenheit"}.get((match["scale"] or "").upper(), "")
    return signed(match, words + scale)


def _say_percent(match: re.Match[str]) -> str:
    return signed(match, f"{number(match['amount'])} percent")


def _say_height(match: re.Match[str]) -> str:
    return f"{cardinal(int(match[1]))} foot {cardinal(int(match[2]))}"


def _fraction(whole: str | None, above: int, below: int) -> str:
    one, several = _PARTS[below]
    if whole is None:
        return f"{cardinal(above)} {one if above == 1 else several}"
    part = f"a {one}" if above == 1 else f"{cardinal(above)} {several}"
    return f"{number(whole)} and {part}"


def _say_glyph(match: re.Match[str]) -> str:
    return _fraction(match["whole"], *_GLYPHS[match["glyph"]])


def _say_fraction(match: re.Match[str]) -> str:
    if "." in match["above"] or match.string.startswith(" star", match.end()):
        return f"{number(match['above'])} out of {number(match['below'])}"
    above, below = int(match["above"]), int(match["below"])
    if match["whole"] is None and (above, below) == (24, 7):
        return "twenty-four seven"
    if below in _PARTS and 0 < above < below:
        return _fraction(match["whole"], above, below)
    words = f"{number(match['above'])} over {number(match['below'])}"
    return f"{number(match['whole'])} {words}" if match["whole"] else words


def _say_ordinal(match: re.Match[str]) -> str | None:
    text = match[1].replace(",", "")
    return ordinal(int(text)) if len(text) <= 15 else None


def _say_chain(match: re.Match[str]) -> str | None:
    """ "123-45-6789" and "12345-678" are codes; "10-12" is a range."""
    groups = match.group().split("-")
    if len(groups) == 2 and all(len(group) <= 4 and group[0] != "0" for group in groups):
        return None
    return ", ".join(map(digits, groups))


def _say_number(match: re.Match[str]) -> str:
    return signed(match, _bare(match["amount"]))


def _bare(text: str) -> str:
    if text.isdecimal() and len(text) >= 7 and not text.endswith("000"):
        return grouped(text)  # Nobody says millions to the last digit: it is a code.
    return number(text)


_AMOUNT = rf"{SIGN}{BEGIN}(?P<amount>{NUMBER})"
_RANGE_LEFT = r"(?:(?<=[0-9%°])|(?<=[AaPp][Mm])|(?<=[AaPp]\.[Mm]\.))"

MEASURES: tuple[Rule, ...] = (
    at_number(rf"{_AMOUNT}\s?°\s?(?P<scale>[CFcf]\b)?", _say_degrees),
    at_number(rf"{_AMOUNT}\s?%", _say_percent),
    at_number(rf"{_AMOUNT}x\b", lambda match: f"{_say_number(match)} times", gate="[0-9]x"),
    at_number(r"(?<![\w.])([0-9])['′]\s?([0-9]{1,2})(?:[\"″]|'')", _say_height),
    at_number(
        rf"{_AMOUNT}(?P<link>[\s-]?)(?P<unit>{_UNIT})(?![\w²³/°'’])(?:\.(?=\s[a-z0-9]))?",
        _say_unit,
    ),
    anywhere(rf"{BEGIN}(?:(?P<whole>[0-9]+)\s?)?(?P<glyph>[{''.join(_GLYPHS)}])", _say_glyph,
             gate=f"[{''.join(_GLYPHS)}]"),
    at_number(
        rf"{BEGIN}(?:(?P<whole>[0-9]{{1,3}})\s)?(?P<above>[0-9]{{1,3}}(?:\.[0-9]+)?)/(?P<below>[0-9]{{1,3}}){END}",
        _say_fraction,
    ),
    at_number(rf"{BEGIN}([0-9]{{1,3}}(?:,[0-9]{{3}})+|[0-9]+)(?:st|nd|rd|th)\b", _say_ordinal),
)  # fmt: skip
LINKS: tuple[Rule, ...] = (
    at_number(rf"{BEGIN}[0-9]+(?:-[0-9]+)+{END}(?!-)", _say_chain),
    anywhere(rf"{_RANGE_LEFT}(?:\s?[-–]\s?|—)(?=[$€£]?[0-9])", " to ", run=1, gate="[-–—]"),
    anywhere(rf"(?<=[0-9a-z])\s?/\s?(?=(?:{_PER})\b)", " per ", run=1, gate="/"),
    anywhere(r"(?<=[0-9])\s?[x×]\s?(?=[0-9])", " by ", run=1, gate="[x×]"),
    anywhere(r"(?<=[0-9]):(?=[0-9])", " to ", run=1, gate=":"),
    anywhere(r"(?<=[0-9])/(?=[0-9])", " slash ", run=1, gate="/"),
)
NUMBERS: tuple[Rule, ...] = (
    at_number(rf"{_AMOUNT}(?![0-9])(?!,[0-9]{{3}})", _say_number),
    anywhere(r"[0-9]+", lambda match: number(match.group()), run=1),
)
