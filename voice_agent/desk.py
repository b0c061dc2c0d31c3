"""Where the telephone and the conversations meet: who speaks on a stream, and what goes on."""

import structlog

from voice_pipelines.ports import Clock

from .calls.plan import CallPlan
from .calls.reception import NobodyOfThatName, Reception
from .calls.session import Switchboard
from .telephony.live import Ticket, Tickets

log = structlog.get_logger()


class Desk:
    """Satisfies `telephony.live.Resumable`, and plans the calls of media streams."""

    def __init__(
        self, switchboard: Switchboard, reception: Reception, tickets: Tickets, clock: Clock
    ) -> None:
        """`clock` is the one that the tickets go by."""
        self._switchboard = switchboard
        self._reception = reception
        self._tickets = tickets
        self._clock = clock

    async def receive(self, ticket: Ticket) -> CallPlan:
        """Who speaks on the stream that brings `ticket`, once the stream before it is over."""
        if ticket.resumes:
            await self._switchboard.leave(ticket.resumes)
        return self.plan(ticket)

    def plan(self, ticket: Ticket) -> CallPlan:
        """Who speaks on the stream that brings `ticket`. Somebody always does."""
        if ticket.resumes:
            plan = self._switchboard.kept.take(ticket.resumes)
            if plan is not None:
                return plan
            log.warning("conversation_not_kept")
        try:
            return self._planned(ticket, ticket.persona)
        except NobodyOfThatName:
            log.warning("persona_not_published", persona=ticket.persona)
            return self._planned(ticket, self._reception.default.name)

    def _planned(self, ticket: Ticket, persona: str) -> CallPlan:
        if not ticket.outgoing:
            return self._reception.called(ticket.own, ticket.remote, persona)
        return self._reception.asked_for(
            persona,
            {str(key): value for key, value in ticket.details.items()},  # type: ignore[misc]
            user_id=ticket.remote,
            direction="outbound",
            remote=ticket.remote,
            own=ticket.own,
        )

    def resume_token(self, conversation_id: str) -> str:
        """A single-use token with which a new media stream goes on with the conversation."""
        live = self._switchboard.conversation(conversation_id)
        kept = self._switchboard.kept.get(conversation_id)
        plan = live.plan if live else kept
        remote, own = (plan.remote, plan.own) if plan else ("", "")
        ticket = Ticket(remote, own, resumes=conversation_id)
        return self._tickets.issue(ticket, self._clock.now(), ringing=True)

    def learn(self, conversation_id: str, fact: str) -> None:
        """Something that the agent is to know and to react to when it is back."""
        live = self._switchboard.conversation(conversation_id)
        if live is not None and not live.leaving:
            live.react(fact)
        else:
            self._switchboard.kept.learn(conversation_id, fact)

    def over(self, conversation_id: str, reason: str) -> None:
        """The conversation does not go on."""
        self._switchboard.over(conversation_id, reason)
