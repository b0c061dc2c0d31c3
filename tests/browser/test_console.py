"""The console in a browser: signing in, the playground, and that everybody can use it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, WebSocketRoute, expect

from voice_agent.web.pages import is_built

from .demo import ANSWERS, NAME, PASSWORD, SAID, Demo, demo, invited
from .place import HANG_MS
from .sights import PHONE, WIDE, check, watched

pytestmark = pytest.mark.browser
MICROPHONE = (1.5, "goforward", 4.0)
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def roma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    assert is_built(), "the console is not built: make console"
    with demo(tmp_path_factory.mktemp("server"), ("tts.audio_ms=300",)) as running:
        yield running


@contextmanager
def _context(chromium: Browser, session: Any, **options: Any) -> Iterator[BrowserContext]:
    with chromium.new_context(storage_state=session, **options) as context:
        context.set_default_timeout(HANG_MS)
        yield context


@pytest.fixture
def console(chromium: Browser, roma: Demo, session: Any) -> Iterator[Page]:
    """Signed in, on a laptop."""
    with (
        _context(chromium, session, viewport=WIDE, permissions=["microphone"]) as context,
        watched(context, roma.url) as page,
    ):
        yield page


def _playground(page: Page, roma: Demo) -> None:
    page.goto(f"{roma.url}/console/playground/{roma.persona}")


def _say(page: Page, text: str) -> None:
    page.get_by_label("Write something").fill(text)
    page.keyboard.press("Enter")


def _heard(page: Page, text: str) -> None:
    """Wait until it was heard: who speaks before that interrupts."""
    transcript = page.get_by_role("log", name="Transcript")
    expect(transcript).to_contain_text(text)
    expect(transcript.locator("[data-pending]")).to_have_count(0)


def test_a_link_works_once_and_the_password_from_then_on(
    chromium: Browser, roma: Demo, session: Any
) -> None:
    with chromium.new_context() as context, watched(context, roma.url) as page:
        page.goto(f"{roma.url}/console/#link={roma.place.link}")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("alert")).to_be_visible()  # It was used to sign up.
        page.goto(f"{roma.url}/console/account")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.get_by_label("Name").fill(NAME)
        page.get_by_label("Password").fill(PASSWORD + "?")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("name or the password is wrong")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        # Where one wanted to go.
        expect(page.get_by_role("heading", name="Account")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        page.goto(f"{roma.url}/console/playground")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_codes_of_an_app_and_a_passkey_are_ways_in(
    chromium: Browser, roma: Demo, session: Any
) -> None:
    # Passkeys want a name for the page, and cookies are the name's.
    url = roma.url.replace("127.0.0.1", "localhost")
    with chromium.new_context() as context:
        page = context.new_page()
        device = context.new_cdp_session(page)
        device.send("WebAuthn.enable")
        device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
        page.goto(f"{url}/console/signin?to=/account")
        page.get_by_label("Name").fill(NAME)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_text("Not used yet")).to_be_visible()
        page.get_by_role("button", name="Set up").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_alt_text("QR code for the authenticator app")).to_be_visible()
        dialog.get_by_text("It cannot be scanned?").click()
        app = pyotp.TOTP(dialog.locator("code").inner_text().replace(" ", ""))
        dialog.get_by_label("Code").fill(app.now())
        dialog.get_by_role("button", name="Turn on").click()
        recovery = dialog.get_by_role("listitem").first.inner_text()
        dialog.get_by_role("button", name="I have kept them").click()

        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_role("navigation", name="Main")).to_be_visible()
        page.goto(f"{url}/console/account")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("Name").fill(NAME)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_label("Code").fill(recovery)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("navigation", name="Main")).to_be_visible()
        page.goto(f"{url}/console/account")
        expect(page.get_by_text("9 recovery codes are left")).to_be_visible()
        page.get_by_role("button", name="Turn off").click()
        dialog.get_by_role("button", name="Turn off").click()
        expect(page.get_by_role("button", name="Set up")).to_be_visible()


def test_a_conversation_in_writing_with_what_the_persona_does(console: Page, roma: Demo) -> None:
    roma.place.answers(*ANSWERS)
    _playground(console, roma)
    _say(console, SAID[0])
    _heard(console, "No, on Sunday we are closed.")
    for text, answer in zip(SAID[1:], ("I take that down.", "booked for Friday"), strict=True):
        _say(console, text)
        _heard(console, answer)
    console.get_by_role("tab", name="Actions").click()
    console.get_by_role("button", name="book_table").click()
    panel = console.get_by_role("tabpanel")
    expect(panel).to_contain_text('"restaurant": "bella-roma"')  # The webhook's request,
    expect(panel).to_contain_text('"booking": "BR-2207"')  # and its answer.
    console.get_by_role("tab", name="State").click()
    expect(panel).to_contain_text("guests")
    console.get_by_role("button", name="End", exact=True).click()
    expect(console.get_by_role("button", name="Talk again").first).to_be_visible()
    roma.place.idle()


def test_what_was_edited_is_tried_saved_and_published(console: Page, roma: Demo) -> None:
    llm = roma.place.answers("Arr.")
    _playground(console, roma)
    console.get_by_role("textbox", name="Prompt").fill("You are a pirate.")
    expect(console.get_by_text("Not saved")).to_be_visible()
    _say(console, "Who are you?")
    expect(console.get_by_role("log")).to_contain_text("Arr.")
    assert "You are a pirate." in llm.last_messages[0].text
    assert "pirate" not in roma.api("GET", f"/api/personas/{roma.persona}")["draft"]["prompt"]
    console.keyboard.press("Control+s")
    expect(console.get_by_text("Not published")).to_be_visible()
    console.get_by_role("button", name="Publish").click()
    expect(console.get_by_text("Published", exact=True)).to_be_visible()
    stored = roma.api("GET", f"/api/personas/{roma.persona}")
    assert stored["published"]["prompt"] == "You are a pirate."
    console.get_by_role("textbox", name="Prompt").fill("You are nobody.")
    console.get_by_role("button", name="Undo").click()
    expect(console.get_by_role("textbox", name="Prompt")).to_have_text("You are a pirate.")


def test_a_conversation_by_voice_with_its_latency_and_what_was_not_heard(
    console: Page, roma: Demo
) -> None:
    roma.place.hears(*SAID)
    roma.place.answers("One two three four five six seven eight nine ten. " * 20)
    _playground(console, roma)
    console.get_by_role("button", name="Talk", exact=True).first.click()
    transcript = console.get_by_role("log", name="Transcript")
    expect(transcript).to_contain_text(SAID[0])
    stages = console.get_by_role("table", name="Stages of turn")
    expect(stages.get_by_role("rowheader", name="Language model")).to_be_visible()
    expect(console.get_by_text("From the caller's last sound to the first audio")).to_be_visible()
    console.get_by_role("button", name="Mute").click()
    expect(console.get_by_role("button", name="Unmute")).to_be_visible()
    # Interrupted in writing: it does not depend on how fast this machine is.
    expect(console.get_by_text("Speaking", exact=True)).to_be_visible()
    _say(console, "Stop.")
    expect(transcript.locator("s").first).to_contain_text("ten.")


def test_a_microphone_that_is_forbidden_is_explained(
    chromium: Browser, roma: Demo, session: Any
) -> None:
    with _context(chromium, session) as context, watched(context, roma.url) as page:
        _playground(page, roma)
        page.get_by_role("button", name="Talk", exact=True).first.click()
        expect(page.get_by_role("alert")).to_contain_text("does not let this page use the micro")


def test_a_persona_is_made_from_a_template(console: Page, roma: Demo) -> None:
    _playground(console, roma)
    console.get_by_role("button", name="New persona").click()
    console.get_by_role("button", name="A restaurant's host").click()
    expect(console.get_by_role("combobox", name="Persona")).to_contain_text("Bella Roma 2")
    expect(console.get_by_role("textbox", name="Initial message")).to_have_text(
        "Hello, this is Anna at Bella Roma. How can I help you?"
    )


def test_the_keyboard_reaches_everything(console: Page, roma: Demo) -> None:
    _playground(console, roma)
    expect(console.get_by_role("textbox", name="Prompt")).to_be_visible()
    console.keyboard.press("Tab")
    expect(console.get_by_role("link", name="Skip to the content")).to_be_focused()
    console.keyboard.press("Enter")
    expect(console.get_by_role("main")).to_be_focused()
    console.keyboard.press("?")
    expect(console.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    console.keyboard.press("Escape")
    console.keyboard.press("g")
    console.keyboard.press("a")
    expect(console.get_by_role("heading", name="Account")).to_be_visible()


def test_what_is_opened_by_keyboard_goes_on_by_keyboard(console: Page, roma: Demo) -> None:
    """The focus does not stay behind on a page that is gone."""
    console.goto(f"{roma.url}/console/personas")
    console.get_by_role("link", name="Bella Roma", exact=True).press("Enter")
    expect(console.get_by_role("heading", name="Bella Roma", exact=True)).to_be_visible()
    expect(console.locator("main")).to_be_focused()
    console.keyboard.press("Tab")
    expect(console.get_by_role("main").get_by_role("link", name="Personas")).to_be_focused()


def test_a_conversation_outlives_a_tab_in_the_background(console: Page, roma: Demo) -> None:
    """As a browser treats a page that nobody has looked at for a while."""
    _playground(console, roma)
    roma.place.answers("We are open.", "Until eleven.", "Good-bye.")
    _say(console, "Are you open?")
    _heard(console, "We are open.")
    browser = console.context.new_cdp_session(console)
    browser.send("Page.setWebLifecycleState", {"state": "frozen"})
    elsewhere = console.context.new_page()
    elsewhere.goto(f"{roma.url}/console/calls")
    live = elsewhere.get_by_role("table", name="Live calls").get_by_role("row")
    expect(live).to_have_count(2)
    elsewhere.wait_for_timeout(1500)
    expect(live).to_have_count(2)
    elsewhere.close()
    browser.send("Page.setWebLifecycleState", {"state": "active"})
    _say(console, "Until when?")
    _heard(console, "Until eleven.")
    expect(console.get_by_role("log", name="Transcript")).to_contain_text("We are open.")
    console.get_by_role("button", name="End", exact=True).click()
    roma.place.answers(*ANSWERS)


def test_a_live_socket_that_breaks_goes_on_where_it_was(console: Page, roma: Demo) -> None:
    sockets: list[WebSocketRoute] = []
    asked: list[dict[str, Any]] = []

    def connect(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        sockets.append(socket)

        def pass_on(message: str | bytes) -> None:
            asked.append(json.loads(message))
            server.send(message)

        socket.on_message(pass_on)

    console.route_web_socket("**/console/live", connect)
    console.goto(f"{roma.url}/console/account")
    expect(console.get_by_text("Live", exact=True)).to_be_visible()
    console.wait_for_timeout(300)  # Until the snapshot is there, behind which it goes on.
    before, begun = len(sockets), len(asked)
    sockets[-1].close(code=1013)
    expect(console.get_by_text("Reconnecting…")).to_be_visible()
    expect(console.get_by_text("Live", exact=True)).to_be_visible()
    assert len(sockets) == before + 1
    (again,) = [each for each in asked[begun:] if each["topic"] == "personas"]
    assert again["type"] == "watch" and again["epoch"] and again["after"] >= 0


@pytest.mark.parametrize(("size", "theme"), [(WIDE, "light"), (PHONE, "dark")])
def test_pages_are_accessible_in_both_themes_and_widths(
    chromium: Browser, roma: Demo, session: Any, size: Any, theme: Any
) -> None:
    with (
        _context(chromium, session, viewport=size, color_scheme=theme) as context,
        watched(context, roma.url) as page,
    ):
        _playground(page, roma)
        _say(page, "Hello?")
        expect(page.get_by_role("log")).to_contain_text("Hello?")
        check(page)
        for tab in ("Edit", "Latency"):
            page.get_by_role("tab", name=tab).click()
            check(page)
        page.goto(f"{roma.url}/console/account")
        expect(page.get_by_role("table", name="Administrators")).to_be_visible()
        check(page)
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        check(page)
        page.route(
            "**/api/personas?*",
            lambda route: route.fulfill(json={"items": [], "next": None}),
        )
        page.goto(f"{roma.url}/console/playground")
        expect(page.get_by_role("heading", name="Who shall answer?")).to_be_visible()
        check(page)
        invited(page)
        check(page)
        context.clear_cookies()
        page.goto(f"{roma.url}/console/signin")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        check(page)
