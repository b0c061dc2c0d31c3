"""A real browser's passkeys, and its cookie: what W3C WebAuthn and the server say of each other."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from .place import Place

pytestmark = pytest.mark.browser

_ASK = """async ([method, path, body]) => {
    const told = await fetch(path, {method, headers: {"Content-Type": "application/json"},
        body: body === null ? undefined : JSON.stringify(body)});
    return [told.status, await told.json()];
}"""
_CREATE = """async ({publicKey}) => (await navigator.credentials.create(
    {publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey)})).toJSON()"""
_GET = """async ({publicKey}) => (await navigator.credentials.get(
    {publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey)})).toJSON()"""


@pytest.fixture
def visitor(anna: Place, context: BrowserContext, page: Page) -> Iterator[Page]:
    """At a page of the server's, with a device that has passkeys."""
    device = context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.goto(anna.url.replace("127.0.0.1", "localhost") + "/api/login")
    yield page


def ask(page: Page, method: str, path: str, body: object = None) -> tuple[int, Any]:
    status, told = page.evaluate(_ASK, [method, path, body])
    return status, told


def test_a_browser_s_passkey(anna: Place, visitor: Page, context: BrowserContext) -> None:
    assert ask(visitor, "POST", "/api/login", {"link": anna.link})[0] == 200
    (cookie,) = context.cookies()
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    assert visitor.evaluate("document.cookie") == ""
    new = {"name": "Ann", "password": "some words that nobody guesses"}
    assert ask(visitor, "PUT", "/api/account/password", new)[0] == 200

    status, options = ask(visitor, "POST", "/api/account/passkey/options")
    assert status == 200
    document = {"label": "This device", "credential": visitor.evaluate(_CREATE, options)}
    status, made = ask(visitor, "POST", "/api/account/passkeys", document)
    assert (status, made["domain"]) == (201, "localhost")

    assert ask(visitor, "POST", "/api/logout")[0] == 200
    assert context.cookies() == []
    assert ask(visitor, "GET", "/api/account/me")[0] == 401
    for _ in range(2):
        _, options = ask(visitor, "POST", "/api/login/passkey/options")
        credential = visitor.evaluate(_GET, options)
        status, me = ask(visitor, "POST", "/api/login/passkey", {"credential": credential})
        assert (status, me["name"], me["session"]["method"]) == (200, "Ann", "passkey")
    assert ask(visitor, "POST", "/api/login/passkey", {"credential": credential})[0] == 401
