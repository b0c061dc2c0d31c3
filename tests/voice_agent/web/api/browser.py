"""A browser as the API sees it: it keeps the session's cookie and says which page asks."""

from http.cookies import SimpleCookie
from typing import Any

from multidict import CIMultiDict, MultiMapping

from voice_agent.web.api.cookie import COOKIE, SECURE_COOKIE
from voice_agent.web.api.visitor import KNOWN_BROWSER

from .serving import Api

PASSWORD = "some words that nobody guesses"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


class Browser:
    """At a page of the server's."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.cookie = ""
        self.named = COOKIE
        self.known = ""
        """The cookie that says that somebody has signed in with this browser."""
        self.headers: dict[str, str] = {
            "Origin": api.url,
            "Sec-Fetch-Site": "same-origin",
            "User-Agent": FIREFOX,
        }
        self.told: MultiMapping[str] = CIMultiDict()
        """The headers of the last answer."""

    async def __call__(self, method: str, path: str, json: object = None) -> tuple[int, Any]:
        kept = [(self.named, self.cookie), (KNOWN_BROWSER, self.known)]
        cookies = "; ".join(f"{name}={value}" for name, value in kept if value)
        cookie = {"Cookie": cookies} if cookies else {}
        status, body, self.told = await self.api(
            method, path, json, key="", headers={**self.headers, **cookie}
        )
        for told in self.told.getall("Set-Cookie", ()):
            (given,) = SimpleCookie(told).values()
            if given.key == KNOWN_BROWSER:
                self.known = given.value
                continue
            assert given.key in (COOKIE, SECURE_COOKIE)
            self.named, self.cookie = given.key, given.value
        return status, body

    async def opens_link(self) -> None:
        """With a new link."""
        link = await self.api.store.keys.new_link()
        status, body = await self("POST", "/api/login", {"link": f"#link={link.text}"})
        assert status == 200, body

    async def becomes(self, name: str, password: str = PASSWORD) -> None:
        """With a new link, and a name that may be known."""
        await self.opens_link()
        status, body = await self(
            "PUT", "/api/account/password", {"name": name, "password": password}
        )
        assert (status, body["name"]) == (200, name)

    async def signs_in(
        self, name: str, password: str = PASSWORD, code: str | None = None
    ) -> tuple[int, Any]:
        given = {"name": name, "password": password} | ({"code": code} if code else {})
        return await self("POST", "/api/login/password", given)
