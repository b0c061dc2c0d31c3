"""The SDK as pages load it, and what pages of other origins may ask for."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp

from tests.voice_agent.calls.test_session import kept_in
from tests.voice_agent.media import HANG_S, scripted
from voice_agent.calls.records import DEFAULT_WORKSPACE
from voice_agent.storage.store import opened

PAGE = "https://shop.example"
LEGACY = ("/PersonaClientPublic", "/PersonaClientPublicV2")


@dataclass
class Place:
    url: str
    http: aiohttp.ClientSession
    client: str
    secret: str
    admin: str
    expired: str

    async def get(
        self, path: str, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str, Mapping[str, str]]:
        async with self.http.get(self.url + path, headers=headers) as response:
            return response.status, await response.text(), response.headers

    async def session(
        self, method: str, headers: Mapping[str, str], path: str = "/api/sessions"
    ) -> tuple[int, str, Mapping[str, str]]:
        json: dict[str, str] | None = {} if method == "POST" else None
        async with self.http.request(
            method, self.url + path, json=json, headers=headers
        ) as response:
            return response.status, await response.text(), response.headers


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    settings = kept_in(folder)
    async with opened(f"sqlite:///{folder}/kept.db") as store:
        keys = [
            (await store.keys.create("client", DEFAULT_WORKSPACE, origins=(PAGE,))).text,
            (await store.keys.create("secret", DEFAULT_WORKSPACE)).text,
            (await store.keys.create("admin", DEFAULT_WORKSPACE)).text,
            (
                await store.keys.create(
                    "client", DEFAULT_WORKSPACE, origins=("*",), life=timedelta(seconds=-1)
                )
            ).text,
        ]
    async with (
        asyncio.timeout(2 * HANG_S),
        scripted(*settings) as server,
        aiohttp.ClientSession() as http,
    ):
        yield Place(server.url, http, *keys)


async def test_the_script_is_served_for_a_client_key_alone(tmp_path: Path) -> None:
    """S004-91, S004-93: 200 and JavaScript; 401 or 403, and a sentence, for every other key."""
    async with place(tmp_path) as here:
        for path in LEGACY:
            status, text, headers = await here.get(f"{path}?apikey={here.client}")
            assert status == 200 and "PersonaClient" in text
            assert headers["Content-Type"] == "text/javascript; charset=utf-8"
            assert headers["Cache-Control"] == "private, no-cache"
            for query, refused, sentence in (
                ("", 401, "Give a client key"),
                ("?apikey=wrong", 401, "."),
                (f"?apikey={here.expired}", 401, "."),
                (f"?apikey={here.secret}", 403, "use a client key"),
                (f"?apikey={here.admin}", 403, "use a client key"),
            ):
                status, text, headers = await here.get(path + query)
                assert (status, headers["Content-Type"]) == (refused, "text/plain; charset=utf-8")
                assert sentence in text and headers["Access-Control-Allow-Origin"] == "*"
                assert "va_secret" not in text


async def test_every_page_may_load_the_files(tmp_path: Path) -> None:
    """S004-91: with content types that browsers insist on, and anew only when they have changed."""
    async with place(tmp_path) as here:
        for name, content_type in (
            ("persona.js", "text/javascript"),
            ("persona.classic.js", "text/javascript"),
            ("worklet.js", "text/javascript"),
            ("persona.d.ts", "text/plain"),
        ):
            status, text, headers = await here.get(f"/sdk/{name}")
            assert status == 200 and text.startswith("/* voice-agent-persona")
            assert headers["Content-Type"] == f"{content_type}; charset=utf-8"
            assert headers["Access-Control-Allow-Origin"] == "*"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Content-Encoding"] == "gzip"
            again = {"If-None-Match": headers["ETag"]}
            assert (await here.get(f"/sdk/{name}", again))[:2] == (304, "")
            plain = await here.get(f"/sdk/{name}", {"Accept-Encoding": "identity"})
            assert plain[1] == text and "Content-Encoding" not in plain[2]
        for path in ("/sdk/", "/sdk/..%2fserver.py", "/sdk/server.py"):
            assert (await here.get(path))[0] == 404


async def test_a_page_of_the_keys_origin_gets_a_token(tmp_path: Path) -> None:
    """S004-93, S004-94."""
    async with place(tmp_path) as here:
        asked = {
            "Origin": PAGE,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type",
        }
        status, _, headers = await here.session("OPTIONS", asked)
        assert (status, headers["Access-Control-Allow-Origin"]) == (204, PAGE)
        assert "authorization" in headers["Access-Control-Allow-Headers"]
        assert headers["Access-Control-Allow-Methods"] == "POST"
        with_key = {"Origin": PAGE, "Authorization": f"Bearer {here.client}"}
        status, text, headers = await here.session("POST", with_key)
        assert status == 200 and "token" in text
        assert headers["Access-Control-Allow-Origin"] == PAGE
        assert headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in headers


async def test_a_page_can_read_why_it_gets_none(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for key, origin, refused, sentence in (
            (here.client, "https://evil.example", 403, "it names https://shop.example"),
            (here.client, "null", 403, "it names"),
            (here.expired, PAGE, 401, "."),
            (here.secret, PAGE, 403, "use a client key"),
            (here.admin, PAGE, 403, "use a client key"),
            ("", PAGE, 401, "Give a key"),
        ):
            told = {"Origin": origin, **({"Authorization": f"Bearer {key}"} if key else {})}
            status, text, headers = await here.session("POST", told)
            assert status == refused and sentence in text
            assert headers["Access-Control-Allow-Origin"] == origin


async def test_servers_get_tokens_as_ever(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        status, _, headers = await here.session("POST", {"Authorization": f"Bearer {here.secret}"})
        assert status == 200 and "Access-Control-Allow-Origin" not in headers


async def test_nothing_else_is_open_to_other_pages(tmp_path: Path) -> None:
    """S004-93: a public key reaches no administration, from a page or from elsewhere."""
    async with place(tmp_path) as here:
        told = {"Origin": PAGE, "Authorization": f"Bearer {here.client}"}
        for path in ("/api/personas", "/api/keys", "/api/conversations"):
            for method in ("OPTIONS", "POST"):
                _, _, headers = await here.session(method, told, path)
                assert "Access-Control-Allow-Origin" not in headers
            async with here.http.get(here.url + path, headers=told) as response:
                assert response.status == 403
