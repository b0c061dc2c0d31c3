"""What browser tests share: per module one scripted server, one Chromium, one origin of pages.

A module may say otherwise with constants: ``PERSONA`` (who answers), ``SETTINGS`` (overrides of
scripted.toml), ``MICROPHONE`` (what is heard each time that a page opens the microphone, see
`place.microphone`) and ``FLAGS`` (of Chromium). Tests are plain functions: Playwright's plain API.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from voice_agent.personas.persona import Persona

from .demo import Demo, sign_up
from .place import HANG_MS, Pages, Place, microphone, pages, place

expect.set_options(timeout=HANG_MS)

ANNA = Persona(name="Anna", prompt="Be brief.", initial_message="Good day.")
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--deny-permission-prompts",  # Who may not is told at once: there is nobody to ask.
)


@pytest.fixture(scope="module")
def anna(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """The server at which the module's persona answers."""
    persona = getattr(request.module, "PERSONA", ANNA)
    settings = getattr(request.module, "SETTINGS", ())
    with place(tmp_path_factory.mktemp("server"), persona, settings) as running:
        yield running


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Pages]:
    """Pages of another origin than the server's."""
    with pages() as serving:
        yield serving


@pytest.fixture(scope="module")
def said(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the microphone plays."""
    parts = getattr(request.module, "MICROPHONE", (2.0,))
    return microphone(tmp_path_factory.mktemp("microphone") / "said.wav", *parts)


@pytest.fixture(scope="module")
def chromium(request: pytest.FixtureRequest, said: Path) -> Iterator[Browser]:
    """Debian's Chromium without a head, and with a microphone that plays a file."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    assert executable, "the browser tests need Chromium: make packages"
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={said}%noloop"]
    flags += getattr(request.module, "FLAGS", ())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=flags, chromium_sandbox=False
        )
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="module")
def session(chromium: Browser, roma: Place | Demo) -> Any:
    """What a browser keeps that has signed in to the console of the module's `roma`."""
    with chromium.new_context() as context:
        sign_up(context.new_page(), roma if isinstance(roma, Place) else roma.place)
        return context.storage_state()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A profile of its own that may use the microphone."""
    with chromium.new_context(permissions=["microphone"]) as opened:
        opened.set_default_timeout(HANG_MS)
        yield opened


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page in which no exception goes unnoticed."""
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    assert not problems, problems
