"""Passkeys, with a device in software and the real verification."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from .authenticator import Authenticator, raw, text
from .browser import Browser
from .serving import Api


@pytest.fixture
async def ann(api: Api) -> Browser:
    """An administrator who has just made her account, at a page with a name."""
    api.url = api.url.replace("127.0.0.1", "localhost")
    browser = Browser(api)
    await browser.becomes("Ann")
    return browser


@pytest.fixture
def device(ann: Browser) -> Authenticator:
    return Authenticator(ann.api.url)


async def added(browser: Browser, device: Authenticator, label: str = "Laptop") -> dict[str, Any]:
    status, options = await browser("POST", "/api/account/passkey/options")
    assert status == 200, options
    document = {"label": label, "credential": device.create(options["publicKey"])}
    status, made = await browser("POST", "/api/account/passkeys", document)
    assert status == 201, made
    return dict(made)


async def answered(browser: Browser, device: Authenticator) -> dict[str, Any]:
    _, options = await browser("POST", "/api/login/passkey/options")
    assert (
        "allowCredentials" not in options["publicKey"]
        or not (options["publicKey"]["allowCredentials"])
    )
    return device.get(options["publicKey"])


async def signed_in(browser: Browser, credential: dict[str, Any]) -> tuple[int, Any]:
    return await browser("POST", "/api/login/passkey", {"credential": credential})


async def test_a_passkey_signs_in_without_a_name(ann: Browser, device: Authenticator) -> None:
    made = await added(ann, device)
    assert (made["label"], made["domain"], made["used_at"]) == ("Laptop", "localhost", None)
    other = Browser(ann.api)
    status, me = await signed_in(other, await answered(other, device))
    assert (status, me["name"], me["session"]["method"]) == (200, "Ann", "passkey")
    assert (await other("GET", "/api/keys"))[0] == 200
    (kept,) = (await ann("GET", "/api/account/passkeys"))[1]["items"]
    assert kept["used_at"] is not None


async def test_a_challenge_is_answered_once_and_soon(ann: Browser, device: Authenticator) -> None:
    device.counts = False
    await added(ann, device)
    answer = await answered(ann, device)
    results = await asyncio.gather(*(signed_in(Browser(ann.api), answer) for _ in range(4)))
    assert sorted(status for status, _ in results) == [200, 401, 401, 401]
    late = await answered(ann, device)
    ann.api.now += timedelta(minutes=5, seconds=1)
    assert (await signed_in(Browser(ann.api), late))[0] == 401


async def test_a_registration_s_challenge_signs_nobody_in(
    ann: Browser, device: Authenticator
) -> None:
    await added(ann, device)
    _, options = await ann("POST", "/api/account/passkey/options")
    challenge = options["publicKey"]["challenge"]
    given = {"challenge": challenge, "rpId": "localhost", "userVerification": "required"}
    assert (await signed_in(Browser(ann.api), device.get(given)))[0] == 401


async def test_another_s_challenge_registers_nothing(ann: Browser, device: Authenticator) -> None:
    bob = Browser(ann.api)
    await bob.becomes("Bob")
    _, options = await bob("POST", "/api/account/passkey/options")
    document = {"label": "x", "credential": device.create(options["publicKey"])}
    status, body = await ann("POST", "/api/account/passkeys", document)
    assert (status, body["type"]) == (403, "refused")


async def test_it_takes_a_finger(ann: Browser, device: Authenticator) -> None:
    """User verification is required of the answer, not only asked for."""
    await added(ann, device)
    device.verifies = False
    assert (await signed_in(Browser(ann.api), await answered(ann, device)))[0] == 401
    _, options = await ann("POST", "/api/account/passkey/options")
    document = {
        "label": "x",
        "credential": Authenticator(ann.api.url, False).create(options["publicKey"]),
    }
    assert (await ann("POST", "/api/account/passkeys", document))[0] == 403


async def test_an_answer_to_another_page_is_worth_nothing(
    ann: Browser, device: Authenticator
) -> None:
    await added(ann, device)
    device.origin = "http://localhost.evil.example"
    assert (await signed_in(Browser(ann.api), await answered(ann, device)))[0] == 401


async def test_a_copy_of_the_key_falls_behind(ann: Browser, device: Authenticator) -> None:
    await added(ann, device)
    copy = Authenticator(device.origin, signed=device.signed, keys=list(device.keys))
    for _ in range(2):
        assert (await signed_in(Browser(ann.api), await answered(ann, device)))[0] == 200
    assert (await signed_in(Browser(ann.api), await answered(ann, copy)))[0] == 401


Forgery = Callable[[dict[str, Any]], None]


def _signature(answer: dict[str, Any]) -> None:
    signature = bytearray(raw(answer["response"]["signature"]))
    signature[-1] ^= 1
    answer["response"]["signature"] = text(bytes(signature))


def _unknown(answer: dict[str, Any]) -> None:
    answer["id"] = answer["rawId"] = text(bytes(16))


def _no_json(answer: dict[str, Any]) -> None:
    answer["response"]["clientDataJSON"] = text(b"\xff[")


def _no_challenge(answer: dict[str, Any]) -> None:
    answer["response"]["clientDataJSON"] = text(json.dumps({"type": "webauthn.get"}).encode())


def _numbers(answer: dict[str, Any]) -> None:
    answer["response"]["clientDataJSON"] = 7


def _nothing(answer: dict[str, Any]) -> None:
    answer["response"] = {}


def _other_raw_id(answer: dict[str, Any]) -> None:
    answer["rawId"] = text(bytes(16))


FORGERIES: list[Forgery] = [
    _signature,
    _unknown,
    _no_json,
    _no_challenge,
    _numbers,
    _nothing,
    _other_raw_id,
]


async def test_a_forged_answer(ann: Browser, device: Authenticator) -> None:
    await added(ann, device)
    for forge in FORGERIES:
        answer = await answered(ann, device)
        forge(answer)
        status, body = await signed_in(Browser(ann.api), answer)
        expected = (400, "about:blank") if forge in (_numbers, _nothing) else (401, "refused")
        assert (status, body["type"]) == expected, forge


async def test_a_removed_passkey_is_worth_nothing(ann: Browser, device: Authenticator) -> None:
    made = await added(ann, device)
    bob = Browser(ann.api)
    await bob.becomes("Bob")
    where = f"/api/account/passkeys/{made['id']}"
    assert (await bob("DELETE", where))[1] == {"done": False}
    assert (await ann("DELETE", where))[1] == {"done": True}
    assert (await signed_in(Browser(ann.api), await answered(ann, device)))[0] == 401


async def test_a_passkey_takes_a_fresh_session(ann: Browser, device: Authenticator) -> None:
    made = await added(ann, device)
    status, options = await ann("POST", "/api/account/passkey/options")
    credential = Authenticator(device.origin).create(options["publicKey"])
    ann.api.now += timedelta(minutes=11)
    for method, path, document in (
        ("POST", "/api/account/passkey/options", None),
        ("POST", "/api/account/passkeys", {"label": "x", "credential": credential}),
        ("DELETE", f"/api/account/passkeys/{made['id']}", None),
    ):
        status, body = await ann(method, path, document)
        assert (status, body["type"]) == (403, "authenticate_again"), path
    # Signing in with the passkey proves it, too.
    assert (await signed_in(ann, await answered(ann, device)))[0] == 200
    assert (await ann("POST", "/api/account/passkey/options"))[0] == 200


async def test_at_an_address_without_a_name_there_are_none(api: Api) -> None:
    browser = Browser(api)
    await browser.becomes("Ann")
    status, body = await browser("POST", "/api/account/passkey/options")
    assert status == 409 and "http://localhost" in body["detail"]
