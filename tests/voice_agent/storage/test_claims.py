"""Claims are all or nothing, and exact whoever claims at the same time."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from voice_agent.calls.claims import Claim, Claims, MemoryClaims, Receipt
from voice_agent.storage.store import Store, opened

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
ONE = Claim("calls of p", 1, 7, 3600)


@pytest.fixture(params=["memory", "database"])
def claims(request: pytest.FixtureRequest, store: Store) -> Claims:
    return MemoryClaims() if request.param == "memory" else store.claims


async def test_at_once_no_more_get_through_than_one_after_another(claims: Claims) -> None:
    got = await asyncio.gather(*(claims.claim([ONE], NOW) for _ in range(25)))
    assert sum(isinstance(result, Receipt) for result in got) == 7
    assert got.count(ONE) == 18


async def test_all_are_counted_or_none(claims: Claims) -> None:
    full = Claim("minutes", 8, 7, 86_400)
    for _ in range(10):
        assert await claims.claim([ONE, full], NOW) == full
    assert isinstance(await claims.claim([Claim(ONE.key, 7, 7, 3600)], NOW), Receipt)


async def test_the_window_slides(claims: Claims) -> None:
    one = Claim("a", 1, 1, 60)
    assert isinstance(await claims.claim([one], NOW), Receipt)
    assert await claims.claim([one], NOW + timedelta(seconds=59)) == one
    assert isinstance(await claims.claim([one], NOW + timedelta(seconds=60)), Receipt)
    day = Claim("a", 1, 2, 86_400)
    assert await claims.claim([day], NOW + timedelta(hours=1)) == day
    assert isinstance(await claims.claim([day], NOW + timedelta(days=2)), Receipt)


async def test_what_was_not_used_is_given_back(claims: Claims) -> None:
    minutes, other = Claim("minutes", 30, 40, 86_400), Claim("spend", 150, 150, 86_400)
    receipt = await claims.claim([minutes, other], NOW)
    assert isinstance(receipt, Receipt)
    assert await claims.claim([minutes], NOW) == minutes
    await claims.settle(receipt, {"minutes": 2, "unknown": 9})
    assert isinstance(await claims.claim([minutes], NOW), Receipt)
    assert await claims.claim([Claim("spend", 1, 150, 86_400)], NOW) != receipt
    await claims.settle(Receipt("unknown"), {"minutes": 0})


async def test_two_processes_count_as_one_and_a_restart_forgets_nothing(
    store: Store, url: str
) -> None:
    async with opened(url) as other:
        both = (store.claims, other.claims)
        got = await asyncio.gather(*(both[n % 2].claim([ONE], NOW) for n in range(20)))
    assert sum(isinstance(result, Receipt) for result in got) == 7
    async with opened(url) as later:
        assert await later.claims.claim([ONE], NOW) == ONE
