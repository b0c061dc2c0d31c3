"""The console's files: their headers, and that nothing else is served."""

import os
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from voice_agent.web.pages import ConsoleRoutes, sign_in_link

INDEX = '<!doctype html><meta name="csp-nonce" content="__NONCE__"><script src="assets/a1.js">'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As the build leaves it, with something secret beside it."""
    (tmp_path / "secret.txt").write_text("secret")
    built = tmp_path / "console"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text(INDEX)
    (built / "favicon.svg").write_text("<svg/>")
    (built / "assets" / "a1.js").write_text("console.log(1)")
    (built / "assets" / "a1.js.br").write_bytes(b"as brotli")
    (built / "assets" / "a1.js.gz").write_bytes(b"as gzip")
    (built / "linked.txt").symlink_to(tmp_path / "secret.txt")
    return built


@pytest.fixture
async def server(folder: Path) -> AsyncIterator[TestServer]:
    application = web.Application()
    application.add_routes(ConsoleRoutes(folder).routes())
    running = TestServer(application)
    async with running:
        yield running


async def get(server: TestServer, path: str, **headers: str) -> tuple[int, str, Mapping[str, str]]:
    # As raw bytes on the wire: nothing is resolved or decoded before it is sent.
    async with (
        aiohttp.ClientSession(auto_decompress=False) as http,
        http.get(
            URL(f"http://127.0.0.1:{server.port}{path}", encoded=True),
            headers={"Accept-Encoding": "identity"} | headers,
            allow_redirects=False,
        ) as response,
    ):
        return response.status, await response.text(), response.headers


def directives(policy: str) -> dict[str, set[str]]:
    parts = (each.split() for each in policy.split(";"))
    return {name: set(values) for name, *values in parts}


async def test_the_page_may_load_nothing_from_elsewhere(server: TestServer) -> None:
    status, text, headers = await get(server, "/console/")
    found = directives(headers["Content-Security-Policy"])
    (nonce,) = re.findall(r'content="([\w-]{20,})"', text)
    here = f"127.0.0.1:{server.port}"
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    assert found == {
        "default-src": {"'none'"},
        "script-src": {"'self'"},
        "style-src": {"'self'", f"'nonce-{nonce}'"},
        "connect-src": {"'self'", f"ws://{here}", f"wss://{here}"},
        "img-src": {"'self'", "data:"},
        "media-src": {"'self'", "blob:"},
        "font-src": {"'self'"},
        "worker-src": {"'self'"},
        "manifest-src": {"'self'"},
        "base-uri": {"'none'"},
        "form-action": {"'self'"},
        "frame-ancestors": {"'none'"},
    }
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Permissions-Policy"].startswith("microphone=(self), camera=()")
    assert headers["Cache-Control"] == "no-cache"


async def test_a_nonce_is_of_one_answer(server: TestServer) -> None:
    """An answer of 304 would bring the page of one nonce and the policy of another."""
    _, one, headers = await get(server, "/console/")
    _, two, _ = await get(server, "/console/")
    assert one != two and "__NONCE__" not in one
    assert "ETag" not in headers and "Last-Modified" not in headers


@pytest.mark.parametrize("path", ["personas/p1", "signin", "index.html", "no/such.thing", "%00"])
async def test_what_is_no_file_is_the_page_s(server: TestServer, path: str) -> None:
    status, text, headers = await get(server, f"/console/{path}")
    assert status == 200 and "csp-nonce" in text
    assert headers["Content-Type"].startswith("text/html")


async def test_a_part_that_is_no_more_is_not_the_page(server: TestServer) -> None:
    status, text, _ = await get(server, "/console/assets/old.js")
    assert status == 404 and "csp-nonce" not in text


async def test_parts_are_kept_and_come_as_they_were_compressed(server: TestServer) -> None:
    status, text, headers = await get(server, "/console/assets/a1.js")
    assert (status, text) == (200, "console.log(1)")
    assert headers["Content-Type"].endswith("/javascript")
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for encoding, expected in (("gzip, deflate, br", "as brotli"), ("gzip", "as gzip")):
        _, text, headers = await get(
            server, "/console/assets/a1.js", **{"Accept-Encoding": encoding}
        )
        assert text == expected
        assert headers["Content-Type"].endswith("/javascript")
        assert "Accept-Encoding" in headers["Vary"]
    _, _, headers = await get(server, "/console/favicon.svg")
    assert headers["Cache-Control"] == "no-cache"
    assert "nonce" not in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "..%2fsecret.txt",
        "%2e%2e/secret.txt",
        "%2e%2e%2fsecret.txt",
        "assets/../../secret.txt",
        "assets/..%2f..%2fsecret.txt",
        "..%5csecret.txt",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "linked.txt",
        "favicon.svg%00.html",
    ],
)
async def test_nothing_outside_of_the_build_is_served(server: TestServer, path: str) -> None:
    _, text, _ = await get(server, f"/console/{path}")
    assert "secret" not in text and "root:" not in text and "<svg" not in text


async def test_a_build_while_the_server_runs_is_seen(server: TestServer, folder: Path) -> None:
    index = folder / "index.html"
    assert "csp-nonce" in (await get(server, "/console/"))[1]
    (folder / "assets" / "b2.js").write_text("console.log(2)")
    index.write_text("<!doctype html>new")
    os.utime(index, ns=(1, 1))
    assert (await get(server, "/console/"))[1] == "<!doctype html>new"
    assert (await get(server, "/console/assets/b2.js"))[0] == 200
    index.unlink()
    status, text, headers = await get(server, "/console/")
    assert status == 404 and "make console" in text
    assert headers["Content-Security-Policy"]


async def test_the_root_leads_to_the_console(server: TestServer) -> None:
    for path in ("/", "/console", "//evil.example"):
        status, _, headers = await get(server, path)
        assert (status, headers.get("Location")) in ((302, "/console/"), (404, None))


async def test_a_host_that_is_none_stays_out_of_the_policy(server: TestServer) -> None:
    _, _, headers = await get(server, "/console/", Host="evil.example; script-src *")
    assert "evil" not in headers["Content-Security-Policy"]


def test_the_link_is_the_console_s_if_there_is_one(folder: Path) -> None:
    """The token stands behind the #, so that neither logs nor a Referer have it."""
    url = "https://agent.example.com/"
    assert sign_in_link(url, "T", folder) == "https://agent.example.com/console/#link=T"
    assert sign_in_link(url, "T", folder / "no") == "https://agent.example.com/api/login#T"


def test_on_this_machine_the_console_has_a_name(folder: Path) -> None:
    """Passkeys are bound to one."""
    url = "http://127.0.0.1:8080"
    assert sign_in_link(url, "T", folder) == "http://localhost:8080/console/#link=T"
    assert sign_in_link("http://[::1]:8080", "T", folder) == "http://[::1]:8080/console/#link=T"
