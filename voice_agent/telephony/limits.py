"""What limits outgoing calls, transfers and text messages, decided before the carrier is asked.

Three questions, in this order: may this *number* be dialed at all (`destination`), may it be dialed
*now* (the list of those who do not want to be called, the hours where it is), and is there *room*
(rates, minutes and money, counted together in one step, so that calls at the same time cannot slip
through between looking and counting). Nothing that a caller or the language model says is an
argument of a limit: it can only ask.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from ..calls.claims import Claim, Claims, MemoryClaims, Receipt
from ..errors import StorageUnavailable
from ..sections import OutgoingSettings
from .destination import Destination, Reason, Refused, canonical, destination

HOUR_S, DAY_S = 3600, 86_400
_UNAVAILABLE = "Calls cannot be counted now, because the database is not there."

log = structlog.get_logger()


# Deciding ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody wants a number to be dialed."""

    to: str
    """As it was written."""
    persona: str
    asked_by: str
    """Who wants it: an API key's id, or the number of the caller who is transferred."""
    seconds: int
    """How long the call may last at most."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is wanted of a limit, and what is said if it is too much."""

    claim: Claim
    reason: Reason
    sentence: str


def call_demands(attempt: Attempt, to: Destination, limits: OutgoingSettings) -> tuple[Demand, ...]:
    """What an outgoing call needs of the limits."""
    return (
        Demand(
            Claim(f"calls of {attempt.persona}", 1, limits.calls_per_persona_hour, HOUR_S),
            Reason.RATE,
            "This persona has made too many calls (`outgoing.calls_per_persona_hour`).",
        ),
        Demand(
            Claim(f"calls to {to.number}", 1, limits.calls_per_number_day, DAY_S),
            Reason.RATE,
            "This number was called too often today (`outgoing.calls_per_number_day`).",
        ),
        *transfer_demands(attempt, to, limits),
    )


def transfer_demands(
    attempt: Attempt, to: Destination, limits: OutgoingSettings
) -> tuple[Demand, ...]:
    """What a transfer needs of them: its target is there to be called, however often."""
    minutes = -(-attempt.seconds // 60)
    spend = minutes * cents_per_minute(to.number, limits)
    return (
        Demand(
            Claim(f"calls by {attempt.asked_by}", 1, limits.calls_per_caller_hour, HOUR_S),
            Reason.RATE,
            "The same caller or key asked for too many calls (`outgoing.calls_per_caller_hour`).",
        ),
        Demand(
            Claim("calls", 1, limits.calls_per_day, DAY_S),
            Reason.RATE,
            "Too many calls were made today (`outgoing.calls_per_day`).",
        ),
        Demand(
            Claim("minutes", minutes, limits.minutes_per_day, DAY_S),
            Reason.MINUTES,
            "The minutes of today are used up (`outgoing.minutes_per_day`).",
        ),
        Demand(
            Claim("spend", spend, limits.spend_cents_per_day, DAY_S),
            Reason.SPEND,
            "What may be spent today is used up (`outgoing.spend_cents_per_day`).",
        ),
    )


def text_demands(persona: str, to: Destination, limits: OutgoingSettings) -> tuple[Demand, ...]:
    """What a text message needs of the limits."""
    return (
        Demand(
            Claim(f"texts to {to.number}", 1, limits.texts_per_number_day, DAY_S),
            Reason.RATE,
            "This number was texted too often today (`outgoing.texts_per_number_day`).",
        ),
        Demand(
            Claim(f"texts of {persona}", 1, limits.texts_per_persona_hour, HOUR_S),
            Reason.RATE,
            "This persona has sent too many text messages (`outgoing.texts_per_persona_hour`).",
        ),
    )


def cents_per_minute(number: str, limits: OutgoingSettings) -> int:
    """What a minute costs: the rate of the longest prefix, or the general one."""
    fitting = [prefix for prefix in limits.rates if number.startswith(prefix)]
    return limits.rates[max(fitting, key=len)] if fitting else limits.cents_per_minute


def within_hours(zones: Sequence[str], limits: OutgoingSettings, now: datetime) -> bool:
    """Whether it is a time to call in all the `zones` where the callee may be."""
    if not limits.calling_hours:
        return True
    first, _, last = limits.calling_hours.partition("-")
    begins, ends = time.fromisoformat(first), time.fromisoformat(last)
    for zone in zones:
        try:
            there = now.astimezone(ZoneInfo(zone))
        except (ZoneInfoNotFoundError, ValueError):
            return False
        if there.isoweekday() not in limits.calling_days or not begins <= there.time() < ends:
            return False
    return bool(zones)  # Where it is may not be known: then nobody knows the hour either.


# Both together -----------------------------------------------------------------------------------


class DoNotCall(Protocol):
    """Who does not want to be called."""

    async def has(self, number: str) -> bool:
        """Whether the E.164 `number` is on the list."""


class DoNotCallList:
    """A list in memory. What is no number in it is an error: it would protect nobody."""

    def __init__(self, numbers: Iterable[str] = ()) -> None:
        """Raises ValueError."""
        self.numbers: set[str] = set()
        """E.164."""
        for written in numbers:
            self.add(written)

    def add(self, written: str) -> None:
        if (number := canonical(written)) is None:
            raise ValueError(f"{written!r} on the do-not-call list is no number such as +14155…")
        self.numbers.add(number)

    async def has(self, number: str) -> bool:
        return number in self.numbers


class DoNotCallLists:
    """Several lists as one."""

    def __init__(self, *lists: DoNotCall) -> None:
        self._lists = lists

    async def has(self, number: str) -> bool:
        for each in self._lists:
            if await each.has(number):
                return True
        return False


class Guard:
    """Stands before every request that makes the carrier dial or text somebody."""

    def __init__(
        self,
        limits: OutgoingSettings,
        counters: Claims | None = None,
        do_not_call: DoNotCall | None = None,
        own: Collection[str] = (),
    ) -> None:
        self.limits = limits
        self._counters = counters or MemoryClaims()
        self._do_not_call = do_not_call or DoNotCallList()
        self._own = own

    async def call(self, attempt: Attempt, now: datetime) -> tuple[Destination, Receipt]:
        """Allow an outgoing call and count it. Raises Refused."""
        to = self._destination(attempt.to)
        try:
            listed = await self._do_not_call.has(to.number)
        except StorageUnavailable as error:
            raise _logged(Reason.UNAVAILABLE, _UNAVAILABLE) from error
        if listed:
            raise _logged(Reason.DO_NOT_CALL, "This number is on the do-not-call list.")
        if not within_hours(to.zones, self.limits, now):
            raise _logged(
                Reason.HOURS,
                "It is not a time to call there (`outgoing.calling_hours`, in the callee's zone).",
            )
        return to, await self._claim(call_demands(attempt, to, self.limits), now)

    async def transfer(
        self, attempt: Attempt, allowed: Collection[str], now: datetime
    ) -> tuple[Destination, Receipt]:
        """Allow a transfer and count it; `allowed` are the persona's targets. Raises Refused.

        A target is one of `allowed`: a number in any way of writing it, or a name of
        `outgoing.contacts`. The calling hours and the do-not-call list are for people who are
        called unasked; targets of transfers were listed by the operator.
        """
        targets = {self._number_of(target): target for target in allowed}
        wanted = self._number_of(attempt.to)
        if wanted is None or wanted not in targets:
            raise _logged(
                Reason.NOT_LISTED, "Calls are not transferred there: it is not on the list."
            )
        to = self._destination(wanted)
        return to, await self._claim(transfer_demands(attempt, to, self.limits), now)

    async def text(self, to: str, persona: str, now: datetime) -> Destination:
        """Allow a text message and count it. Raises Refused."""
        found = self._destination(to)
        await self._claim(text_demands(persona, found, self.limits), now)
        return found

    async def settle(self, receipt: Receipt, seconds: int, number: str) -> None:
        """A call that was counted has ended, and lasted for so long."""
        minutes = -(-seconds // 60)
        spend = minutes * cents_per_minute(number, self.limits)
        try:
            await self._counters.settle(receipt, {"minutes": minutes, "spend": spend})
        except StorageUnavailable:
            log.warning("call_not_settled")  # It stays counted with its longest duration.

    def _number_of(self, target: str) -> str | None:
        name = target.strip().casefold()
        for contact, number in self.limits.contacts.items():
            if contact.casefold() == name:
                return canonical(number)
        return canonical(target)

    def _destination(self, written: str) -> Destination:
        try:
            return destination(written, self.limits.countries, self.limits.prefixes, self._own)
        except Refused as refused:
            log.warning("destination_refused", reason=refused.reason.value)
            raise

    async def _claim(self, demands: Sequence[Demand], now: datetime) -> Receipt:
        try:
            result = await self._counters.claim([demand.claim for demand in demands], now)
        except StorageUnavailable as error:
            raise _logged(Reason.UNAVAILABLE, _UNAVAILABLE) from error
        if isinstance(result, Receipt):
            return result
        refused = next(demand for demand in demands if demand.claim == result)
        raise _logged(refused.reason, refused.sentence)


def _logged(reason: Reason, sentence: str) -> Refused:
    log.warning("destination_refused", reason=reason.value)
    return Refused(reason, sentence)
