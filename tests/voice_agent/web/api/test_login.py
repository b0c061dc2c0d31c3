"""Signing in with a link, a password, a code; sessions; what is refused."""

import pytest

from .browser import PASSWORD, Browser
from .serving import Api


@pytest.fixture
async def ann(api: Api) -> Browser:
    """An administrator who has just made her account."""
    browser = Browser(api)
    await browser.becomes("Ann")
    return browser


async def test_the_first_administrator(api: Api) -> None:
    browser = Browser(api)
    await browser.opens_link()
    status, me = await browser("GET", "/api/account/me")
    assert (status, me["name"], me["session"]["method"]) == (200, None, "link")
    status, me = await browser(
        "PUT", "/api/account/password", {"name": " Ann  Lee ", "password": PASSWORD}
    )
    assert (status, me["name"]) == (200, "Ann Lee")
    assert (await browser("POST", "/api/logout"))[0] == 200
    assert (await browser("GET", "/api/account/me"))[0] == 401
    status, me = await browser.signs_in("ann lee")
    assert (status, me["name"], me["session"]["method"]) == (200, "Ann Lee", "password")
    assert me["session"]["device"] == "Firefox on Linux"
    assert me["session"]["address"] == "127.0.0.1"
    assert (await browser("GET", "/api/personas"))[0] == 200


async def test_a_cookie_that_scripts_cannot_read(ann: Browser) -> None:
    _, body = await ann.signs_in("Ann")
    cookie = ann.told["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert ann.cookie not in str(body)
