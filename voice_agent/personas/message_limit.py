"""How many messages of one user a persona answers, over all conversations.

The user is whom the conversation names (`details.userId`, on the telephone the caller's number).
Without one there is nobody to count for. Counting and refusing are one step of the counter's, so
that two calls of the same user at the same time get no more than the limit together. A message that
is refused is counted neither for the user nor for the account.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from .persona import RateLimit

DEFAULT_MESSAGE = "You have reached your message limit. Please try again later."


class MessageCounter(Protocol):
    """Counts messages of users and of the account."""

    async def use(self, persona_id: str, user_id: str, limit: int | None, at: datetime) -> bool:
        """Count one message unless the user has used up `limit` already; whether it was counted.

        Atomic whoever else counts at the same time. None stands for no limit.
        """


@dataclass(frozen=True, slots=True)
class Answer:
    """The message is answered as usual."""


@dataclass(frozen=True, slots=True)
class SayLimit:
    """The limit is reached: say this and do not ask the language model."""

    text: str


Decision: TypeAlias = Answer | SayLimit


def limit_of(rate_limit: RateLimit, user_id: str) -> int | None:
    """The limit that holds for this user; None if there is none or nobody is known."""
    return rate_limit.count if rate_limit.enabled and user_id else None


def decide(rate_limit: RateLimit, *, counted: bool) -> Decision:
    """What to do with a message that the counter did or did not count."""
    return Answer() if counted else SayLimit(rate_limit.message or DEFAULT_MESSAGE)


async def admit(
    rate_limit: RateLimit, counter: MessageCounter, persona_id: str, user_id: str, at: datetime
) -> Decision:
    """Count one message and decide on it."""
    limit = limit_of(rate_limit, user_id)
    return decide(rate_limit, counted=await counter.use(persona_id, user_id, limit, at))
