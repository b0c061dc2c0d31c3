"""Message counters: exact while many count, and never more than the limit."""

import asyncio
from datetime import UTC, datetime

from voice_agent.calls.limits import Counters
from voice_agent.storage.store import Store

NOW = datetime(2026, 11, 22, tzinfo=UTC)


async def test_many_calls_of_one_user_get_what_the_limit_allows(store: Store) -> None:
    """S004-12: 40 messages at once against a limit of 7."""
    counters: Counters = store.counters()
    got = await asyncio.gather(*(counters.use("p", "+1123456789", 7, NOW) for _ in range(40)))
    assert sum(got) == 7
    assert [(each.user_id, each.used) for each in await counters.used("p")] == [("+1123456789", 7)]


async def test_two_processes_count_as_one(store: Store, url: str) -> None:
    """S004-13: the caller's number is counted over calls, wherever they are answered."""
    from voice_agent.storage.store import opened

    async with opened(url) as other:
        both = (store.counters(), other.counters())
        got = await asyncio.gather(*(both[n % 2].use("p", "+49", 10, NOW) for n in range(30)))
    assert sum(got) == 10


async def test_users_and_personas_are_independent(store: Store) -> None:
    """S004-12"""
    counters = store.counters()
    assert await counters.use("p", "ann", 1, NOW)
    assert not await counters.use("p", "ann", 1, NOW)
    assert await counters.use("p", "bob", 1, NOW)
    assert await counters.use("q", "ann", 1, NOW)
    assert await store.counters("elsewhere").use("p", "ann", 1, NOW)
    assert not await counters.use("p", "cid", 0, NOW)


async def test_without_a_user_there_is_no_limit(store: Store) -> None:
    """S004-12"""
    counters = store.counters()
    assert all([await counters.use("p", "", 1, NOW) for _ in range(3)])
    assert await counters.used("p") == []


async def test_a_refused_message_costs_the_account_nothing(store: Store) -> None:
    """S004-14, S004-103"""
    counters = store.counters()
    for _ in range(5):
        await counters.use("p", "ann", 2, NOW)
    await counters.use("p", "", None, NOW.replace(month=12))
    assert await counters.account() == [("2026-12", 1), ("2026-11", 2)]


async def test_a_counter_can_be_reset(store: Store) -> None:
    counters = store.counters()
    await counters.use("p", "ann", 1, NOW)
    assert await counters.reset("p", "ann")
    assert not await counters.reset("p", "ann")
    assert await counters.use("p", "ann", 1, NOW)
    for name in ("bob", "cid", "dan"):
        await counters.use("p", name, None, NOW)
    assert [each.user_id for each in await counters.used("p", "bob", 1)] == ["cid"]
