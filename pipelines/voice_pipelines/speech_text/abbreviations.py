"""Abbreviations and signs: "approx." as "approximately", "&" as "and"."""

import re

from .rules import Rule, Say, anywhere
from .shapes import full_stop

_ANYWHERE = {
    "appt": "appointment",
    "appts": "appointments",
    "approx": "approximately",
    "dept": "department",
    "est": "established",
    "etc": "et cetera",
    "vs": "versus",
    "prof": "professor",
    "ave": "Avenue",
    "rd": "Road",
    "blvd": "Boulevard",
    "ln": "Lane",
    "hwy": "Highway",
    "pkwy": "Parkway",
    "sq": "Square",
    "bldg": "building",
    "jr": "Junior",
    "sr": "Senior",
    "inc": "Incorporated",
    "ltd": "Limited",
    "corp": "Corporation",
    "co": "Company",
    "mr": "Mister",
    "mrs": "Missus",
    "ms": "Miz",
    "mt": "Mount",
    "hrs": "hours",
    "tel": "telephone",
    "incl": "including",
    "excl": "excluding",
    "temp": "temperature",
    "jan": "January",
    "feb": "February",
    "apr": "April",
    "aug": "August",
    "sept": "September",
    "sep": "September",
    "oct": "October",
    "nov": "November",
    "dec": "December",
}
"""Read so wherever they have their full stop."""
_BEFORE_NUMBER = {"no": "number", "nos": "numbers", "apt": "apartment", "ste": "suite",
                  "ext": "extension", "ph": "phone", "vol": "volume", "pp": "pages",
                  "fig": "figure", "ch": "chapter"}  # fmt: skip
_PHRASES = {"e.g.": "for example", "i.e.": "that is", "w/o": "without", "w/": "with",
            "a.k.a.": "also known as"}  # fmt: skip
_STREETS = {"St": "Street", "Ave": "Avenue", "Rd": "Road", "Blvd": "Boulevard"}
_NEW_SENTENCE = re.compile(r"\s+(?![NS][EW]\b)[A-Z]")
_ENDS_OFTEN = frozenset("etc ave rd blvd ln hwy sq jr sr inc ltd corp co".split())
"""Those with which a sentence may end before another begins."""
_NAME_BEFORE = re.compile(r"(?:\b[A-Z][\w'’]*|[0-9](?:st|nd|rd|th))\s$")


def _stop(match: re.Match[str], may_end: bool) -> str:
    if may_end and _NEW_SENTENCE.match(match.string, match.end()):
        return "."
    return full_stop(match)


def _cased(words: str, like: str) -> str:
    return words[0].upper() + words[1:] if like[0].isupper() else words


def _say_anywhere(match: re.Match[str]) -> str | None:
    short = match[1].lower()
    if short not in _ANYWHERE or match.string[: match.start()].endswith("."):
        return None
    return _cased(_ANYWHERE[short], match[1]) + _stop(match, short in _ENDS_OFTEN)


def _say_before_number(match: re.Match[str]) -> str:
    return _cased(_BEFORE_NUMBER[match[1].lower()], match[1])


def _say_phrase(match: re.Match[str]) -> str:
    return _cased(_PHRASES[match.group().lower()], match.group())


def _after_name(otherwise: str, street: str) -> Say:
    """ "Dr. Smith" is a doctor and "Ocean Dr." a drive; so with saints and streets."""

    def say(match: re.Match[str]) -> str | None:
        before, after = match.string[: match.start()], match.string[match.end() :]
        if _NAME_BEFORE.search(before) and not _is_title(before, after):
            return street + _stop(match, True)
        return otherwise if re.match(r"\s[A-Z]", after) else None

    return say


_OPENERS = re.compile(r"(?:^|[.!?,:;]\s)(?:[A-Z][\w'’]*)\s$")


def _is_title(before: str, after: str) -> bool:
    """ "Hello Dr. Smith", "Is Dr. No in?": the first word of a sentence is capital anyway."""
    return bool(_OPENERS.search(before)) and bool(re.match(r"\s[A-Z]", after))


def _any(words: dict[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


ABBREVIATIONS: tuple[Rule, ...] = (
    anywhere(
        rf"(?<!\w)(?:{_any(_PHRASES)})(?!\d)", _say_phrase, flags=re.I, gate=r"/|\.[a-zA-Z]"
    ),
    anywhere(r"\bDr\.", _after_name("Doctor", "Drive")),
    anywhere(r"\bSt\.", _after_name("Saint", "Street")),
    anywhere(rf"(?<![\w.])({_any(_BEFORE_NUMBER)})\.\s?(?=#?[A-Z]?[0-9])",
             lambda match: _say_before_number(match) + " ", run=1,
             gate=r"\.\s?#?[A-Z]?[0-9]", flags=re.I),
    anywhere(r"\b([A-Za-z]{2,6})\.(?!\w)", _say_anywhere),
    anywhere(r"(?<=[a-z0-9]\s)(St|Ave|Rd|Blvd)\b(?=\s*(?:$|[,;?!]| in\b| and\b| near\b))",
             lambda match: _STREETS[match[1]]),
)  # fmt: skip
SIGNS: tuple[Rule, ...] = (
    anywhere(r"#\s?(?=[A-Z]?[0-9])", "number ", run=1, gate="#"),
    anywhere(r"~\s?(?=[$€£]?[0-9])", "about ", run=1, gate="~"),
    anywhere(r"(?<![\w)])\+\s?(?=[0-9])", "plus ", run=1, gate="[+]"),
    anywhere(r"(?<=[0-9])\+(?![\w+])", " plus", run=1, gate="[+]"),
    anywhere(r"(?<=[\w)])\s?\+\s?(?=[\w(])", " plus ", gate="[+]"),
    anywhere(r"\s?=\s?", " equals ", gate="="),
    anywhere(r"\s?&\s?", " and ", gate="&"),
    anywhere(r"(?<=\S)\s?(?:->|→|⇒)\s?(?=\S)", " to ", gate="->|→|⇒"),
    anywhere(r"(?<=[A-Za-z])/(?=[A-Za-z])", " ", gate="/"),
    anywhere(r"_+", " ", gate="_"),
    anywhere(r"\s?@\s?", " at ", gate="@"),
    anywhere(r"\s?%", " percent", gate="%"),
    anywhere(r"°", " degrees", gate="°"),
)
