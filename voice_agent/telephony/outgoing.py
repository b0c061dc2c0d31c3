"""Outgoing calls: placed, followed through their states, and told how they ended.

The carrier's webhooks carry an id of ours in their address, because they may come before the answer
to the request that placed the call.

::

    placed --> ringing --> answered --(a person)-----------------> ended: ANSWERED
                  |            +-----(a machine)--> message -----> ended: MACHINE
                  +--> ended: BUSY, NO_ANSWER, FAILED, CANCELED
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

import structlog

from voice_pipelines.ports import Clock

from ..calls.claims import Receipt
from ..errors import ConfigurationError
from . import twiml
from .errors import TwilioError, Unconfirmed
from .limits import Attempt, Guard
from .live import LiveCalls, Ticket, Tickets
from .rest import CallRequest, Rest
from .urls import OUTGOING_MACHINE_PATH, OUTGOING_STATUS_PATH, Urls

_LOOK_S = 30.0
"""How often the carrier is asked about a call whose end somebody waits for."""
_SPARE_MS = 120_000
"""How much longer than it may last a call can take to be reported."""
_KEPT = 10_000
"""Calls that are remembered; of more, the oldest are forgotten."""

log = structlog.get_logger()


class Outcome(Enum):
    """How an outgoing call ended."""

    ANSWERED = "answered"
    MACHINE = "machine"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An outgoing call that somebody wants."""

    persona: str
    """Its id."""
    to: str
    asked_by: str
    """The API key's id, or whoever else is to be held to the limits."""
    details: Mapping[str, object] = field(default_factory=dict)
    from_number: str = ""
    """The number that is shown; empty for `outgoing.from_number`."""
    voicemail_message: str = ""
    """Left on an answering machine; empty to hang up."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The carrier has taken the call."""

    id: str
    """Ours."""
    call_sid: str
    to: str
    """E.164."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over."""

    id: str
    call_sid: str
    persona: str
    outcome: Outcome
    seconds: int


_OUTCOMES = {
    "completed": Outcome.ANSWERED,
    "busy": Outcome.BUSY,
    "no-answer": Outcome.NO_ANSWER,
    "failed": Outcome.FAILED,
    "canceled": Outcome.CANCELED,
}


def is_machine(answered_by: str) -> bool:
    """Whether this ``AnsweredBy`` is a machine; what is not known is taken for a person."""
    return answered_by.startswith("machine") or answered_by == "fax"


@dataclass(slots=True)
class _Progress:
    """An outgoing call that is followed."""

    wanted: Wanted
    to: str
    receipt: Receipt
    over_by: int
    """When it must have ended, whatever nobody told."""
    call_sid: str = ""
    machine: bool = False
    ended: Ended | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Dialer:
    """Places outgoing calls."""

    def __init__(
        self,
        rest: Rest,
        guard: Guard,
        tickets: Tickets,
        live: LiveCalls,
        urls: Urls,
        clock: Clock,
        now: Callable[[], datetime],
        told: Callable[[Ended], None] = lambda _: None,
    ) -> None:
        """`told` hears of the end of every call, once. `now` is for calling hours and limits."""
        self._rest = rest
        self._guard = guard
        self._tickets = tickets
        self._live = live
        self._urls = urls
        self._clock = clock
        self._now = now
        self._told = told
        self._calls: dict[str, _Progress] = {}

    async def call(self, wanted: Wanted) -> Placed:
        """Place a call that is never recorded by the carrier.

        Raises Refused, TwilioError, and ConfigurationError if there is no number to call from.
        """
        limits = self._guard.limits
        from_number = wanted.from_number or limits.from_number
        if not from_number:
            raise ConfigurationError(
                "There is no number to call from: give the persona one in `telephone.numbers`, or "
                "set `outgoing.from_number`."
            )
        attempt = Attempt(wanted.to, wanted.persona, wanted.asked_by, limits.max_call_s)
        to, receipt = await self._guard.call(attempt, self._now())
        call_id = secrets.token_urlsafe(16)
        over_by = self._clock.now() + (limits.ring_s + limits.max_call_s) * 1000 + _SPARE_MS
        progress = _Progress(wanted, to.number, receipt, over_by)
        self._remember(call_id, progress)
        ticket = Ticket(to.number, from_number, wanted.persona, wanted.details, outgoing=call_id)
        token = self._tickets.issue(ticket, self._clock.now(), ringing=True)
        parameters = {twiml.TOKEN_PARAMETER: token, twiml.FROM_PARAMETER: to.number}
        machine_url = self._urls.at(OUTGOING_MACHINE_PATH, call_id)
        request = CallRequest(
            to=to.number,
            from_=from_number,
            twiml=twiml.connect_stream(self._urls.media, parameters),
            status_callback=self._urls.at(OUTGOING_STATUS_PATH, call_id),
            timeout_s=limits.ring_s,
            time_limit_s=limits.max_call_s,
            machine_callback=machine_url if limits.detect_machines else "",
            wait_for_beep=bool(wanted.voicemail_message),
        )
        try:
            placed = await self._rest.call(request)
        except Unconfirmed:
            raise  # It may ring: it stays counted, and its webhooks are understood.
        except TwilioError as error:
            del self._calls[call_id]
            await self._guard.settle(receipt, 0, to.number)
            log.warning("outgoing_call_refused", code=error.code, status=error.status)
            raise
        progress.call_sid = placed.sid
        log.info("outgoing_call_placed", id=call_id, call_sid=placed.sid)
        return Placed(call_id, placed.sid, to.number)

    async def cancel(self, call_id: str) -> None:
        """End a call, or stop it from ringing. Raises TwilioError; KeyError if it is not known."""
        await self._rest.hang_up(self._calls[call_id].call_sid)

    async def outcome(self, call_id: str) -> Ended:
        """Wait for the end of a call. Raises KeyError if it is not known.

        If the carrier's webhook does not get through, the carrier is asked. A call of which nothing
        is known after its longest time has failed.
        """
        progress = self._calls[call_id]
        while progress.ended is None:
            try:
                await asyncio.wait_for(progress.over.wait(), _LOOK_S)
            except TimeoutError:
                await self._look(call_id, progress)
                if self._clock.now() > progress.over_by:
                    await self._follow(call_id, progress, "failed", 0)
        return progress.ended

    # Webhooks ------------------------------------------------------------------------------------

    async def status_changed(self, call_id: str, form: Mapping[str, str]) -> None:
        """The carrier tells how the call goes on."""
        if (progress := self._calls.get(call_id)) is None:
            return
        progress.call_sid = progress.call_sid or form.get("CallSid", "")
        seconds = form.get("CallDuration", "")
        await self._follow(
            call_id,
            progress,
            form.get("CallStatus", ""),
            int(seconds) if seconds.isdecimal() else 0,
        )

    async def answered(self, call_id: str, answered_by: str) -> None:
        """The carrier knows who answered. Raises TwilioError."""
        progress = self._calls.get(call_id)
        if progress is None or progress.ended is not None or not is_machine(answered_by):
            return
        log.info("outgoing_call_machine", id=call_id, answered_by=answered_by)
        progress.machine = True
        message = progress.wanted.voicemail_message
        live = self._live.find(progress.call_sid)
        if answered_by == "fax" or not message:
            await self._rest.hang_up(progress.call_sid)
        elif live is not None:
            live.leave_message(message)
        else:  # The agent is not on the line; the carrier's own voice is better than silence.
            await self._rest.redirect(progress.call_sid, twiml.say_and_hang_up(message))

    # Inside --------------------------------------------------------------------------------------

    async def _follow(self, call_id: str, progress: _Progress, status: str, seconds: int) -> None:
        outcome = _OUTCOMES.get(status)
        if outcome is None or progress.ended is not None:
            return
        if outcome is Outcome.ANSWERED and progress.machine:
            outcome = Outcome.MACHINE
        persona = progress.wanted.persona
        progress.ended = Ended(call_id, progress.call_sid, persona, outcome, seconds)
        progress.over.set()
        log.info("outgoing_call_ended", id=call_id, outcome=outcome.value, seconds=seconds)
        await self._guard.settle(progress.receipt, seconds, progress.to)
        self._told(progress.ended)

    async def _look(self, call_id: str, progress: _Progress) -> None:
        if not progress.call_sid:
            return
        try:
            state = await self._rest.call_state(progress.call_sid)
        except TwilioError as error:
            log.warning("outgoing_call_unknown", id=call_id, code=error.code)
            return
        await self._follow(call_id, progress, state.status, state.duration_s)

    def _remember(self, call_id: str, progress: _Progress) -> None:
        while len(self._calls) >= _KEPT:
            del self._calls[next(iter(self._calls))]
        self._calls[call_id] = progress
