"""Cold transfers: the carrier connects the caller to somebody else, or brings the caller back.

The new TwiML ends the caller's media stream, so the conversation is kept meanwhile; `Resumable`
keeps it. What the carrier tells along the way is collected under an id of ours::

    start --> (the callee rings) --> screened, accepted, a machine --> ended
                                                                        | connected: it is over
                                                                        + else: a new media stream
"""

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import structlog

from ..calls.claims import Receipt
from . import twiml
from .errors import TwilioError, Unconfirmed
from .limits import Attempt, Guard
from .live import LiveCall, Resumable
from .outgoing import is_machine
from .rest import Rest
from .urls import (
    TRANSFER_ACCEPT_PATH,
    TRANSFER_ENDED_PATH,
    TRANSFER_MACHINE_PATH,
    TRANSFER_SCREEN_PATH,
    Urls,
)

SPOKEN_S = 20.0
"""How long the agent may take to finish what it says before the caller leaves it."""
_KEPT = 10_000
_QUESTION = "You have a call from an assistant. Press 1 to take it."

log = structlog.get_logger()


class TransferOutcome(Enum):
    """How a transfer ended."""

    CONNECTED = "connected"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    """Somebody answered and did not take the call."""
    VOICEMAIL = "voicemail"
    FAILED = "failed"
    CALLER_LEFT = "caller_left"


_FACTS = {
    TransferOutcome.BUSY: "The line was busy.",
    TransferOutcome.NO_ANSWER: "Nobody answered.",
    TransferOutcome.DECLINED: "They could not take the call.",
    TransferOutcome.VOICEMAIL: "An answering machine answered.",
    TransferOutcome.FAILED: "The number could not be reached.",
}


@dataclass(slots=True)
class _Transfer:
    """A transfer that is under way, or was."""

    conversation_id: str
    remote: str
    number: str
    receipt: Receipt
    screening: bool
    accepted: bool = False
    machine: bool = False
    outcome: TransferOutcome | None = None


def judged(
    dial_status: str, call_status: str, screening: bool, accepted: bool, machine: bool
) -> TransferOutcome:
    """How a transfer ended, from what the carrier said of the dialing and of the caller's call.

    A callee who hangs up during the screening is ``completed`` for the carrier.
    """
    match dial_status:
        case "completed" | "answered" | "no-answer" if machine and not accepted:
            outcome = TransferOutcome.VOICEMAIL
        case "completed" | "answered" if screening and not accepted:
            outcome = TransferOutcome.DECLINED
        case "completed" | "answered":
            return TransferOutcome.CONNECTED
        case "busy":
            outcome = TransferOutcome.BUSY
        case "no-answer":
            outcome = TransferOutcome.NO_ANSWER
        case _:
            outcome = TransferOutcome.FAILED
    return TransferOutcome.CALLER_LEFT if call_status == "completed" else outcome


class Transfers:
    """Transfers callers and takes them back."""

    def __init__(
        self,
        rest: Rest,
        guard: Guard,
        conversations: Resumable,
        urls: Urls,
        now: Callable[[], datetime],
        told: Callable[[str, TransferOutcome], None] = lambda *_: None,
    ) -> None:
        """`told` hears of (conversation id, outcome) when a transfer has ended."""
        self._rest = rest
        self._guard = guard
        self._conversations = conversations
        self._urls = urls
        self._now = now
        self._told = told
        self._transfers: dict[str, _Transfer] = {}

    async def start(self, live: LiveCall, target: str, allowed: Collection[str]) -> None:
        """Transfer the caller as soon as the agent has finished speaking.

        `allowed` are the persona's targets. Raises Refused and TwilioError; the call then goes on,
        except that after Unconfirmed it may be transferred all the same.
        """
        limits = self._guard.limits
        attempt = Attempt(target, live.persona, live.remote, limits.max_call_s)
        to, receipt = await self._guard.transfer(attempt, allowed, self._now())
        transfer_id = secrets.token_urlsafe(16)
        self._remember(
            transfer_id,
            _Transfer(
                live.conversation_id, live.remote, to.number, receipt, limits.transfer_screening
            ),
        )
        orders = twiml.dial(
            to.number,
            caller_id=live.own,
            ring_s=limits.transfer_ring_s,
            time_limit_s=limits.max_call_s,
            action=self._urls.at(TRANSFER_ENDED_PATH, transfer_id),
            screen=self._url_if(limits.transfer_screening, TRANSFER_SCREEN_PATH, transfer_id),
            machine_callback=self._url_if(
                limits.detect_machines, TRANSFER_MACHINE_PATH, transfer_id
            ),
        )
        await live.spoken(SPOKEN_S)
        live.leaves()
        try:
            await self._rest.redirect(live.call_sid, orders)
        except Unconfirmed:
            raise  # It may be under way: the caller must be able to come back from it.
        except TwilioError as error:
            live.stays()
            del self._transfers[transfer_id]
            await self._guard.settle(receipt, 0, to.number)
            log.warning("transfer_refused", code=error.code, status=error.status)
            raise
        log.info("transfer_started", id=transfer_id)

    # Webhooks ------------------------------------------------------------------------------------

    def screen(self, transfer_id: str) -> str:
        """The callee has answered: TwiML with a question only for the callee."""
        if transfer_id not in self._transfers:
            return twiml.hang_up()
        return twiml.ask_for_one(_QUESTION, self._urls.at(TRANSFER_ACCEPT_PATH, transfer_id))

    def accept(self, transfer_id: str, digits: str) -> str:
        """The callee has pressed a key: TwiML that connects the two, or does not."""
        transfer = self._transfers.get(transfer_id)
        if transfer is None or digits != "1":
            return twiml.hang_up()
        transfer.accepted = True
        return twiml.go_on()

    async def answered(self, transfer_id: str, call_sid: str, answered_by: str) -> None:
        """The carrier knows who answered on the call `call_sid`. Raises TwilioError."""
        transfer = self._transfers.get(transfer_id)
        if transfer is None or transfer.accepted or not is_machine(answered_by):
            return
        transfer.machine = True
        await self._rest.hang_up(call_sid)  # Nobody is to talk to a machine.

    async def ended(self, transfer_id: str, form: Mapping[str, str]) -> str:
        """The dialing is over: TwiML that hangs up, or brings the caller back to the agent.

        The carrier may ask twice; the second answer is as good as the first.
        """
        transfer = self._transfers.get(transfer_id)
        if transfer is None:
            return twiml.hang_up()
        if (outcome := transfer.outcome) is None:
            outcome = transfer.outcome = judged(
                form.get("DialCallStatus", ""),
                form.get("CallStatus", ""),
                transfer.screening,
                transfer.accepted,
                transfer.machine,
            )
            seconds = form.get("DialCallDuration", "")
            await self._guard.settle(
                transfer.receipt, int(seconds) if seconds.isdecimal() else 0, transfer.number
            )
            log.info("transfer_ended", id=transfer_id, outcome=outcome.value)
            if outcome in _FACTS:
                fact = f"(The transfer did not succeed. {_FACTS[outcome]} The caller is back.)"
                self._conversations.learn(transfer.conversation_id, fact)
            else:
                self._conversations.over(transfer.conversation_id, f"transfer_{outcome.value}")
            self._told(transfer.conversation_id, outcome)
        if outcome not in _FACTS:
            return twiml.hang_up()
        return twiml.connect_stream(self._urls.media, self._resuming(transfer))

    # Inside --------------------------------------------------------------------------------------

    def _resuming(self, transfer: _Transfer) -> dict[str, str]:
        token = self._conversations.resume_token(transfer.conversation_id)
        return {twiml.TOKEN_PARAMETER: token, twiml.FROM_PARAMETER: transfer.remote}

    def _url_if(self, wanted: bool, path: str, transfer_id: str) -> str:
        return self._urls.at(path, transfer_id) if wanted else ""

    def _remember(self, transfer_id: str, transfer: _Transfer) -> None:
        while len(self._transfers) >= _KEPT:
            del self._transfers[next(iter(self._transfers))]
        self._transfers[transfer_id] = transfer
