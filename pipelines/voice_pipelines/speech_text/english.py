"""English, as written by a language model, as it is said in America. The order decides."""

from collections.abc import Callable, Mapping

from .abbreviations import ABBREVIATIONS, SIGNS
from .addresses import ADDRESSES
from .codes import CODES, MIXED
from .dates import DATES, TIMES, YEARS
from .measures import LINKS, MEASURES, NUMBERS
from .money import MONEY
from .phones import PHONES
from .pronunciation import pronunciation_rules
from .rules import rewrite
from .segments import Spoken

ENGLISH = (
    *ADDRESSES,
    *DATES,
    *TIMES,
    *MONEY,
    *PHONES,
    *CODES,
    *MEASURES,
    *LINKS,
    *ABBREVIATIONS,
    *YEARS,
    *MIXED,
    *SIGNS,
    *NUMBERS,
)
Normalizer = Callable[[str], Spoken]

_SAMPLE = (
    "Call Dr. Lee at +44 20 7946 0958 or 415-555-0123 by 8:30 p.m. on Nov 22, 2026, at 221B Baker "
    "St. or www.example.com: it costs $19.99, 5% of 3.5 km or 1/2, in A4 & version 1.2.3."
)


def normalizer(language: str, pronunciations: Mapping[str, str]) -> Normalizer:
    """What says a text in `language`: ``en``, or empty, where only `pronunciations` apply.

    `pronunciations` are words and what to say for them; they precede all else. It is warm: what is
    loaded on demand has been.
    """
    rules = (*pronunciation_rules(pronunciations), *(ENGLISH if language == "en" else ()))

    def normalize(text: str) -> Spoken:
        return rewrite(text, rules)

    normalize(_SAMPLE)
    return normalize
