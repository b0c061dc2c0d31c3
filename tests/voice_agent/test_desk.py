"""Who speaks on a media stream."""

from dataclasses import dataclass

from voice_agent.calls.plan import CallPlan, Past
from voice_agent.calls.reception import Reception
from voice_agent.calls.session import Switchboard
from voice_agent.desk import Desk
from voice_agent.personas.persona import Persona, Telephone
from voice_agent.telemetry.metrics import Metrics
from voice_agent.telephony.live import Ticket, Tickets
from voice_pipelines.conversation.commands import Message

HOUSE = Persona(name="House", telephone=Telephone(numbers=("+15550199",)))
CALLER, OURS = "+15550100", "+15550199"


class Still:
    """A clock that stands."""

    def now(self) -> int:
        return 0


@dataclass
class Office:
    board: Switchboard
    tickets: Tickets
    desk: Desk

    def redeemed(self, token: str) -> CallPlan:
        ticket = self.tickets.redeem(token, 0)
        assert ticket is not None
        return self.desk.plan(ticket)


def office() -> Office:
    board, tickets = Switchboard(Metrics(), None, 1), Tickets(1000, 1000)
    return Office(board, tickets, Desk(board, Reception(HOUSE), tickets, Still()))


def test_a_call_that_comes_in() -> None:
    plan = office().desk.plan(Ticket(CALLER, OURS))
    assert (plan.persona, plan.remote, plan.own) == (HOUSE, CALLER, OURS)
    assert (plan.direction, plan.user_id) == ("inbound", CALLER)


def test_a_call_that_goes_out() -> None:
    """S004-87: the details reach the conversation."""
    plan = office().desk.plan(Ticket(CALLER, OURS, "House", {"name": "Ann"}, outgoing="call 1"))
    assert plan.details == {"name": "Ann", "userId": CALLER}
    assert (plan.direction, plan.remote, plan.own) == ("outbound", CALLER, OURS)


def test_somebody_always_answers() -> None:
    """S004-88: what was an outgoing call stays one, so that it is not recorded by mistake."""
    desk = office().desk
    incoming = desk.plan(Ticket(CALLER, OURS, "Nobody"))
    assert (incoming.persona, incoming.direction, incoming.own) == (HOUSE, "inbound", OURS)
    for asked in ("Nobody", ""):
        outgoing = desk.plan(Ticket(CALLER, OURS, asked, {"name": "Ann"}, outgoing="call 1"))
        assert (outgoing.persona, outgoing.direction, outgoing.own) == (HOUSE, "outbound", OURS)
        assert outgoing.details["name"] == "Ann"


def test_a_conversation_goes_on_with_what_has_happened() -> None:
    here = office()
    plan = CallPlan(conversation_id="c", persona=HOUSE, remote=CALLER, own=OURS)
    past = Past((Message("user", "My boss, please"),), {"name": "Ann"})
    here.board.kept.keep(plan, past)
    here.desk.learn("c", "The line was busy.")
    token = here.desk.resume_token("c")
    back = here.redeemed(token)
    assert (back.conversation_id, back.past, back.note) == ("c", past, "The line was busy.")
    assert here.tickets.redeem(token, 0) is None, "a token is good for one stream"


def test_a_conversation_that_is_gone_begins_anew() -> None:
    here = office()
    plan = here.redeemed(here.desk.resume_token("c"))
    assert plan.conversation_id != "c" and plan.past is None and plan.persona is HOUSE


def test_a_conversation_that_is_over_is_forgotten() -> None:
    here = office()
    here.board.kept.keep(CallPlan(conversation_id="c", persona=HOUSE), Past(()))
    here.desk.over("c", "transfer_connected")
    assert len(here.board.kept) == 0
