"""The console's list and editor of personas."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from voice_agent.web.pages import is_built

from .demo import PROMPT, Demo, demo
from .place import HANG_MS
from .sights import PHONE, WIDE, check, watched

pytestmark = pytest.mark.browser
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
SECTIONS = (
    *("prompt", "actions", "scenarios", "voice", "model", "turns"),
    *("phrases", "limits", "settings", "deploy", "versions"),
)


@pytest.fixture(scope="module")
def roma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    assert is_built(), "the console is not built: make console"
    with demo(tmp_path_factory.mktemp("server")) as running:
        yield running


@contextmanager
def _opened(chromium: Browser, roma: Demo, session: Any, **options: Any) -> Iterator[Page]:
    with chromium.new_context(storage_state=session, **options) as context:
        context.set_default_timeout(HANG_MS)
        with watched(context, roma.url) as page:
            yield page


@pytest.fixture
def console(chromium: Browser, roma: Demo, session: Any) -> Iterator[Page]:
    """Signed in, on a laptop."""
    with _opened(chromium, roma, session, viewport=WIDE) as page:
        yield page


def _made(roma: Demo, name: str, **fields: Any) -> str:
    document = {"name": name, "prompt": PROMPT, **fields}
    return str(roma.api("POST", "/api/personas", document)["id"])


def _open(page: Page, roma: Demo, id: str, section: str = "prompt") -> None:
    page.goto(f"{roma.url}/console/personas/{id}/{section}")
    expect(page.get_by_role("navigation", name="Sections")).to_be_visible()


def _draft(roma: Demo, id: str) -> dict[str, Any]:
    return dict(roma.api("GET", f"/api/personas/{id}")["draft"])


def _saved(page: Page) -> None:
    expect(page.get_by_role("region", name="Unsaved edits")).to_have_count(0)


def _published(page: Page, version: int) -> None:
    page.get_by_role("button", name="Publish").click()
    dialog = page.get_by_role("dialog", name=f"Publish version {version}")
    dialog.get_by_role("button", name="Publish").click()
    expect(dialog).to_have_count(0)


def test_a_persona_from_a_template_to_calls_and_back(console: Page, roma: Demo) -> None:
    console.goto(f"{roma.url}/console/personas")
    console.get_by_role("button", name="New persona").click()
    console.get_by_role("textbox", name="Name").fill("Nora")
    console.get_by_role("radio", name="Answers questions Knows").check()
    console.get_by_role("button", name="Create").click()
    expect(console.get_by_role("heading", name="Nora")).to_be_visible()
    expect(console.get_by_text("Draft", exact=True)).to_be_visible()
    (id,) = [each["id"] for each in _listed(roma) if each["name"] == "Nora"]

    prompt = console.get_by_role("textbox", name="Prompt")
    expect(prompt).to_contain_text("the host of the restaurant Bella Roma")
    prompt.click()
    console.keyboard.press("Control+a")
    console.keyboard.type("You are Nora. It is {{cur")
    expect(console.get_by_role("option", name="{{currentDatetime}}")).to_be_visible()
    console.wait_for_timeout(200)  # An Enter right after it has opened is meant for the text.
    console.keyboard.press("Enter")
    console.keyboard.type(". {{wether}}")
    findings = console.get_by_role("list", name="Findings about the prompt")
    expect(findings).to_contain_text("There is no keyword {{wether}}")
    findings.get_by_role("button", name="Line 1").first.click()  # Its place is selected,
    console.keyboard.type("Be brief.")  # and written over.
    expect(findings).not_to_contain_text("wether")
    expect(console.get_by_role("meter")).to_have_attribute("aria-valuetext", re.compile("green"))
    console.keyboard.press("Control+s")
    _saved(console)
    assert _draft(roma, id)["prompt"] == "You are Nora. It is {{currentDatetime}}. Be brief."
    _published(console, 1)
    expect(console.get_by_text("Published", exact=True)).to_be_visible()

    console.get_by_role("textbox", name="Initial message").fill("Good evening.")
    console.get_by_role("button", name="Publish").click()
    dialog = console.get_by_role("dialog", name="Publish version 2")
    expect(dialog.get_by_role("region", name="Initial message")).to_contain_text("Good evening.")
    dialog.get_by_role("button", name="Save and publish").click()
    expect(dialog).to_have_count(0)
    assert roma.api("GET", f"/api/personas/{id}")["published"]["initial_message"] == "Good evening."

    console.get_by_role("link", name="Versions").click()
    first = console.get_by_role("listitem").filter(has_text="Version 1")
    first.get_by_role("button", name="Roll back").click()
    confirm = console.get_by_role("dialog", name="Roll back to version 1?")
    confirm.get_by_role("button", name="Roll back").click()
    expect(console.get_by_role("main").get_by_text("Version 3").first).to_be_visible()
    stored = roma.api("GET", f"/api/personas/{id}")
    assert stored["published"]["initial_message"].startswith("Bella Roma, this is Anna")
    assert stored["draft"] == stored["published"]


def _listed(roma: Demo) -> list[dict[str, Any]]:
    return list(roma.api("GET", "/api/personas")["items"])


def test_the_list_finds_copies_exports_and_deletes(console: Page, roma: Demo) -> None:
    _made(roma, "Otto, the desk", language="de", telephone={"numbers": ["+493012345678"]})
    console.goto(f"{roma.url}/console/personas")
    table = console.get_by_role("table", name="Personas")
    console.get_by_role("searchbox", name="Search").fill("+4930")
    expect(table.get_by_role("row")).to_have_count(2)
    expect(table).to_contain_text("German")
    menu = console.get_by_role("button", name="Actions for Otto, the desk")
    menu.click()
    with console.expect_download() as download:
        console.get_by_role("menuitem", name="Export as TOML").click()
    assert download.value.suggested_filename == "otto-the-desk.toml"
    text = Path(download.value.path()).read_text()
    assert 'language = "de"' in text
    menu.click()
    console.get_by_role("menuitem", name="Delete").click()
    console.get_by_role("dialog", name="Delete Otto, the desk?").get_by_role(
        "button", name="Delete Otto"
    ).click()
    expect(console.get_by_text("None of")).to_be_visible()
    console.get_by_label("Persona file").set_input_files(
        {"name": "o.toml", "mimeType": "application/toml", "buffer": text.encode()}
    )
    console.get_by_role("dialog").get_by_role("button", name="Import", exact=True).click()
    expect(console.get_by_role("heading", name="Otto, the desk")).to_be_visible()


def test_what_is_wrong_with_a_schema_is_shown_at_its_place(console: Page, roma: Demo) -> None:
    id = _made(roma, "Paula")
    _open(console, roma, id, "actions")
    schema = console.get_by_role("textbox", name="Actions schema")
    console.get_by_role("button", name="Save a value").click()
    expect(schema).to_contain_text("save_email_address")
    wrong = {"show": {"_examples": [], "type": "colour"}}
    schema.fill(json.dumps({"$schema": DRAFT_7, "type": "object", "properties": wrong}))
    findings = console.get_by_role("list", name="Findings about the actions")
    expect(findings).to_contain_text("_description")
    expect(console.get_by_role("link", name="Actions")).to_contain_text("wrong")
    findings.get_by_role("button").first.click()
    selected = console.evaluate("getSelection().toString()")
    assert selected in ('"show"', '"type"')
    console.keyboard.press("Control+s")
    expect(console.get_by_text("Not saved: something is wrong")).to_be_visible()
    schema.fill("{")
    expect(console.get_by_text("This is not JSON")).to_be_visible()
    schema.fill('{\n  "type": "object", // By hand.\n  "properties": {},\n}')
    expect(console.get_by_text("Line 2, column 21: JSON has no comments")).to_be_visible()
    console.get_by_role("button", name="Format actions schema").click()
    expect(console.get_by_text("This is not JSON")).to_have_count(0)
    expect(schema).not_to_contain_text("By hand")
    schema.fill('{"type": "object" "properties": {}}')
    expect(console.get_by_text("Line 1, column 19: a comma is missing")).to_be_visible()
    expect(console.get_by_role("button", name="Format actions schema")).to_be_disabled()
    console.get_by_role("button", name="Show", exact=True).click()
    assert console.evaluate("getSelection().toString()") == '"properties"'
    schema.fill("")
    expect(console.get_by_role("link", name="Actions")).not_to_contain_text("wrong")
    _saved(console)  # There is nothing to save: it is as it was.


def test_scenarios_are_written_and_tried(console: Page, roma: Demo) -> None:
    id = _made(roma, "Rita")
    _open(console, roma, id, "scenarios")
    for context, said in (("Prices", "How much is the pizza?"), ("Dogs", "May I bring my dog?")):
        console.get_by_role("button", name="Add scenario").click()
        expect(console.get_by_text("Incomplete")).to_be_visible()
        console.get_by_label("Context").fill(context)
        console.get_by_label("User says").fill(said)
        console.get_by_label("How to respond").fill("Kindly.")
        expect(console.get_by_text("Incomplete")).to_have_count(0)
    console.get_by_role("button", name="Move scenario 2 up").click()
    console.get_by_role("button", name="Save").click()
    _saved(console)
    assert [each["context"] for each in _draft(roma, id)["scenarios"]] == ["Dogs", "Prices"]
    console.get_by_label("The caller says").fill("Is my dog allowed?")
    console.get_by_role("button", name="Find").click()
    found = console.get_by_role("list", name="Matching scenarios").get_by_role("listitem")
    expect(found.first).to_contain_text(re.compile(r"0\.\d\d1\. Dogs"))
    expect(found).to_have_count(2)


def test_of_two_who_edit_nobody_loses_a_word(console: Page, roma: Demo) -> None:
    id = _made(roma, "Sven", initial_message="Hello.")
    _open(console, roma, id)
    console.get_by_role("textbox", name="Initial message").fill("Mine.")
    expect(console.get_by_role("region", name="Unsaved edits")).to_be_visible()
    console.on("dialog", lambda dialog: dialog.accept())  # The browser asks before it goes.
    console.reload()
    expect(console.get_by_text("are here again")).to_be_visible()
    other = _draft(roma, id) | {"language": "sv", "initial_message": "Theirs."}
    roma.api("PUT", f"/api/personas/{id}", other)
    console.keyboard.press("Control+s")
    dialog = console.get_by_role("dialog", name="Somebody else has saved this persona")
    expect(dialog).to_contain_text("Both changed: Initial message.")
    expect(dialog).to_contain_text("Theirs.")
    dialog.get_by_role("button", name="Put mine into theirs").click()
    expect(console.get_by_role("textbox", name="Initial message")).to_contain_text("Mine.")
    console.keyboard.press("Control+s")
    _saved(console)
    draft = _draft(roma, id)
    assert (draft["initial_message"], draft["language"]) == ("Mine.", "sv")


def test_a_persona_is_deployed_to_the_telephone(console: Page, roma: Demo) -> None:
    """S004-81: Deploy > Phone (Twilio), with the webhook's address and the fields."""
    id = _made(roma, "Tom")
    _open(console, roma, id)
    console.get_by_role("link", name="Deploy").click()
    expect(console.get_by_role("heading", name="Phone (Twilio)")).to_be_visible()
    webhook = console.get_by_label("Webhook URL")
    expect(webhook).to_have_value(f"{roma.url}/twilio/voice?persona={id}")
    console.get_by_role("button", name="Add number").click()
    number = console.get_by_role("textbox", name="Number 1")
    number.fill("0415 555")
    expect(console.get_by_text("with the country code")).to_be_visible()
    number.fill("+1 415 555 0100")
    console.get_by_role("switch", name="Record calls").click()
    console.get_by_label("Announcement").fill("We record.")
    console.get_by_role("button", name="Save").click()
    _saved(console)
    telephone = _draft(roma, id)["telephone"]
    assert telephone["numbers"] == ["+14155550100"] and telephone["recording"]
    expect(webhook).to_have_value(f"{roma.url}/twilio/voice")  # The number tells who answers.
    console.get_by_role("button", name="Check now").click()
    expect(console.get_by_role("list", name="What was checked")).to_contain_text("public_url")


def test_in_call_users_are_turned_off_and_saved_explicitly(console: Page, roma: Demo) -> None:
    """S000-24, S000-28."""
    id = _made(roma, "Ute")
    _open(console, roma, id, "settings")
    switch = console.get_by_role("switch", name="In-call users")
    expect(switch).to_be_checked()
    switch.click()
    assert _draft(roma, id)["in_call_users"] is True
    console.get_by_role("button", name="Save").click()
    _saved(console)
    assert _draft(roma, id)["in_call_users"] is False


def test_what_is_not_changed_is_the_servers(console: Page, roma: Demo) -> None:
    id = _made(roma, "Vera")
    _open(console, roma, id, "turns")
    slider = console.get_by_role("slider", name="Speech that interrupts")
    expect(slider).to_have_value("500")
    slider.focus()
    console.keyboard.press("ArrowRight")
    console.get_by_role("link", name="Model").click()
    console.get_by_role("radio", name="Any OpenAI-compatible API").check()
    console.get_by_label("Base URL").fill("example")
    expect(console.get_by_text("must be an address such as")).to_be_visible()
    console.get_by_label("Base URL").fill("https://llm.example/v1")
    console.get_by_label("Model", exact=True).fill("mine")
    console.get_by_role("link", name="Limits").click()
    console.get_by_role("switch", name="Limit messages").click()
    expect(console.get_by_label("Messages for each user")).to_have_value("200")
    console.get_by_role("button", name="Save").click()
    _saved(console)
    draft = _draft(roma, id)
    assert draft["interruption"] == {"sustained_ms": 550}
    assert draft["llm"]["base_url"] == "https://llm.example/v1"
    assert draft["rate_limit"] == {"enabled": True, "count": 200, "message": ""}
    console.get_by_role("link", name="Turn-taking").click()
    console.get_by_role("button", name="Default for Speech that interrupts").click()
    expect(slider).to_have_value("500")


@pytest.mark.parametrize(("size", "theme"), [(WIDE, "light"), (PHONE, "dark")])
def test_every_section_is_accessible(
    chromium: Browser, roma: Demo, session: Any, size: Any, theme: Any
) -> None:
    with _opened(chromium, roma, session, viewport=size, color_scheme=theme) as page:
        page.goto(f"{roma.url}/console/personas")
        expect(page.get_by_role("table", name="Personas")).to_be_visible()
        check(page)
        _open(page, roma, roma.persona)
        expect(page.get_by_role("textbox", name="Prompt")).to_be_visible()
        for section in SECTIONS:
            page.locator(f'nav[aria-label="Sections"] a[href$="/{section}"]').click()
            expect(page.locator('[role="status"] .sr-only')).to_have_count(0)  # Nothing loads.
            check(page)
        page.goto(f"{roma.url}/console/personas")
        page.get_by_role("button", name="New persona").click()
        expect(page.get_by_role("dialog", name="New persona")).to_be_visible()
        check(page)
