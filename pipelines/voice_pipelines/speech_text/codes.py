"""Numbers that are names: codes, rooms, house numbers, versions, letters with digits."""

import re

from .numbers import cardinal, digits, grouped, pairs
from .rules import Rule, anywhere, at_number
from .shapes import BEGIN, END

_STREET = (
    r"(?:St|Street|Ave|Avenue|Rd|Road|Blvd|Boulevard|Ln|Lane|Dr|Drive|Way|Ct|Court|Pl|Place|Sq|"
    r"Square|Hwy|Highway|Pkwy|Parkway|Terrace|Row)\b"
)
_RUNS = re.compile(r"[0-9]+|[^\W\d_]+")


def _run(text: str) -> str:
    """Digits within a name."""
    return pairs(text) if len(text) <= 3 else grouped(text)


def _mixed(text: str) -> str:
    """ "A4" as "A four", "X7K9Q" letter by letter."""
    runs = _RUNS.findall(text)
    is_code = len(runs) > 3 or (len(runs) > 2 and text == text.upper())
    return " ".join(
        _run(run) if run.isascii() and run.isdecimal()
        else " ".join(run) if is_code and run.isupper()
        else run
        for run in runs
    )  # fmt: skip


def _say_claim_digits(match: re.Match[str]) -> str:
    return ", ".join(map(grouped, re.findall("[0-9]+", match["claim"])))


def _say_claim_pairs(match: re.Match[str]) -> str:
    return " ".join(pairs(run) if run.isdecimal() else run for run in _RUNS.findall(match["claim"]))


def _say_mixed(match: re.Match[str]) -> str:
    return _mixed(match.group())


def _say_ip(match: re.Match[str]) -> str:
    return " dot ".join(map(digits, match.group().split(".")))


def _say_version(match: re.Match[str]) -> str:
    words = " point ".join(
        digits(part) if part[0] == "0" or len(part) > 3 else cardinal(int(part))
        for part in match["numbers"].split(".")
    )
    if not match["v"]:
        return words
    return f"{'Version' if match['v'][0] == 'V' and len(match['v']) > 1 else 'version'} {words}"


CODES: tuple[Rule, ...] = (
    at_number(rf"(?:(?<=[Cc]all )|(?<=[Dd]ial ))(?P<claim>[2-9]11){END}", _say_claim_digits),
    at_number(r"(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w])(?!\.[0-9])", _say_ip),
    anywhere(
        r"(?:\b(?P<v>[Vv](?:ersion)?)\.?\s?(?P<numbers>[0-9]+(?:\.[0-9]+)*))(?![^\W_])",
        _say_version,
        run=1,
        gate="[vV]",
    ),
    at_number(rf"{BEGIN}(?P<v>(?!))?(?P<numbers>[0-9]+(?:\.[0-9]+){{2,}})(?![^\W_])", _say_version),
    anywhere(
        r"\b(?:(?:code|pin|passcode|password|zip|extension|ext|id|ending in|ends in|digits)\b\.?"
        r"|(?:confirmation|order|reference|ref|ticket|booking|account|case|tracking|card|member|"
        r"reservation)\s?(?:number|no\.|nr\.|code|#))(?:\s(?:is|are|of|number))?\s?[:#]?\s?"
        rf"(?P<claim>[0-9]{{2,}}(?:-[0-9]+)*){END}",
        _say_claim_digits,
        run=2,
        flags=re.IGNORECASE,
    ),
    anywhere(
        r"\b(?:room|suite|ste\.?|apt\.?|apartment|flight|gate|bus|route|highway|hwy\.?|unit|building|"
        rf"exit|channel|train|interstate|form)\s#?(?P<claim>[0-9]{{3,4}}[A-Z]?){END}",
        _say_claim_pairs,
        run=3,
        flags=re.IGNORECASE,
    ),
    at_number(
        rf"{BEGIN}(?P<claim>[0-9]{{3,5}}[A-Za-z]?)"
        rf"(?=\s(?:[NSEW]\.?\s)?(?:(?:[A-Z][\w'’]*|[0-9]+(?:st|nd|rd|th))\s){{1,3}}{_STREET})",
        _say_claim_pairs,
        run=3,
    ),
    at_number(
        rf"(?<=[A-Z]{{2}}\s)(?P<claim>[0-9]{{5}}(?:-[0-9]{{4}})?){END}", _say_claim_digits, run=5
    ),
)
MIXED: tuple[Rule, ...] = (
    anywhere(
        r"(?<![^\W_])(?<![0-9][.,])(?:[^\W\d_]+[0-9]|[0-9]+[^\W\d_])(?:[0-9]|[^\W\d_])*",
        _say_mixed,
        run=1,
        gate=r"[0-9][^\W\d_]|[^\W\d_][0-9]",
    ),
)
