"""Administrators, codes, passkeys, sessions and failures, as they are kept."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from voice_agent.access.accounts import AccountConflict, Accounts
from voice_agent.access.attempts import FORGOTTEN, Attempts, Track
from voice_agent.access.keys import KeyRefused
from voice_agent.access.passkeys import Passkey, Passkeys
from voice_agent.access.seal import Seal, reseal
from voice_agent.access.sessions import Method, Sessions, Visitor
from voice_agent.storage.store import Store

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)


async def test_a_name_is_one_person_s(store: Store) -> None:
    accounts: Accounts = store.accounts
    made = await asyncio.gather(
        *(accounts.create(name, "h", NOW) for name in ("Zoë", "zoë", "ZOË", "Zoe\u0308")),
        return_exceptions=True,
    )
    (kept,) = [each for each in made if not isinstance(each, BaseException)]
    assert sum(isinstance(each, AccountConflict) for each in made) == 3
    assert await accounts.named("zOe\u0308") == await accounts.get(kept.id) == kept
    assert await accounts.list() == [kept]
    assert await accounts.named("Zoe") is None and await accounts.get("x") is None


async def test_a_time_step_is_taken_once(store: Store) -> None:
    accounts = store.accounts
    ann = await accounts.create("Ann", "h", NOW)
    assert not await accounts.use_totp(ann.id, 99)  # There is no app yet.
    await accounts.begin_totp(ann.id, "s1")
    assert not await accounts.confirm_totp(ann.id, "s2", 7, ["d1"])
    assert await accounts.confirm_totp(ann.id, "s1", 7, ["d1", "d2"])
    assert not await accounts.confirm_totp(ann.id, "s1", 7, ["d1"])
    found = await asyncio.gather(*(accounts.use_totp(ann.id, 8) for _ in range(5)))
    assert sorted(found) == [False] * 4 + [True]
    assert [await accounts.use_totp(ann.id, step) for step in (7, 8, 9)] == [False, False, True]


async def test_a_recovery_code_is_taken_once(store: Store) -> None:
    accounts = store.accounts
    ann, bob = [await accounts.create(name, "h", NOW) for name in ("Ann", "Bob")]
    await accounts.set_recovery_codes(ann.id, ["d1", "d2"])
    assert not await accounts.use_recovery_code(bob.id, "d1")
    found = await asyncio.gather(*(accounts.use_recovery_code(ann.id, "d1") for _ in range(5)))
    assert sorted(found) == [False] * 4 + [True]
    assert await accounts.recovery_codes(ann.id) == 1
    await accounts.end_totp(ann.id)
    assert await accounts.recovery_codes(ann.id) == 0


async def test_of_a_removed_administrator_nothing_is_left(store: Store) -> None:
    ann = await store.accounts.create("Ann", "h", NOW)
    key = await store.keys.create("session", "default", life=HOUR)
    await store.sessions.note(key.key.id, ann.id, "password", Visitor(), NOW)
    await store.passkeys.add(passkey("p", ann.id))
    await store.accounts.set_recovery_codes(ann.id, ["d"])
    assert await store.accounts.remove(ann.id, NOW)
    assert not await store.accounts.remove(ann.id, NOW)
    with pytest.raises(KeyRefused):
        await store.keys.verify(key.text)
    assert await store.passkeys.get("p") is None
    assert await store.accounts.recovery_codes(ann.id) == 0


def passkey(id: str, administrator: str) -> Passkey:
    return Passkey(
        id=id,
        administrator=administrator,
        label="Laptop",
        domain="localhost",
        public_key=b"\x00\xffkey",
        signed=3,
        created_at=NOW,
    )


async def test_a_passkey_is_kept(store: Store) -> None:
    passkeys: Passkeys = store.passkeys
    ann = await store.accounts.create("Ann", "h", NOW)
    await passkeys.add(passkey("p", ann.id))
    with pytest.raises(AccountConflict):
        await passkeys.add(passkey("p", ann.id))
    assert await passkeys.get("p") == passkey("p", ann.id)
    assert await passkeys.list(ann.id) == [passkey("p", ann.id)]
    found = await asyncio.gather(*(passkeys.used("p", 3, 4, NOW) for _ in range(4)))
    assert sorted(found) == [False] * 3 + [True]
    assert not await passkeys.remove("another", "p")
    assert await passkeys.remove(ann.id, "p")


async def test_a_challenge_is_redeemed_once(store: Store) -> None:
    passkeys = store.passkeys
    await passkeys.issue("c", "register", "ann", NOW)
    assert await passkeys.redeem("c", "sign in", NOW) is None
    found = await asyncio.gather(*(passkeys.redeem("c", "register", NOW) for _ in range(4)))
    assert sorted(found, key=str) == [None, None, None, "ann"] or found.count("ann") == 1
    await passkeys.issue("late", "sign in", "", NOW)
    assert await passkeys.redeem("late", "sign in", NOW + timedelta(minutes=6)) is None


async def test_sessions_are_listed_and_ended(store: Store) -> None:
    sessions: Sessions = store.sessions
    made = [await store.keys.create("session", "default", life=HOUR) for _ in range(3)]
    ids = [each.key.id for each in made]
    for number, id in enumerate(ids):
        visitor = Visitor("192.0.2.7", "Firefox on Linux")
        await sessions.note(id, "ann", "password", visitor, NOW + timedelta(seconds=number))
    now = datetime.now(UTC)
    assert [each.id for each in await sessions.list("ann", now)] == ids[::-1]
    assert await sessions.list("bob", now) == []
    await sessions.used(ids[0], NOW + timedelta(minutes=5))
    assert (await sessions.list("ann", now))[0].id == ids[0]
    assert not await sessions.end("bob", ids[0], now)
    assert await sessions.end("ann", ids[0], now) and not await sessions.end("ann", ids[0], now)
    assert await sessions.get(ids[0], now) is None
    assert await sessions.end_others("ann", ids[1], now) == 1
    assert (await store.keys.verify(made[1].text)).id == ids[1]
    assert await sessions.get(ids[1], now + 2 * HOUR) is None  # It has run out.


async def test_sessions_of_long_ago_are_forgotten(store: Store) -> None:
    ids = []
    made: list[tuple[Method, int]] = [("password", 0), ("link", 0), ("password", 48)]
    for method, hours in made:
        key = (await store.keys.create("session", "default", life=hours * HOUR)).key
        await store.sessions.note(key.id, "ann", method, Visitor(), NOW)
        ids.append(key.id)
    later = await store.keys.create("session", "default", life=HOUR)
    month = timedelta(days=30, hours=1)
    await store.sessions.note(later.key.id, "ann", "passkey", Visitor(), NOW + month)
    assert {key.id for key in await store.keys.list()} == {*ids[1:], later.key.id}
    assert await store.keys.first_link() is None


async def test_failures_are_counted_before_they_are_known(store: Store) -> None:
    attempts: Attempts = store.attempts
    name, address = Track("name", 3, HOUR), Track("address", 100, HOUR)
    waits = await asyncio.gather(*(attempts.begin((name, address), NOW) for _ in range(8)))
    assert sorted(waits) == [timedelta(0)] * 3 + [timedelta(seconds=1)] * 5
    await attempts.took_back(("name", "address"))
    assert not await attempts.begin((name, address), NOW)
    await attempts.succeeded("name", ["address"])
    for _ in range(3):
        assert not await attempts.begin((name, address), NOW)
    assert await attempts.begin((name, address), NOW)
    assert not await attempts.begin((name, address), NOW + FORGOTTEN + HOUR)


async def test_one_who_waits_is_not_counted_under_the_other_key(store: Store) -> None:
    name, address = Track("name", 1, HOUR), Track("address", 3, HOUR)
    await store.attempts.begin((name, address), NOW)
    for _ in range(9):
        assert await store.attempts.begin((name, address), NOW)
    other = Track("other", 1, HOUR)
    assert not await store.attempts.begin((other, address), NOW)


async def test_secrets_that_an_earlier_version_kept_open_are_sealed(store: Store) -> None:
    """In force or not; what cannot be read stays as it is, and is told."""
    accounts = store.accounts
    ann, bob, cid = [await accounts.create(name, "h", NOW) for name in ("Ann", "Bob", "Cid")]
    await accounts.begin_totp(ann.id, "OPEN")
    assert await accounts.confirm_totp(ann.id, "OPEN", 7, ["d1"])
    await accounts.begin_totp(bob.id, "PENDING")
    lost = Seal("lost" * 8, Path("none")).seal("X")
    await accounts.begin_totp(cid.id, lost)
    seal = Seal("kept" * 8, Path("none"))
    for told in (1, 1):
        with structlog.testing.capture_logs() as logs:
            await reseal(accounts, seal)
        assert [each["event"] for each in logs].count("secret_not_sealed") == told
    found = {each.name: each for each in await accounts.list()}
    assert found["Ann"].totp.startswith("sealed1:") and seal.open(found["Ann"].totp) == "OPEN"
    assert found["Ann"].totp_pending == found["Bob"].totp == found["Cid"].totp == ""
    assert seal.open(found["Bob"].totp_pending) == "PENDING" != found["Bob"].totp_pending
    assert found["Cid"].totp_pending == lost
    assert await accounts.use_totp(ann.id, 8), "it is in force as before"
