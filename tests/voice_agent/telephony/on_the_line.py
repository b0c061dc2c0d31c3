"""A server's telephone side on loopback: carrier, webhooks, and calls that note what they hear."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.voice_agent.telephony.twilio_rest import ACCOUNT, Call, TwilioRest, twilio_rest
from voice_agent.sections import OutgoingSettings
from voice_agent.telephony.effects import TelephoneEffects
from voice_agent.telephony.exchange import Exchange
from voice_agent.telephony.limits import DoNotCallList, Guard
from voice_agent.telephony.live import Ticket, Tickets
from voice_agent.telephony.outgoing import Dialer, Ended
from voice_agent.telephony.rest import Rest, connected
from voice_agent.telephony.transfer import TransferOutcome, Transfers
from voice_agent.telephony.urls import Urls
from voice_agent.web.signed import Signed
from voice_agent.web.telephone import TelephoneRoutes
from voice_pipelines.engine.clock import LoopClock

PUBLIC = "https://agent.example.com"
OWN, THEIRS, DESK = "+14155550100", "+14155552671", "+12125551212"
NOON = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
HANG_S = 30


@dataclass
class NotedCall:
    """A live call that notes what it is told."""

    call_sid: str
    conversation_id: str = "conversation 1"
    persona: str = "rachel"
    remote: str = THEIRS
    own: str = OWN
    told: list[str] = field(default_factory=list)
    played: bytes = b""

    async def spoken(self, within_s: float) -> None:
        self.told.append("spoken")

    def end(self, reason: str) -> None:
        self.told.append(f"end {reason}")

    def leave_message(self, text: str) -> None:
        self.told.append(f"message {text}")

    def play(self, mulaw: bytes) -> None:
        self.played += mulaw

    def leaves(self) -> None:
        self.told.append("leaves")

    def stays(self) -> None:
        self.told.append("stays")


@dataclass
class NotedConversations:
    """Conversations that note what becomes of them."""

    clock: LoopClock
    tickets: Tickets
    noted: list[str] = field(default_factory=list)

    def resume_token(self, conversation_id: str) -> str:
        return self.tickets.issue(Ticket("", resumes=conversation_id), self.clock.now())

    def learn(self, conversation_id: str, fact: str) -> None:
        self.noted.append(fact)

    def over(self, conversation_id: str, reason: str) -> None:
        self.noted.append(reason)


@dataclass
class Telephone:
    """Everything, wired as the server wires it."""

    exchange: Exchange
    carrier: TwilioRest
    rest: Rest
    guard: Guard
    tickets: Tickets
    conversations: NotedConversations
    transfers: Transfers
    dialer: Dialer
    clock: LoopClock
    url: str
    """Where the webhooks are."""
    live: dict[str, NotedCall] = field(default_factory=dict)
    ended: list[Ended] = field(default_factory=list)
    transferred: list[TransferOutcome] = field(default_factory=list)

    def find(self, call_sid: str) -> NotedCall | None:
        return self.live.get(call_sid)

    def connected(self) -> NotedCall:
        """Somebody has called us and is on the line."""
        call = self.carrier.receive(OWN, THEIRS)
        noted = self.live[call.sid] = NotedCall(call.sid)
        return noted

    def effects(self, live: NotedCall, *transfer_to: str) -> TelephoneEffects:
        return self.exchange.effects(live, transfer_to)

    def call(self, sid: str) -> Call:
        return self.carrier.calls[sid]


class _Later:
    """Live calls that are known later than who asks for them."""

    def __init__(self) -> None:
        self.telephone: Telephone | None = None

    def find(self, call_sid: str) -> NotedCall | None:
        assert self.telephone is not None
        return self.telephone.find(call_sid)


@asynccontextmanager
async def telephone(
    do_not_call: tuple[str, ...] = (), secret: str = ACCOUNT.auth_token, **changes: Any
) -> AsyncIterator[Telephone]:
    """The telephone side of a server; `changes` are of the settings in `[outgoing]`."""
    settings = msgspec.structs.replace(
        OutgoingSettings(countries=("US",), from_number=OWN), **changes
    )
    async with twilio_rest(PUBLIC) as carrier, connected(ACCOUNT, carrier.url) as rest:
        carrier.own(OWN)
        clock = LoopClock(asyncio.get_running_loop())
        tickets = Tickets(60_000, 60_000)
        conversations = NotedConversations(clock, tickets)
        ended: list[Ended] = []
        transferred: list[TransferOutcome] = []
        later = _Later()
        exchange = Exchange(
            rest,
            Urls(PUBLIC),
            settings,
            tickets,
            later,
            conversations,
            clock,
            do_not_call=DoNotCallList(do_not_call),
            own=[OWN],
            now=lambda: NOON,
            call_ended=ended.append,
            transfer_ended=lambda _, how: transferred.append(how),
        )
        guard, transfers, dialer = exchange.guard, exchange.transfers, exchange.dialer
        application = web.Application()
        application.add_routes(TelephoneRoutes(Signed(PUBLIC, secret), dialer, transfers).routes())
        async with TestServer(application) as server:
            carrier.reach = str(server.make_url("")).rstrip("/")
            later.telephone = Telephone(
                exchange, carrier, rest, guard, tickets, conversations, transfers, dialer, clock,
                carrier.reach, ended=ended, transferred=transferred,
            )  # fmt: skip
            yield later.telephone
            carrier.stop()
            assert {status for _, _, status in carrier.webhooks} <= {200, 204}
