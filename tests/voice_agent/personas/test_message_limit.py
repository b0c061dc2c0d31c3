"""How many messages of one user are answered."""

from collections import Counter
from datetime import UTC, datetime

from voice_agent.personas.message_limit import (
    DEFAULT_MESSAGE,
    Answer,
    Decision,
    SayLimit,
    admit,
    decide,
    limit_of,
)
from voice_agent.personas.persona import RateLimit

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LIMIT = RateLimit(enabled=True, count=3, message="That was all.")


class Memory:
    """A counter of one process."""

    def __init__(self) -> None:
        self.users: Counter[tuple[str, str]] = Counter()
        self.account = 0

    async def use(self, persona_id: str, user_id: str, limit: int | None, at: datetime) -> bool:
        if limit is not None and self.users[persona_id, user_id] >= limit:
            return False
        self.users[persona_id, user_id] += 1
        self.account += 1
        return True


async def say(counter: Memory, user: str, limit: RateLimit = LIMIT) -> Decision:
    return await admit(limit, counter, "p1", user, NOW)


async def test_the_fourth_message_of_three_gets_the_limits_message() -> None:
    """S004-11, S004-14: which costs no message of the account."""
    counter = Memory()
    assert [await say(counter, "ann") for _ in range(3)] == [Answer()] * 3
    assert await say(counter, "ann") == SayLimit("That was all.")
    assert counter.account == 3


async def test_users_are_counted_apart_and_nobody_is_not_counted() -> None:
    """S004-12"""
    counter = Memory()
    for user in ("ann", "bob"):
        assert [await say(counter, user) for _ in range(3)] == [Answer()] * 3
    assert [await say(counter, "") for _ in range(5)] == [Answer()] * 5
    assert await say(counter, "bob") == SayLimit("That was all.")


async def test_a_caller_is_counted_over_two_calls() -> None:
    """S004-13: on the telephone the number is the user."""
    counter = Memory()
    for _call in range(2):
        assert await say(counter, "+14155550123", RateLimit(enabled=True, count=2)) == Answer()
    third = await say(counter, "+14155550123", RateLimit(enabled=True, count=2))
    assert third == SayLimit(DEFAULT_MESSAGE)


def test_a_limit_holds_if_it_is_on_and_somebody_is_known() -> None:
    assert limit_of(LIMIT, "ann") == 3
    assert limit_of(LIMIT, "") is None
    assert limit_of(RateLimit(count=3), "ann") is None
    assert limit_of(RateLimit(enabled=True, count=0), "ann") == 0
    assert decide(LIMIT, counted=False) == SayLimit("That was all.")
