"""Pictures of the console for its documentation: ``python -m docs.screenshots [NAME …]``.

They are taken of a scripted server with a persona that acts, so that all of it has something to
show; each at two widths, light and dark, to ``docs/screenshots/``. A page adds itself to `SHOTS`.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.demo import SAID, Demo, demo, invited, sign_up
from tests.browser.place import microphone
from tests.browser.telephone import Guests

FOLDER = Path(__file__).parent / "screenshots"
WIDTHS = {"wide": (1280, 800), "phone": (390, 844)}
THEMES = ("light", "dark")
LARGEST = 200_000
"""Bytes of one picture."""
SLOW = (
    "stt.delay_ms=90",
    "llm.delay_ms=210",
    "tts.delay_ms=120",
    "tts.audio_ms=900",
    "endpointing.mode=adaptive",
    "prices.stt=0.0077",
    "prices.tts=0.05",
)
"""Figures as of real providers."""
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)

Prepare = Callable[[Page, Demo], None]


@dataclass(frozen=True)
class Shot:
    """One picture: what it is called, which page it shows, and what is done there first."""

    name: str
    path: str
    """Below ``/console``; ``{persona}`` is the persona's id."""
    prepare: Prepare | None = None
    signed_in: bool = True


SPOKEN = (2.2, "goforward", 4.0, "goforward", 1.1, "goforward", 6.0)
"""The microphone: recordings of `tests/audio`, and seconds of silence."""


def _speak(page: Page, _: Demo) -> None:
    """A conversation by voice; what is said is told to the recognizer by the script."""
    page.get_by_role("button", name="Talk", exact=True).first.click()
    expect(page.get_by_text("Is there anything else?").first).to_be_visible(timeout=40_000)


def _converse(page: Page, _: Demo) -> None:
    """A conversation in writing, to its end."""
    transcript = page.get_by_role("log", name="Transcript")
    for text, answer in zip(SAID, ("No, on", "take that down", "anything else"), strict=True):
        page.get_by_label("Write something").fill(text)
        page.keyboard.press("Enter")
        expect(transcript).to_contain_text(answer, timeout=20_000)
        expect(transcript.locator("[data-pending]")).to_have_count(0, timeout=20_000)


def _act(page: Page, running: Demo) -> None:
    _converse(page, running)
    page.get_by_role("tab", name="Actions").click()
    page.get_by_role("button", name="book_table").click()


def _edit(page: Page, _: Demo) -> None:
    page.get_by_role("tab", name="Edit").click()
    expect(page.get_by_role("textbox", name="Prompt")).to_be_visible()


_OTHERS = (
    {"name": "Nora, front desk", "language": "en-GB", "telephone": {"numbers": ["+442079460123"]}},
    {"name": "Rachel, appointments", "telephone": {"numbers": ["+14155550100"]}},
    {"name": "Studio Verdi", "language": "it"},
)


def _among_others(page: Page, running: Demo) -> None:
    """The list of personas: never published, published, changed since."""
    if len(running.api("GET", "/api/personas")["items"]) == 1:
        made = [running.api("POST", "/api/personas", each)["id"] for each in _OTHERS]
        for id in made[1:]:
            running.api("POST", f"/api/personas/{id}/publish")
        changed = {**_OTHERS[1], "initial_message": "Hello, this is Rachel."}
        running.api("PUT", f"/api/personas/{made[1]}", changed)
    page.reload()
    expect(page.get_by_role("table", name="Personas")).to_contain_text("Rachel")


def _misspell(page: Page, _: Demo) -> None:
    """A detail is added, and a keyword that there is not."""
    page.get_by_role("textbox", name="Prompt").click()
    page.keyboard.press("Control+Home")
    page.keyboard.press("End")
    page.keyboard.press("End")  # On phones the first one leads to where the line is wrapped.
    page.keyboard.type(" Greet {{details.name}} and {{userSay}}.")
    expect(page.get_by_role("list", name="Findings about the prompt")).to_contain_text("userSay")
    page.evaluate("scrollTo(0, 0)")


def _match(page: Page, _: Demo) -> None:
    page.get_by_label("The caller says").fill("Is my dog allowed?")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("list", name="Matching scenarios").get_by_role("button").first.click()
    page.evaluate("scrollTo(0, 0)")


def _compare(page: Page, _: Demo) -> None:
    message = page.get_by_role("textbox", name="Initial message")
    message.fill("Bella Roma, buongiorno. This is Anna.")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("region", name="Initial message")).to_be_visible()


def _examine(page: Page, _: Demo) -> None:
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_role("list", name="What was checked")).to_be_visible()


_guests: list[Guests] = []


def _callers(running: Demo) -> Guests:
    if not _guests:
        _guests.append(Guests(running))
    return _guests[0]


def _board(page: Page, running: Demo) -> None:
    """Two calls go on, some are over."""
    _callers(running).recorded()
    _callers(running).live()
    table = page.get_by_role("table", name="Live calls")
    expect(table.get_by_role("row")).to_have_count(3, timeout=20_000)
    expect(table.get_by_role("row").nth(2)).to_contain_text("Friday", timeout=90_000)


def _live_call(page: Page, running: Demo) -> None:
    _board(page, running)
    page.get_by_role("table", name="Live calls").get_by_role("link").last.click()
    expect(page.get_by_role("log", name="Transcript")).to_contain_text("Sunday")
    page.wait_for_timeout(6000)  # Until both have been heard.


def _call(page: Page, running: Demo, part: str = "") -> None:
    id = _callers(running).recorded()
    page.goto(f"{running.url}/console/calls/{id}{part}")
    slider = page.get_by_role("slider", name="Position in the recording")
    expect(slider.locator("canvas")).to_have_count(4)
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")


def _call_action(page: Page, running: Demo) -> None:
    _call(page, running, "?tab=actions")
    page.get_by_role("tabpanel").get_by_role("button", name="book_table").click()


def _what_if(page: Page, running: Demo) -> None:
    _call(page, running, "?tab=what-if")
    page.get_by_role("slider", name="Typical").fill("300")
    expect(page.get_by_text("Median")).to_contain_text("faster")


SHOTS = (
    Shot("sign-in", "/signin", signed_in=False),
    Shot("playground", "/playground/{persona}", _speak),
    Shot("playground-actions", "/playground/{persona}", _act),
    Shot("playground-edit", "/playground/{persona}", _edit),
    Shot("personas", "/personas", _among_others),
    Shot("persona-prompt", "/personas/{persona}", _misspell),
    Shot("persona-scenarios", "/personas/{persona}/scenarios", _match),
    Shot("persona-actions", "/personas/{persona}/actions"),
    Shot("persona-voice", "/personas/{persona}/voice"),
    Shot("persona-model", "/personas/{persona}/model"),
    Shot("persona-turns", "/personas/{persona}/turns"),
    Shot("persona-phrases", "/personas/{persona}/phrases"),
    Shot("persona-limits", "/personas/{persona}/limits"),
    Shot("persona-settings", "/personas/{persona}/settings"),
    Shot("persona-versions", "/personas/{persona}/versions"),
    Shot("persona-publish", "/personas/{persona}", _compare),
    Shot("persona-deploy", "/personas/{persona}/deploy", _examine),
    Shot("account", "/account"),
    Shot("welcome", "/account", lambda page, _: invited(page)),
    Shot("calls", "/calls", _board),
    Shot("call-live", "/calls", _live_call),
    Shot("call", "/calls", _call),
    Shot("call-action", "/calls", _call_action),
    Shot("call-what-if", "/calls", _what_if),
)


def main(names: list[str]) -> None:
    """Take those named, or all."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    assert executable, "the pictures need Chromium: make packages"
    wanted = [shot for shot in SHOTS if not names or shot.name in names]
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        demo(Path(folder), (*SLOW, f"journal.directory={folder}/journals")) as running,
    ):
        heard = microphone(Path(folder) / "said.wav", *SPOKEN)
        flags = [*FLAGS, f"--use-file-for-fake-audio-capture={heard}"]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=executable, args=flags, chromium_sandbox=False
            )
            with browser.new_context() as context:
                page = context.new_page()
                sign_up(page, running.place)
                state = context.storage_state()
            for shot in wanted:
                for width, (across, down) in WIDTHS.items():
                    for theme in THEMES:
                        with browser.new_context(
                            viewport={"width": across, "height": down},
                            color_scheme="dark" if theme == "dark" else "light",
                            storage_state=state if shot.signed_in else None,
                            permissions=["microphone"],
                        ) as context:
                            _take(context.new_page(), shot, running, f"{width}-{theme}")
            browser.close()
        for guests in _guests:
            guests.close()


def _take(page: Page, shot: Shot, running: Demo, kind: str) -> None:
    url = running.url
    if not shot.signed_in:
        url = url.replace("127.0.0.1", "localhost")  # Passkeys want a name.
    page.goto(f"{url}/console{shot.path.format(persona=running.persona)}")
    page.wait_for_load_state("networkidle")
    if shot.prepare is not None:
        shot.prepare(page, running)
    page.evaluate("document.activeElement?.blur()")
    page.wait_for_timeout(300)  # What moves has come to rest.
    picture = page.screenshot(caret="hide")
    assert len(picture) <= LARGEST, f"{shot.name} is too large: {len(picture)} bytes"
    (FOLDER / f"{shot.name}-{kind}.png").write_bytes(picture)
    sys.stderr.write(f"{shot.name}-{kind}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
