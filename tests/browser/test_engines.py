"""The SDK in Firefox and in WebKit, Safari's engine: as it is tested in Chromium, and their ways.

Debian's WebKit has no WebRTC (Safari has): there the WebSocket carries it. An engine that is not
installed is skipped.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import pytest

from voice_agent.client import Client
from voice_agent.storage.store import opened as opened_store
from voice_agent.web.pages import is_built

from . import test_sdk
from .demo import PASSWORD, asked
from .engines import ENTER, Tab, engine, missing
from .place import Pages, Place
from .test_sdk import WATCHED, opened, run

pytestmark = pytest.mark.browser
PERSONA = test_sdk.PERSONA
SETTINGS = (*test_sdk.SETTINGS, 'webrtc.addresses=["0.0.0.0"]')  # Firefox uses no loopback.

QUIET = """<!doctype html><script>
MediaDevices.prototype.getUserMedia = async () =>
    new AudioContext().createMediaStreamDestination().stream;
</script>"""
"""Their own microphones make a noise, which would interrupt the agent."""

CARRIED = {"firefox": ("webrtc", "websocket"), "webkit": ("websocket",)}
"""By what, the one first that is tried first."""


@pytest.fixture(scope="module", params=CARRIED)
def browser(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tab]:
    if problem := missing(request.param):
        pytest.skip(problem)
    with engine(request.param, tmp_path_factory.mktemp(request.param)) as tab:
        yield tab


@pytest.fixture
def tab(browser: Tab, elsewhere: Pages) -> Iterator[Any]:
    """The browser's tab, in which no exception goes unnoticed, in place of Playwright's page."""
    yield browser
    elsewhere.head = ""
    assert browser.thrown() == []


@pytest.fixture
def quiet(tab: Any, elsewhere: Pages) -> Any:
    """In its pages the microphone hears nothing."""
    elsewhere.head = QUIET
    return tab


def test_the_documented_page_works_unchanged(tab: Any, anna: Place, elsewhere: Pages) -> None:
    """S004-90, S004-91: the script as an earlier product had it included, the browser's own
    microphone, and an initial message that is heard."""
    test_sdk.test_the_documented_page_works_unchanged(tab, anna, elsewhere)


def test_the_module_under_a_strict_policy(tab: Any, anna: Place, elsewhere: Pages) -> None:
    """S004-90"""
    test_sdk.test_the_second_script_and_the_module(tab, anna, elsewhere)


def test_it_says_why_it_does_not_begin(quiet: Any, anna: Place, elsewhere: Pages) -> None:
    """S004-90"""
    test_sdk.test_init_rejects_and_says_why(quiet, anna, elsewhere)
    test_sdk.test_what_is_ended_before_it_began_does_not_begin(quiet, anna, elsewhere)


def test_conversations_are_resumed(quiet: Any, anna: Place, elsewhere: Pages) -> None:
    """S004-90, S004-98, S004-99: over each transport; without a name for it the best is taken."""
    for transport in CARRIED[quiet.name]:
        test_sdk.test_a_conversation_is_ended_and_resumed(quiet, anna, elsewhere, transport)
    assert (
        run(
            quiet,
            """const client = new PersonaClient(given);
        await client.init({personaName: "Anna"});
        const used = client.transport;
        await client.end();
        const wanted = new PersonaClient(given, {transport: "webrtc"});
        return [used, await problem(wanted.init({personaName: "Anna"}).then(() => wanted.end()))];
        """,
            anna.public,
        )
        == {
            "firefox": ["webrtc", ""],
            "webkit": ["websocket", "PersonaError webrtc_unavailable: This browser has no WebRTC."],
        }[quiet.name]
    )
    anna.idle()


def test_texts_actions_and_state(quiet: Any, anna: Place, elsewhere: Pages) -> None:
    """S004-90, S004-100, S004-101: texts are said, written and answered, actions arrive, state is
    merged."""
    test_sdk.test_what_the_page_says_and_is_told(quiet, anna, elsewhere, CARRIED[quiet.name][0])


def test_networks_that_break(quiet: Any, anna: Place, elsewhere: Pages) -> None:
    """S004-90, S004-99: over the WebSocket it is connected again; over WebRTC it moves."""
    test_sdk.test_a_network_that_breaks_and_is_back(quiet, anna, elsewhere)
    if "webrtc" in CARRIED[quiet.name]:
        test_sdk.test_another_network_is_offered_a_new_connection(quiet, anna, elsewhere)


def test_who_speaks_is_heard_and_answered(tab: Any, anna: Place, elsewhere: Pages) -> None:
    """S004-90: the sound of the browser's microphone reaches the agent, whose answer is heard;
    behind the conversation nobody listens any more. It may be turned on later."""
    ways = [(transport, late) for transport in CARRIED[tab.name] for late in (False, True)]
    for transport, late in ways:
        anna.answers("I hear you.")
        opened(tab, anna, elsewhere)
        assert run(
            tab,
            """const {transport, late} = given;
            const options = late ? {transport, microphone: false} : {transport};
            const client = new PersonaClient(given.key, options);
            watch(client, "user_speech_started");
            await client.init({personaName: "Anna"});
            if (late) await client.setMicrophone("");
            let loudest = 0;
            await becomes(() => {
                loudest = Math.max(loudest, client.levels.microphone);
                return told.length && loudest > 0.01;
            });
            client.setMuted(true);
            await becomes(() => said(client).endsWith("user: hello there; ai: I hear you."));
            await client.sayText("And do you hear me?");
            await becomes(() => client.levels.agent > 0.05);
            await client.end();
            return tracks.map(track => track.readyState);""",
            {"key": anna.public, "transport": transport, "late": late},
        ) == ["ended"], (transport, late)
        anna.idle()


def test_the_first_click_is_waited_for(tab: Any, anna: Place, elsewhere: Pages) -> None:
    """S004-90: a page that talks by itself may not play: it is told, and any click will do."""
    html = f"""<!doctype html><title>Shop</title><link rel=icon href=data:,><h1>Shop</h1>
        <script>{WATCHED}</script>
        <script src="{anna.url}/sdk/persona.classic.js"></script>
        <script>
        let loudest = 0;
        const mine = new PersonaClient("{anna.public}", {{microphone: false}});
        mine.on("levels", (each) => {{ loudest = Math.max(loudest, each.agent); }});
        watch(mine, "audio_blocked", "audio_unblocked");
        mine.init({{personaName: "Anna"}});
        </script>"""
    tab.goto(elsewhere.put(html))
    tab.wait_for_function("told.length === 1", clicked=False)
    tab.click("//h1")
    assert run(
        tab,
        """await becomes(() => told.length === 2 && mine.connected);
        told.push([mine.transport]);
        await mine.sayText("You hear me now.");
        await becomes(() => loudest > 0.05);
        await mine.end();
        return told.map(([event]) => event);""",
    ) == ["audio_blocked", "audio_unblocked", CARRIED[tab.name][0]]
    anna.idle()


@asynccontextmanager
async def _on_the_line(anna: Place, user: str) -> AsyncIterator[None]:
    async with Client(anna.url, anna.secret) as client:
        await client.init(persona_name="Anna", user_id=user)
        yield
        await client.end()


async def _link(anna: Place) -> str:
    async with opened_store(f"sqlite:///{anna.folder}/kept.db") as store:
        return (await store.keys.new_link()).text


def test_the_console(tab: Any, anna: Place) -> None:
    """S004-90: whoever signs in there talks with a persona, and sees who else does."""
    assert is_built(), "the console is not built: make console"
    anna.answers("On Sunday we are closed.")
    persona = asked(
        anna, "POST", "/api/personas", {"name": f"Roma, {tab.name}", "prompt": "Be brief."}
    )
    tab.goto(f"{anna.url}/console/#link={anna.loop.run(_link(anna))}")
    tab.click("//button[. = 'Sign in']")
    tab.fill("Name", tab.name)
    tab.fill("Password", PASSWORD)
    tab.click("//button[. = 'Save']")
    tab.click("//button[. = 'Not now']")
    tab.wait_for("//nav[@aria-label = 'Main']")
    tab.goto(f"{anna.url}/console/playground/{persona['id']}")
    tab.fill("Write something", "Sunday?" + ENTER)
    tab.wait_for("//*[@role = 'log'][contains(., 'On Sunday we are closed.')]")
    tab.click("//nav[@aria-label = 'Main']//a[contains(., 'Calls')]")
    tab.wait_for("//*[contains(text(), 'Nobody is on the line')]")
    with ExitStack() as stack:
        holding = _on_the_line(anna, "maria")
        anna.loop.run(holding.__aenter__())
        stack.callback(lambda: anna.loop.run(holding.__aexit__(None, None, None)))
        tab.click("//table[caption[. = 'Live calls']]//tr[contains(., 'maria')]")
        tab.wait_for("//h1[contains(., 'maria')]")
        tab.wait_for("//*[@role = 'log'][contains(., 'Good day.')]")
    tab.wait_for("//*[. = 'Paused']")
    anna.idle()
