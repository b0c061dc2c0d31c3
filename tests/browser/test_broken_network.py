"""Chromium in a network that breaks while the agent speaks."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route

from bench.relay import Network, Relay, relay
from tests.voice_agent.web.test_bad_networks import WORD_MS, WORDS, words
from voice_agent.personas.persona import Persona

from .place import Pages, Place, place
from .test_sdk import opened, run

pytestmark = pytest.mark.browser
ANNA = Persona(name="Anna", prompt="Be brief.", initial_message="Hi.")
MICROPHONE = (30.0,)


@pytest.fixture(scope="module")
def anna(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    settings = (f"tts.audio_ms={len(WORDS) * WORD_MS}", "interruption.enabled=false")
    with place(tmp_path_factory.mktemp("server"), ANNA, settings) as running:
        yield running


def through(way: Relay, page: Page) -> None:
    """Have the page's offers and the server's answers lead through the relay."""

    def offered(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        body: dict[str, str] = route.request.post_data_json or {}
        body["sdp"] = way.offer(body["sdp"])
        response = route.fetch(post_data=body)
        answer = response.json()
        answer["sdp"] = way.answer(answer["sdp"])
        route.fulfill(response=response, json=answer)

    page.route("**/webrtc/offer", offered)


def test_what_was_said_into_a_broken_network_is_said_again(
    page: Page, anna: Place, elsewhere: Pages
) -> None:
    """S004-22: what counts as heard stands still with the network, and nothing is left out."""
    network = Network()
    entered = relay(network)
    way = anna.loop.run(entered.__aenter__())
    through(way, page)
    opened(page, anna, elsewhere)
    text = " ".join(WORDS)
    run(
        page,
        """let loudMs = 0, last = performance.now();
        window.loud = () => loudMs;
        await client.init({personaName: "Anna"});
        if (client.transport !== "webrtc") throw new Error(client.transport);
        await becomes(() => said(client) === "ai: Hi.");
        setInterval(() => {
            const now = performance.now();
            if (client.levels.agent > 0.02) loudMs += now - last;
            last = now;
        }, 10);
        await client.sayText(given);
        await becomes(() => said(client).includes("word04"));""",
        text,
    )
    network.down = True
    time.sleep(0.8)
    known = words(anna.server)
    before = page.evaluate("loud()")
    assert 4 <= known <= before / WORD_MS + 2, "Chromium makes up for 100 ms and more by itself"
    network.down = False
    run(page, "await becomes(() => said(client).includes(given));", text)
    assert page.evaluate("loud()") >= 0.9 * len(WORDS) * WORD_MS
    run(page, "await client.end();")
    anna.idle()
    (record,) = anna.records()
    assert record.messages[-1][1].split() == WORDS
    anna.loop.run(entered.__aexit__(None, None, None))
