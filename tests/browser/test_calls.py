"""The calls' pages of the console, with a caller on the telephone."""

import json
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.voice_agent.actions.hooks import listening
from tests.voice_agent.actions.schemas import document
from tests.voice_agent.calls.rooms import becomes
from tests.voice_agent.media import TONE
from voice_agent.client import Client
from voice_agent.personas.persona import Persona, Telephone
from voice_agent.telephony.caller import Script, Utterance
from voice_agent.web.pages import is_built
from voice_pipelines.ports import ToolCall

from .place import HANG_MS, Loop, Place, place
from .sights import check
from .telephone import CALLER, ring

pytestmark = pytest.mark.browser
STORY = (
    "We have lasagna and pizza with many things on it and fish that was caught this very morning "
    "by the cousin of our cook"
)
ANSWERS = (STORY, "All right.", ("Let me see.", ToolCall("book", '{"day": "Sunday"}')), "Booked.")
SAID = ("What is there to eat?", "Stop", "A table on Sunday, please")
WORDS = Utterance(TONE * 40, "words")
SCRIPT = Script(
    (WORDS, Utterance(TONE * 40, "stop", barge_in_after_ms=1000), WORDS),
    pause_ms=400,
    farewell_ms=400,
    greeting_ms=3000,
)


@pytest.fixture(scope="module")
def roma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server that records its calls, and books tables with a webhook."""
    assert is_built(), "the console is not built: make console"
    folder = tmp_path_factory.mktemp("server")
    hooks, stack = Loop(), AsyncExitStack()
    try:
        hook = hooks.run(stack.enter_async_context(listening()))
        hook.text = '{"booking": "BR-2207"}'
        book = {
            "_action_type": "webhook",
            "_webhook_constants": {"url": f"{hook.url}/book", "body": {"house": "roma"}},
            "type": "object",
            "properties": {"day": {"type": "string"}},
        }
        persona = Persona(
            name="Bella Roma",
            prompt="Be brief. {{actionsSchema}}",
            initial_message="Good day.",
            actions_schema=document(book=book),
            telephone=Telephone(recording=True, recording_announcement="We record."),
        )
        settings = (
            f'actions.allow=["127.0.0.1:{hook.port}"]',
            f"journal.directory={folder}/journals",
            "tts.audio_ms=1700",
            "prices.currency=EUR",
            "prices.stt=0.1",
        )
        with place(folder, persona, settings) as running:
            running.answers(*ANSWERS)
            running.hears(*SAID)
            yield running
    finally:
        hooks.run(stack.aclose())
        hooks.close()


@pytest.fixture
def context(chromium: Browser, session: Any) -> Iterator[BrowserContext]:
    with chromium.new_context(storage_state=session) as opened:
        opened.set_default_timeout(HANG_MS)
        yield opened


def _recorded(roma: Place) -> str:
    """The id of a call that is over."""
    if not roma.records():
        roma.loop.run(ring(roma, SCRIPT))
        roma.idle()
    return roma.records()[0].conversation.id


def _heard(page: Page) -> Locator:
    return page.get_by_role("log", name="Transcript")


def test_a_call_is_watched_from_the_board_to_the_history(page: Page, roma: Place) -> None:
    """What was not heard is struck through; an action shows what its webhook exchanged."""
    page.goto(f"{roma.url}/console/calls")
    expect(page.get_by_text("Nobody is on the line")).to_be_visible()
    calling = roma.loop.begin(ring(roma, SCRIPT))
    board = page.get_by_role("table", name="Live calls")
    row = board.get_by_role("row").filter(has_text=CALLER)
    expect(row).to_contain_text("Bella Roma")
    expect(row).to_contain_text("0:0")
    row.click()
    expect(page.get_by_role("heading", name=CALLER)).to_be_visible()
    expect(_heard(page)).to_contain_text(SAID[0])
    struck = _heard(page).locator("s")
    expect(struck).to_contain_text("the cousin of our cook")
    expect(_heard(page)).to_contain_text("We have")
    expect(_heard(page)).to_contain_text("All right.")
    expect(_heard(page).get_by_role("button", name="book")).to_be_visible()
    expect(_heard(page)).to_contain_text("Booked.")
    page.get_by_role("tab", name="Actions").click()
    panel = page.get_by_role("tabpanel")
    panel.get_by_role("button", name="book").click()
    expect(panel).to_contain_text("BR-2207")
    expect(panel).to_contain_text('"house": "roma"')
    calling.result(HANG_MS / 1000)
    # The same page goes on with what was kept of the call.
    expect(page.get_by_text("The caller hung up")).to_be_visible()
    expect(page.get_by_role("slider", name="Position in the recording")).to_be_visible()
    page.get_by_role("link", name="Calls").first.click()
    history = page.get_by_role("table", name="Calls", exact=True)
    expect(history.get_by_role("row").filter(has_text=CALLER)).to_contain_text("The caller hung up")
    expect(page.get_by_text("Nobody is on the line")).to_be_visible()


def test_the_history_is_filtered_and_walked_with_the_keyboard(page: Page, roma: Place) -> None:
    _recorded(roma)
    page.goto(f"{roma.url}/console/calls")
    row = page.get_by_role("table", name="Calls", exact=True).get_by_role("row").nth(1)
    expect(row).to_contain_text(CALLER)
    check(page)
    page.get_by_label("Status").select_option("paused")
    expect(page.get_by_text("No call is like that")).to_be_visible()
    page.get_by_role("button", name="Show all calls").click()
    page.get_by_label("From").fill("2001-02-03")
    page.get_by_label("To", exact=True).fill("2001-02-04")
    expect(page.get_by_text("No call is like that")).to_be_visible()
    page.reload()
    expect(page.get_by_label("From")).to_have_value("2001-02-03")
    page.get_by_role("button", name="Clear").click()
    page.keyboard.press("/")
    page.keyboard.type(CALLER)
    expect(row).to_contain_text(CALLER)
    page.keyboard.press("Tab")
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=CALLER)).to_be_visible()


def test_a_recorded_call_is_listened_to_and_measured(page: Page, roma: Place) -> None:
    page.goto(f"{roma.url}/console/calls/{_recorded(roma)}")
    position = page.get_by_role("slider", name="Position in the recording")
    expect(position).to_have_attribute("aria-valuenow", "0")
    expect(page.locator("s")).to_contain_text("the cousin of our cook")
    # Two voices, what was played of them and what was not. Playwright looks into shadows.
    expect(position.locator("canvas")).to_have_count(4)
    line = page.get_by_role("button", name="All right.")
    line.click()
    expect(line).to_have_attribute("aria-current", "true")
    assert int(position.get_attribute("aria-valuenow") or 0) >= 3
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    position.focus()
    page.keyboard.press("Home")
    first = page.get_by_role("button", name="We record. Good day.", exact=True)
    expect(first).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("figure")).to_contain_text("First audio per turn")
    expect(page.get_by_role("definition").filter(has_text="€")).to_contain_text(re.compile("0.0"))
    expect(page.get_by_role("table", name="Stages of turn")).to_have_count(2)  # Of both picked.
    check(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Journal").click()
    header = json.loads(Path(download.value.path()).read_text("utf-8").splitlines()[0])
    assert download.value.suggested_filename.endswith(".jsonl") and header


def test_another_policy_is_tried_on_a_recorded_call(page: Page, roma: Place) -> None:
    page.goto(f"{roma.url}/console/calls/{_recorded(roma)}?tab=what-if")
    panel = page.get_by_role("tabpanel")
    turns = panel.get_by_role("table").get_by_role("row")
    expect(turns).to_have_count(1 + len(ANSWERS))
    expect(panel.get_by_text("the same", exact=True)).to_have_count(len(ANSWERS))
    page.get_by_role("slider", name="Silence").fill("600")
    expect(turns.nth(1)).to_contain_text(re.compile(r"[34]\d\d ms later"))
    expect(panel.get_by_role("status")).to_contain_text("slower")
    expect(panel).to_contain_text("fixed_ms = 600")
    check(page)
    page.get_by_role("button", name="As recorded").first.click()
    expect(panel.get_by_text("the same", exact=True)).to_have_count(len(ANSWERS))


async def _in_two_parts(roma: Place) -> str:
    """A client's conversation that is paused and resumed; its id."""
    async with Client(roma.url, roma.secret) as client:
        await client.init(persona_name="Bella Roma", user_id="maria")
        for part in ("first", "second"):
            await client.say_text(f"This is the {part} part.")
            words = f"the {part}"
            await becomes(lambda: any(words in each.content for each in client.messages))  # noqa: B023  # Called at once.
            await client.end()
            if part == "first":
                await client.resume()
    return client.conversation_id


def test_a_conversation_that_went_on_is_shown_call_by_call(page: Page, roma: Place) -> None:
    id = roma.loop.run(_in_two_parts(roma))
    roma.idle()
    assert roma.records()
    page.goto(f"{roma.url}/console/calls/{id}")
    expect(page.get_by_role("heading", name="maria")).to_be_visible()
    expect(page.get_by_text("This conversation went on in 2 calls")).to_be_visible()
    first = page.get_by_role("button", name=re.compile("^(We record.*)?This is the first"))
    second = page.get_by_role("button", name=re.compile("^This is the second"))
    expect(first).to_be_visible()
    expect(second).to_have_count(0)
    page.get_by_role("link", name=re.compile(r"^2\. ")).click()
    expect(second).to_be_visible()
    expect(first).to_have_count(0)


def test_the_pages_fit_a_phone_in_the_dark(chromium: Browser, session: Any, roma: Place) -> None:
    call = _recorded(roma)
    with chromium.new_context(
        storage_state=session, viewport={"width": 390, "height": 844}, color_scheme="dark"
    ) as context:
        page = context.new_page()
        page.goto(f"{roma.url}/console/calls")
        expect(page.get_by_label("Status")).to_be_hidden()
        page.get_by_role("button", name="Filter").click()
        expect(page.get_by_label("Status")).to_be_visible()
        for path in ("calls", f"calls/{call}", f"calls/{call}?tab=what-if"):
            page.goto(f"{roma.url}/console/{path}")
            page.wait_for_load_state("networkidle")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        expect(page.get_by_role("tab", name="What if")).to_be_in_viewport(ratio=0.9)
        check(page)
