"""Whether what a user says is answered: so many messages, over all conversations."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from voice_pipelines.conversation.commands import Command, StartReply

from ..personas.message_limit import DEFAULT_MESSAGE, limit_of
from .answers import Answers
from .limits import Allowance
from .plan import CallPlan

Spawn = Callable[[Coroutine[Any, Any, bool]], "asyncio.Task[bool]"]


@dataclass(slots=True)
class _Message:
    """Words of the caller that are answered once, by whichever draft it will be."""

    counting: "asyncio.Task[bool] | None" = None


class Admission:
    """Counts each message of one conversation once, however often its answer is begun anew.

    A message is counted before the language model is asked, so that calls of the same user at the
    same time get no more than the limit together. Dropped drafts keep what was counted for them: it
    is used up when an answer is released.
    """

    def __init__(
        self, plan: CallPlan, allowance: Allowance, spawn: Spawn, now: Callable[[], datetime]
    ) -> None:
        """`spawn` starts a task that outlives the draft that waits for it."""
        self._plan = plan
        self._allowance = allowance
        self._spawn = spawn
        self._now = now
        self._answers = Answers()
        self._message = _Message()
        """What is being spoken."""
        self._answered_by: dict[int, _Message] = {}
        """By turn. An answer may be released before anybody has asked whether it may be given."""

    async def __call__(self, start: StartReply) -> str | None:
        """What the agent shall say instead of an answer; None to answer."""
        if start.reaction:
            return None
        rate_limit, user = self._plan.persona.rate_limit, self._plan.user_id
        limit = limit_of(rate_limit, user)
        message = self._answered_by.get(start.turn, self._message)
        if message.counting is None:
            plan = self._plan
            counting = self._allowance.use(
                plan.conversation_id, plan.persona_id, user, limit, self._now()
            )
            message.counting = self._spawn(counting)
        if limit is None:
            return None  # It is counted for the account alone; nobody waits for that.
        if await asyncio.shield(message.counting):
            return None
        return rate_limit.message or DEFAULT_MESSAGE

    def command(self, command: Command) -> None:
        """An order of the conversation. To be told each before it is carried out."""
        if isinstance(command, StartReply) and not command.reaction:
            self._answered_by[command.turn] = self._message
        if self._answers.command(command):
            # The newest may still have to ask; those before it were dropped.
            self._answered_by = dict(list(self._answered_by.items())[-1:])
            self._message = _Message()
