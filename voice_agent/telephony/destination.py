"""Which numbers may be called and texted: a number as it was written, judged before it is used.

What a caller, a language model or a form wrote is read strictly: E.164 with a plus sign, in ASCII
digits, with the separators that people write. Everything that dials more than a number (pauses,
extensions, letters, SIP addresses, star codes) is refused. All further judgment is of the canonical
number, the one that is dialed.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any

from ..errors import VoiceAgentError

_WRITTEN = re.compile(r"\+[0-9 ().\-]{6,30}", re.ASCII)
_SEPARATORS = str.maketrans("", "", " ().-")
_PREMIUM = re.compile(r"\+1(?:900\d{7}|\d{3}976\d{4})", re.ASCII)
"""North American premium-rate numbers; those with exchange 976 are not in the library's data."""


class Reason(Enum):
    """Why a destination or an outgoing call is refused."""

    NOT_A_NUMBER = "not_a_number"
    COUNTRY = "country"
    PREFIX = "prefix"
    KIND = "kind"
    OWN_NUMBER = "own_number"
    NOT_LISTED = "not_listed"
    DO_NOT_CALL = "do_not_call"
    HOURS = "hours"
    RATE = "rate"
    MINUTES = "minutes"
    SPEND = "spend"
    UNAVAILABLE = "unavailable"


class Refused(VoiceAgentError):
    """A destination or a call is not allowed. The text holds no number."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Destination:
    """A number that may be dialed, as far as the number itself goes."""

    number: str
    """E.164."""
    country: str
    """ISO 3166, such as ``US``."""
    zones: tuple[str, ...]
    """All time zones that it may be in; empty if nobody knows."""


def canonical(written: str) -> str | None:
    """The E.164 number that was written, None if it is none or cannot exist."""
    found = _parsed(written)
    return None if found is None else _e164(found)


def destination(
    written: str, countries: Collection[str], prefixes: Collection[str], own: Collection[str] = ()
) -> Destination:
    """A number that may be dialed. Raises Refused.

    `countries` are those that are allowed. Where `prefixes` (``+1415``) are given, the number must
    also begin with one of them. `own` numbers would have the agent talk to itself.
    """
    from phonenumbers import number_type, region_code_for_number

    found = _parsed(written)
    if found is None:
        raise Refused(
            Reason.NOT_A_NUMBER,
            "This is no telephone number; write it with a plus sign and the country's code.",
        )
    number = _e164(found)
    country = str(region_code_for_number(found) or "001")
    if number_type(found) not in _ordinary_kinds() or _PREMIUM.fullmatch(number):
        raise Refused(
            Reason.KIND, "Premium-rate, shared-cost, satellite and special numbers are not dialed."
        )
    if country not in countries:
        raise Refused(
            Reason.COUNTRY,
            f"Numbers of {country} are not allowed; `outgoing.countries` lists those that are.",
        )
    if prefixes and not any(number.startswith(prefix) for prefix in prefixes):
        raise Refused(
            Reason.PREFIX, "Numbers with this prefix are not allowed by `outgoing.prefixes`."
        )
    if number in own:
        raise Refused(Reason.OWN_NUMBER, "This is a number of the agent itself.")
    return Destination(number, country, _zones(found, country))


def _parsed(written: str) -> Any:
    """The library's view of a valid number, None for all else."""
    from phonenumbers import NumberParseException, is_valid_number, parse

    if not _WRITTEN.fullmatch(written):
        return None
    try:
        found = parse(written.translate(_SEPARATORS), None)
    except NumberParseException:
        return None
    return found if is_valid_number(found) else None


def _e164(found: Any) -> str:
    from phonenumbers import PhoneNumberFormat, format_number

    return str(format_number(found, PhoneNumberFormat.E164))


def _zones(found: Any, country: str) -> tuple[str, ...]:
    # Not `phonenumbers.geocoder`: that one takes seconds and 200 MB to import.
    from phonenumbers.timezone import time_zones_for_number

    zones = tuple(zone for zone in time_zones_for_number(found) if zone != "Etc/Unknown")
    if len(zones) <= 1:
        return zones
    # For a number without an area they are those of the whole calling code: +1 goes to Guam.
    there = _zones_of(country)
    return tuple(zone for zone in zones if zone in there) or there or zones


@cache
def _zones_of(country: str) -> tuple[str, ...]:
    """The time zones of a country. (``zone.tab``: country, coordinates, zone, comment.)"""
    table = files("tzdata.zoneinfo").joinpath("zone.tab").read_text("utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return tuple(row[2] for row in rows if row[0] == country)


def _ordinary_kinds() -> frozenset[int]:
    """Subscribers, and numbers that cost the caller nothing.

    So not: premium rate, shared cost, personal numbers, pagers, universal access, voicemail access,
    and what the library does not know.
    """
    from phonenumbers import PhoneNumberType as Kind

    return frozenset(
        (Kind.FIXED_LINE, Kind.MOBILE, Kind.FIXED_LINE_OR_MOBILE, Kind.TOLL_FREE, Kind.VOIP)
    )
