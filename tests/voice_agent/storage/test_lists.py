"""The do-not-call list, and answers that are given again."""

import asyncio
from datetime import UTC, datetime

from voice_agent.calls.numbers import DoNotCall
from voice_agent.storage.store import Store

NOW = datetime(2026, 11, 22, tzinfo=UTC)


async def test_a_number_stays_on_the_list_until_it_is_taken_off(store: Store) -> None:
    numbers: DoNotCall = store.do_not_call()
    added = await numbers.add("+49301234", "asked us", NOW)
    again = await numbers.add("+49301234", "another reason", NOW.replace(year=2027))
    assert added == again and added.reason == "asked us"
    assert await numbers.has("+49301234") and not await numbers.has("+4930123")
    assert not await store.do_not_call("elsewhere").has("+49301234")
    await numbers.add("+1", "", NOW)
    assert [each.number for each in await numbers.list(after="+1")] == ["+49301234"]
    assert await numbers.remove("+1") and not await numbers.remove("+1")


async def test_of_the_same_request_at_once_one_is_carried_out(store: Store) -> None:
    begun = await asyncio.gather(*(store.idempotency.begin("w", "k", "r") for _ in range(10)))
    assert begun.count(None) == 1 and begun.count(("r", None, None)) == 9
    await store.idempotency.finish("w", "k", 201, "{}")
    assert await store.idempotency.begin("w", "k", "other") == ("r", 201, "{}")
    assert await store.idempotency.begin("another", "k", "r") is None
    await store.idempotency.forget("another", "k")
    assert await store.idempotency.begin("another", "k", "r") is None
