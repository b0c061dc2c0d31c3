"""What may be dialed, when, and how often. Whatever a caller says, none of it gets wider."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_agent.calls.claims import Claim, Receipt
from voice_agent.errors import StorageUnavailable
from voice_agent.sections import OutgoingSettings
from voice_agent.telephony.destination import Reason, Refused, canonical, destination
from voice_agent.telephony.limits import (
    Attempt,
    DoNotCallList,
    DoNotCallLists,
    Guard,
    cents_per_minute,
    within_hours,
)

THEIRS = "+14155552671"
NOON = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
"""A Monday; 12:00 in Los Angeles, 15:00 in New York."""
OPEN = OutgoingSettings(countries=("US", "GB", "DE"))


def limits(**changes: Any) -> OutgoingSettings:
    return msgspec.structs.replace(OPEN, **changes)


def attempt(to: str = THEIRS, persona: str = "rachel", by: str = "key 1", s: int = 600) -> Attempt:
    return Attempt(to, persona, by, s)


async def refusal(guard: Guard, wanted: Attempt, now: datetime = NOON) -> Reason | None:
    """Why a call is refused, None if it is allowed."""
    try:
        await guard.call(wanted, now)
    except Refused as refused:
        assert wanted.to not in str(refused) or not wanted.to.strip()
        return refused.reason
    return None


# The number --------------------------------------------------------------------------------------

FRAUD: list[tuple[str, Reason]] = [
    # Premium rate, in every way of writing it
    ("+19005550123", Reason.KIND),
    ("+1 900 555 0123", Reason.KIND),
    ("+1 (900) 555-0123", Reason.KIND),
    ("+1.900.555.0123", Reason.KIND),
    ("+1 1 900 555 0123", Reason.KIND),
    ("+1 212 976 1234", Reason.KIND),
    ("+449098790879", Reason.KIND),
    ("+44 (0)909 879 0879", Reason.KIND),
    ("+499001234567", Reason.KIND),
    # Shared cost, personal numbers, pagers
    ("+448712345678", Reason.KIND),
    ("+447012345678", Reason.KIND),
    ("+447640123456", Reason.KIND),
    ("+15005550006", Reason.KIND),
    # Satellites and networks without a country
    ("+881612345678", Reason.COUNTRY),
    ("+870773111632", Reason.COUNTRY),
    ("+88213012345", Reason.NOT_A_NUMBER),
    ("+883510012345678", Reason.COUNTRY),
    ("+97912345678", Reason.NOT_A_NUMBER),
    ("+979123456789", Reason.KIND),
    ("+80812345678", Reason.KIND),
    # Countries that look like area codes, and those that call back for money (wangiri)
    ("+18765550123", Reason.COUNTRY),
    ("+1 876 555 0123", Reason.COUNTRY),
    ("+18095551234", Reason.COUNTRY),
    ("+14734031234", Reason.COUNTRY),
    ("+16492311234", Reason.COUNTRY),
    ("+22245123456", Reason.COUNTRY),
    ("+2482123456", Reason.COUNTRY),
    ("+37122345678", Reason.COUNTRY),
    ("+67570123456", Reason.COUNTRY),
    ("+5352123456", Reason.COUNTRY),
    # Short codes, emergency, star codes
    ("911", Reason.NOT_A_NUMBER),
    ("+1911", Reason.NOT_A_NUMBER),
    ("112", Reason.NOT_A_NUMBER),
    ("+44999", Reason.NOT_A_NUMBER),
    ("*72" + "4155552671", Reason.NOT_A_NUMBER),
    ("*67+14155552671", Reason.NOT_A_NUMBER),
    ("411", Reason.NOT_A_NUMBER),
    ("28950", Reason.NOT_A_NUMBER),
    # More than a number: pauses, extensions, other addresses, parameters
    ("+14155552671,,,9011", Reason.NOT_A_NUMBER),
    ("+14155552671;ext=9", Reason.NOT_A_NUMBER),
    ("+14155552671 ext. 9", Reason.NOT_A_NUMBER),
    ("+14155552671x9", Reason.NOT_A_NUMBER),
    ("+14155552671w9", Reason.NOT_A_NUMBER),
    ("+14155552671#", Reason.NOT_A_NUMBER),
    ("+14155552671;phone-context=+900", Reason.NOT_A_NUMBER),
    ("tel:+14155552671", Reason.NOT_A_NUMBER),
    ("sip:agent@evil.example", Reason.NOT_A_NUMBER),
    ("client:operator", Reason.NOT_A_NUMBER),
    ("+14155552671@evil.example", Reason.NOT_A_NUMBER),
    ("+14155552671&To=+19005550123", Reason.NOT_A_NUMBER),
    ("<Number>+14155552671</Number>", Reason.NOT_A_NUMBER),
    ("+14155552671\n+19005550123", Reason.NOT_A_NUMBER),
    ("+14155552671\r\n", Reason.NOT_A_NUMBER),
    ("+14155552671\x00", Reason.NOT_A_NUMBER),
    # Letters and digits of other scripts
    ("1-800-FLOWERS", Reason.NOT_A_NUMBER),
    ("+1800FLOWERS", Reason.NOT_A_NUMBER),
    ("+１９００５５５０１２３", Reason.NOT_A_NUMBER),
    ("＋14155552671", Reason.NOT_A_NUMBER),
    ("+١٤١٥٥٥٥٢٦٧١", Reason.NOT_A_NUMBER),
    ("+1415555267①", Reason.NOT_A_NUMBER),
    ("+1415555267\u00b9", Reason.NOT_A_NUMBER),
    ("+1\u200b4155552671", Reason.NOT_A_NUMBER),
    ("\u202e+14155552671", Reason.NOT_A_NUMBER),
    # Without a country, or with a dialing prefix that leads elsewhere
    ("4155552671", Reason.NOT_A_NUMBER),
    ("0114155552671", Reason.NOT_A_NUMBER),
    ("00 882 13 012345", Reason.NOT_A_NUMBER),
    ("+011 44 9098790879", Reason.NOT_A_NUMBER),
    ("++14155552671", Reason.NOT_A_NUMBER),
    ("+0014155552671", Reason.NOT_A_NUMBER),
    ("", Reason.NOT_A_NUMBER),
    ("+", Reason.NOT_A_NUMBER),
    ("+1", Reason.NOT_A_NUMBER),
    ("+1" + "4" * 40, Reason.NOT_A_NUMBER),
    ("+1415555267", Reason.NOT_A_NUMBER),
    ("call my daughter", Reason.NOT_A_NUMBER),
]


@pytest.mark.parametrize(("written", "reason"), FRAUD)
async def test_toll_fraud_is_refused(written: str, reason: Reason) -> None:
    """S004-82, S004-87: the number itself."""
    guard = Guard(OPEN)
    assert await refusal(guard, attempt(written)) is reason
    # Not as a transfer either, even where somebody put it on the list, or named it.
    named = Guard(limits(contacts={"boss": written}))
    for wanted, allowed in ((written, [written]), ("boss", ["boss"])):
        with pytest.raises(Refused):
            await named.transfer(attempt(wanted), allowed, NOON)
    with pytest.raises(Refused):
        await guard.text(written, "rachel", NOON)


@pytest.mark.parametrize(
    "written",
    [THEIRS, "+1 415 555 2671", "+1 (415) 555-2671", "+1.415.555.2671", "+1 1 415-555-2671"],
)
def test_a_number_is_dialed_as_it_is_judged(written: str) -> None:
    found = destination(written, ("US",), ())
    assert (found.number, found.country) == (THEIRS, "US")
    assert found.zones == ("America/Los_Angeles",)


@given(st.text(max_size=24))
def test_what_is_dialed_is_always_plain(written: str) -> None:
    number = canonical(written)
    assert number is None or (number[0] == "+" and number[1:].isascii() and number[1:].isdigit())


async def test_nothing_is_dialed_unless_the_operator_opens_it() -> None:
    guard = Guard(OutgoingSettings())
    assert await refusal(guard, attempt()) is Reason.COUNTRY
    assert await refusal(Guard(OPEN), attempt()) is None


async def test_prefixes_narrow_countries_and_own_numbers_are_not_called() -> None:
    narrow = limits(prefixes=("+1212", "+44"))
    assert await refusal(Guard(narrow), attempt()) is Reason.PREFIX
    assert await refusal(Guard(narrow), attempt("+12125551212")) is None
    assert await refusal(Guard(OPEN, own=[THEIRS]), attempt()) is Reason.OWN_NUMBER


# The time ----------------------------------------------------------------------------------------


async def test_those_who_do_not_want_to_be_called_are_not() -> None:
    """S004-89."""
    listed = DoNotCallList(["+1 (415) 555-2671"])
    guard = Guard(OPEN, do_not_call=listed)
    assert await refusal(guard, attempt("+1 415-555-2671")) is Reason.DO_NOT_CALL
    assert await refusal(guard, attempt("+12125551212")) is None
    with pytest.raises(ValueError, match="do-not-call"):
        DoNotCallList(["my mother"])


HOURS: list[tuple[str, datetime, bool]] = [
    ("+14155552671", datetime(2026, 11, 23, 15, 59, tzinfo=UTC), False),  # 7:59
    ("+14155552671", datetime(2026, 11, 23, 16, 0, tzinfo=UTC), True),  # 8:00
    ("+14155552671", datetime(2026, 11, 24, 4, 59, tzinfo=UTC), True),  # 20:59
    ("+14155552671", datetime(2026, 11, 24, 5, 0, tzinfo=UTC), False),  # 21:00
    ("+442079460958", datetime(2026, 11, 24, 5, 0, tzinfo=UTC), False),
    ("+442079460958", datetime(2026, 11, 24, 9, 0, tzinfo=UTC), True),
    # The summer time of that place, not of the server's
    ("+442079460958", datetime(2026, 7, 1, 7, 0, tzinfo=UTC), True),
    ("+442079460958", datetime(2026, 7, 1, 20, 0, tzinfo=UTC), False),
    # A toll-free number may be anywhere in North America: it must be day in all of it.
    ("+18005551212", datetime(2026, 11, 23, 14, 0, tzinfo=UTC), False),
    ("+18005551212", datetime(2026, 11, 23, 20, 0, tzinfo=UTC), True),
]


@pytest.mark.parametrize(("number", "now", "allowed"), HOURS)
async def test_people_are_called_by_day_where_they_are(
    number: str, now: datetime, allowed: bool
) -> None:
    """S004-89."""
    assert (await refusal(Guard(OPEN), attempt(number), now) is None) is allowed


def test_days_and_unknown_zones() -> None:
    monday_to_friday = limits(calling_days=(1, 2, 3, 4, 5))
    assert within_hours(["Europe/Berlin"], monday_to_friday, NOON - timedelta(hours=8))
    assert not within_hours(["Europe/Berlin"], monday_to_friday, NOON - timedelta(days=1, hours=8))
    assert not within_hours([], OPEN, NOON)
    assert not within_hours(["Mars/Olympus"], OPEN, NOON)
    assert not within_hours(["Europe/Berlin"], limits(calling_hours="21:00-08:00"), NOON)
    assert within_hours([], limits(calling_hours=""), NOON)


# The room ----------------------------------------------------------------------------------------


def other(number: int) -> str:
    return f"+1415555{2000 + number}"


RATES: list[tuple[dict[str, int], list[Attempt], Reason]] = [
    ({"calls_per_caller_hour": 2}, [attempt(other(i)) for i in range(3)], Reason.RATE),
    (
        {"calls_per_persona_hour": 2},
        [attempt(other(i), by=f"key {i}") for i in range(3)],
        Reason.RATE,
    ),
    (
        {"calls_per_number_day": 2},
        [attempt(persona=f"p{i}", by=f"key {i}") for i in range(3)],
        Reason.RATE,
    ),
    (
        {"calls_per_day": 2},
        [attempt(other(i), persona=f"p{i}", by=f"key {i}") for i in range(3)],
        Reason.RATE,
    ),
    ({"minutes_per_day": 20}, [attempt(other(i)) for i in range(3)], Reason.MINUTES),
    ({"spend_cents_per_day": 100}, [attempt(other(i)) for i in range(3)], Reason.SPEND),
]


@pytest.mark.parametrize(("changes", "attempts", "reason"), RATES)
async def test_rates_minutes_and_money_run_out(
    changes: dict[str, int], attempts: list[Attempt], reason: Reason
) -> None:
    guard = Guard(limits(**changes))
    assert [await refusal(guard, each) for each in attempts] == [None, None, reason]
    # What was refused was not counted, and a day later there is room again.
    later = NOON + timedelta(days=1)
    assert [await refusal(guard, each, later) for each in attempts] == [None, None, reason]


async def test_at_once_no_more_calls_get_through_than_one_after_another() -> None:
    guard = Guard(limits(calls_per_day=7))
    wanted = [attempt(other(i), persona=f"p{i}", by=f"k{i}") for i in range(40)]
    results = await asyncio.gather(*(refusal(guard, each) for each in wanted))
    assert results.count(None) == 7


async def test_a_call_counts_with_its_longest_duration_until_it_has_ended() -> None:
    guard = Guard(limits(minutes_per_day=20, spend_cents_per_day=100))
    to, receipt = await guard.call(attempt(other(1)), NOON)
    await guard.call(attempt(other(2)), NOON)
    assert await refusal(guard, attempt(other(3))) is Reason.MINUTES
    await guard.settle(receipt, 61, to.number)
    assert await refusal(guard, attempt(other(3), s=480)) is None
    assert await refusal(guard, attempt(other(4), s=60)) is Reason.MINUTES


def test_the_longest_prefix_tells_the_price() -> None:
    priced = limits(cents_per_minute=3, rates={"+44": 8, "+447": 20})
    prices = [cents_per_minute(n, priced) for n in ("+4479", "+4420", "+1415")]
    assert prices == [20, 8, 3]


class Broken:
    """A database that is down."""

    async def claim(self, claims: Sequence[Claim], now: datetime) -> Receipt | Claim:
        raise StorageUnavailable("down")

    async def settle(self, receipt: Receipt, used: Mapping[str, int]) -> None:
        raise StorageUnavailable("down")

    async def has(self, number: str) -> bool:
        raise StorageUnavailable("down")


async def test_what_cannot_be_counted_is_not_done() -> None:
    assert await refusal(Guard(OPEN, Broken()), attempt()) is Reason.UNAVAILABLE
    assert await refusal(Guard(OPEN, do_not_call=Broken()), attempt()) is Reason.UNAVAILABLE
    await Guard(OPEN, Broken()).settle(Receipt("r"), 60, THEIRS)
    both = DoNotCallLists(DoNotCallList(), DoNotCallList([THEIRS]))
    assert await refusal(Guard(OPEN, do_not_call=both), attempt()) is Reason.DO_NOT_CALL
    assert await refusal(Guard(OPEN, do_not_call=both), attempt(other(1))) is None


# Transfers and texts -----------------------------------------------------------------------------


async def test_transfers_go_to_listed_targets_only() -> None:
    """S004-82."""
    guard = Guard(limits(contacts={"Front Desk": THEIRS, "Sales": "+12125551212"}))
    listed = ["front desk", "+44 20 7946 0958"]
    for asked, number in (
        ("front desk", THEIRS),
        ("FRONT DESK ", THEIRS),
        (THEIRS, THEIRS),
        ("+442079460958", "+442079460958"),
    ):
        to, _ = await guard.transfer(attempt(asked), listed, NOON)
        assert to.number == number
    for asked in ("Sales", "+12125551212", "+19005550123", "the police", ""):
        with pytest.raises(Refused) as caught:
            await guard.transfer(attempt(asked), listed, NOON)
        assert caught.value.reason is Reason.NOT_LISTED
    # A name that nobody knows is no number, and no two of those are the same target.
    with pytest.raises(Refused):
        await guard.transfer(attempt("nobody"), ["somebody"], NOON)


async def test_a_caller_cannot_be_transferred_over_and_over() -> None:
    guard = Guard(limits(calls_per_caller_hour=2))
    for _ in range(2):
        await guard.transfer(attempt(by=THEIRS), [THEIRS], NOON)
    with pytest.raises(Refused) as caught:
        await guard.transfer(attempt(by=THEIRS), [THEIRS], NOON)
    assert caught.value.reason is Reason.RATE


async def test_texts_are_counted_by_number_and_persona() -> None:
    """S004-84."""
    guard = Guard(limits(texts_per_number_day=1, texts_per_persona_hour=2))
    await guard.text(THEIRS, "rachel", NOON)
    with pytest.raises(Refused):
        await guard.text(THEIRS, "tom", NOON)
    await guard.text(other(1), "rachel", NOON)
    with pytest.raises(Refused):
        await guard.text(other(2), "rachel", NOON)
