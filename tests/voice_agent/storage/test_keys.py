"""Keys: found by what was printed once, and kept as a hash."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from voice_agent.access.keys import KeyRefused, Keys, read
from voice_agent.storage.store import Store
from voice_agent.storage.tables import api_keys


async def test_a_key_opens_what_it_was_made_for(store: Store) -> None:
    """S004-93: a public key is known as one."""
    keys: Keys = store.keys
    made = await keys.create("client", "w", "shop", ["https://shop.example"], ["p1"])
    key = await keys.verify(made.text)
    assert key == made.key
    assert made.text.startswith("va_client_")
    assert not key.is_admin
    assert key.allows_origin("https://shop.example") and not key.allows_origin(
        "https://evil.example"
    )
    assert key.allows_persona("p1") and not key.allows_persona("p2")


async def test_no_secret_is_in_the_database(store: Store) -> None:
    made = await store.keys.create("admin", "default")
    secret = made.text.rpartition("_" + made.key.id + "_")[2]
    async with store.database.read() as connection:
        rows = (await connection.execute(sa.select(api_keys))).all()
    assert secret and secret not in repr(rows)


async def test_any_other_key_is_refused(store: Store) -> None:
    made = await store.keys.create("secret", "w")
    other = await store.keys.create("secret", "w")
    expired = await store.keys.create("secret", "w", life=timedelta(0))
    mixed = made.text[:-43] + other.text[-43:]
    for text in (
        "",
        "x",
        made.text[:-1],
        made.text + "A",
        made.text.replace("va_secret", "va_admin"),
        mixed,
        expired.text,
        "va_secret_0000000000000000_" + "A" * 43,
        "\0",
        "é" * 50,
    ):
        with pytest.raises(KeyRefused):
            await store.keys.verify(text)


async def test_a_revoked_key_is_worth_nothing(store: Store) -> None:
    made = await store.keys.create("secret", "w")
    assert not await store.keys.revoke(made.key.id, workspace="another")
    assert await store.keys.revoke(made.key.id)
    assert not await store.keys.revoke(made.key.id)
    with pytest.raises(KeyRefused):
        await store.keys.verify(made.text)
    assert await store.keys.list() == []


async def test_keys_are_listed_by_workspace(store: Store) -> None:
    made = sorted([(await store.keys.create("secret", w)).key.id for w in ("a", "a", "b")])
    assert [key.id for key in await store.keys.list()] == made
    assert {key.workspace for key in await store.keys.list("a")} == {"a"}
    assert [key.id for key in await store.keys.list(after=made[0], limit=1)] == made[1:2]


async def test_the_first_link_makes_one_administrator(store: Store) -> None:
    """No default password: one link, worth one session, once."""
    earlier = await store.keys.first_link()
    link = await store.keys.first_link()
    assert earlier is not None and link is not None
    for text in (earlier.text, "va_link_", link.text[:-1] + "-"):
        with pytest.raises(KeyRefused):
            await store.keys.exchange(text)
    with pytest.raises(KeyRefused):
        await store.keys.verify(link.text)  # A link is no key.
    results = await asyncio.gather(
        *(store.keys.exchange(link.text) for _ in range(5)), return_exceptions=True
    )
    sessions = [each for each in results if not isinstance(each, BaseException)]
    assert len(sessions) == 1
    session = await store.keys.verify(sessions[0].text)
    assert session.is_admin and session.expires_at is not None
    assert await store.keys.first_link() is None


async def test_a_link_can_be_asked_for_again(store: Store) -> None:
    await store.keys.create("admin", "default")
    assert await store.keys.first_link() is None
    link = await store.keys.new_link()
    assert (await store.keys.exchange(link.text)).key.kind == "session"


async def test_all_processes_sign_alike(store: Store, url: str) -> None:
    from voice_agent.storage.store import opened

    async with opened(url) as other:
        one, two = await asyncio.gather(store.keys.signing_secret(), other.keys.signing_secret())
    assert one == two and len(one) >= 43


def test_what_is_no_key_is_not_looked_up() -> None:
    assert read("va_secret_0123456789abcdef_" + "A" * 43) is not None
    assert read("va_root_0123456789abcdef_" + "A" * 43) is None
    assert read("va_secret_0123456789abcdef_" + "A" * 43 + "\n") is None
