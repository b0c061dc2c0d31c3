"""Whether what a user says is answered: so many messages, over all conversations."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from voice_pipelines.conversation.commands import Command, Release, StartReply

from ..personas.message_limit import DEFAULT_MESSAGE, limit_of
from .limits import Allowance
from .plan import CallPlan

Spawn = Callable[[Coroutine[Any, Any, bool]], "asyncio.Task[bool]"]


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
        self._counting: asyncio.Task[bool] | None = None
        """For the message that is being spoken or answered."""
        self._answers: set[int] = set()

    async def __call__(self, start: StartReply) -> str | None:
        """What the agent shall say instead of an answer; None to answer."""
        if start.reaction:
            return None
        rate_limit, user = self._plan.persona.rate_limit, self._plan.user_id
        if self._counting is None:
            limit = limit_of(rate_limit, user)
            plan = self._plan
            counting = self._allowance.use(
                plan.conversation_id, plan.persona_id, user, limit, self._now()
            )
            self._counting = self._spawn(counting)
            if limit is None:
                return None  # It is counted for the account alone; nobody waits for that.
        if await asyncio.shield(self._counting):
            return None
        return rate_limit.message or DEFAULT_MESSAGE

    def command(self, command: Command) -> None:
        """An order of the conversation."""
        match command:
            case StartReply(turn, _, reaction) if not reaction:
                self._answers.add(turn)
            case Release(turn) if turn in self._answers:
                self._answers.clear()
                self._counting = None
            case _:
                pass
