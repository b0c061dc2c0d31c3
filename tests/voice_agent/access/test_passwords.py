"""Passwords: how they are kept, and that checking them holds nobody up."""

import asyncio
import unicodedata

import pytest

from voice_agent.access.attempts import TryLater
from voice_agent.access.passwords import Hasher, checked_password


async def test_a_password_is_kept_as_its_hash() -> None:
    hasher = Hasher()
    kept = await hasher.hash("correct horse battery")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await hasher.verify(kept, "correct horse battery")
    assert not await hasher.verify(kept, "correct horse batter")
    assert kept != await hasher.hash("correct horse battery")


async def test_nobody_s_password_fits_nothing() -> None:
    hasher = Hasher(64, 1)
    for kept in ("", "nonsense", "$argon2id$v=19$m=64,t=1,p=1$AAAA"):
        assert not await hasher.verify(kept, "")


async def test_one_letter_written_in_two_ways() -> None:
    password = "dix-sept pêches"
    hasher = Hasher(64, 1)
    typed = unicodedata.normalize("NFD", password)
    assert typed != password
    kept = await hasher.hash(checked_password(password, "Ann"))
    assert await hasher.verify(kept, typed)


async def test_a_flood_gets_a_quarter_of_a_core() -> None:
    """Behind each check there is a pause of three times its length."""
    hasher, loop = Hasher(8 * 1024, 1), asyncio.get_running_loop()
    kept = await hasher.hash("correct horse battery")
    took: list[float] = []
    verify = hasher._verify

    def timed(kept: str, password: str) -> bool:
        began = loop.time()
        found = verify(kept, password)
        took.append(loop.time() - began)
        return found

    hasher._verify = timed  # type: ignore[method-assign]  # Notes how long it took.
    began = loop.time()
    await asyncio.gather(*(hasher.verify(kept, "no") for _ in range(6)))
    # The last one's pause is not waited for.
    assert loop.time() - began > 0.95 * (sum(took) + 3 * sum(took[:-1]))


async def test_few_wait_and_the_loop_goes_on() -> None:
    hasher = Hasher(64, 1)
    kept = await hasher.hash("correct horse battery")
    found = await asyncio.gather(
        *(hasher.verify(kept, "no") for _ in range(40)), return_exceptions=True
    )
    assert found.count(False) == 20
    assert sum(isinstance(each, TryLater) for each in found) == 20
    assert await hasher.verify(kept, "correct horse battery")


async def test_who_gives_up_waiting_makes_room() -> None:
    hasher = Hasher(64, 1)
    kept = await hasher.hash("correct horse battery")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0), asyncio.TaskGroup() as tasks:
            for _ in range(20):
                tasks.create_task(hasher.verify(kept, "no"))
    assert await hasher.verify(kept, "correct horse battery")
