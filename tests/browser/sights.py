"""What every page of the console is held to."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

AXE = Path(__file__).parents[2] / "console" / "node_modules" / "axe-core" / "axe.min.js"
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


@contextmanager
def watched(context: BrowserContext, url: str) -> Iterator[Page]:
    """A page that throws nothing, asks nobody but the server at `url`, and keeps to its policy."""
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda told: problems.extend(_against_policy(told.text)))
    page.on(
        "request",
        lambda asked: (
            None
            if asked.url.startswith((url, "data:", "blob:"))
            else problems.append(f"asked for {asked.url}")
        ),
    )
    yield page
    assert not problems


def _against_policy(told: str) -> list[str]:
    # Chromium wants to keep the looks of what is replaced in an editor; CodeMirror does not.
    is_own = told.startswith("Applying inline style")
    return [told] if "Content Security Policy" in told and not is_own else []


def check(page: Page) -> None:
    """Nothing for axe to complain of, and nothing beyond the window's edge."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text("utf-8"))  # Past the policy, as the browser's own tools are.
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    told = [
        {each["id"]: [node["html"][:200] for node in each["nodes"]]} for each in found["violations"]
    ]
    assert not told, f"{page.url}: {json.dumps(told, indent=1)}"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
