"""Chromium in a network that lets nothing through but what a TURN server relays."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.voice_agent.transports.webrtc.coturn import SECRET, Coturn, coturn
from voice_agent.personas.persona import Persona
from voice_agent.transports.webrtc.ice import ice_servers

from .place import Pages, Place, place
from .test_sdk import opened, run

pytestmark = pytest.mark.browser
ANNA = Persona(name="Anna", prompt="Be brief.", initial_message="Good day.")
MICROPHONE = (0.5, "goforward", 30.0)

RELAYED = """
const peers = [];
RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration) {
        super({...configuration, iceTransportPolicy: "relay"});
        peers.push(this);
    }
};
async function pair() {
    const stats = new Map();
    (await peers[0].getStats()).forEach(each => stats.set(each.id, each));
    const used = [...stats.values()].find(each => each.nominated && each.state === "succeeded");
    return stats.get(used.localCandidateId).candidateType;
}
"""


@pytest.fixture(scope="module")
def turn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    with coturn(tmp_path_factory.mktemp("coturn")) as running:
        yield running


@pytest.fixture(scope="module")
def anna(turn: Coturn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    settings = (
        f'webrtc.turn_urls=["{url(turn)}"]',
        'webrtc.turn_secret_env="SECRET_OF_TURN"',
        "tts.audio_ms=300",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET_OF_TURN", SECRET)
        with place(tmp_path_factory.mktemp("server"), ANNA, settings) as running:
            yield running


def url(turn: Coturn) -> str:
    return f"turn:127.0.0.1:{turn.port}?transport=udp"


def test_a_conversation_through_the_relay(page: Page, anna: Place, elsewhere: Pages) -> None:
    """The initial message is heard, what is written is answered, and the microphone is heard."""
    anna.answers("You wrote.", "You spoke.")
    opened(page, anna, elsewhere, RELAYED)
    assert run(
        page,
        """const mine = new PersonaClient(given, {microphone: false});
        let loudest = 0;
        mine.on("levels", each => { loudest = Math.max(loudest, each.agent); });
        await mine.init({personaName: "Anna"});
        await becomes(() => said(mine) === "ai: Good day." && loudest > 0.05);
        await mine.reactTo("They wrote hello.");
        await becomes(() => said(mine).endsWith("ai: You wrote."));
        watch(mine, "user_speech_started");
        await mine.setMicrophone("");
        await becomes(() => told.length && said(mine).endsWith("ai: You spoke."));
        const used = [mine.transport, await pair()];
        await mine.end();
        return used;""",
        anna.public,
    ) == ["webrtc", "relay"]
    anna.idle()


def test_credentials_that_are_too_old_lead_to_the_socket(
    page: Page, turn: Coturn, anna: Place, elsewhere: Pages
) -> None:
    opened(page, anna, elsewhere, RELAYED)
    old: Any = ice_servers((), (url(turn),), SECRET, "u1", int(time.time()) - 60)  # noqa: TID251
    assert run(
        page,
        """const real = fetch;
        window.fetch = (url, init) => String(url).endsWith("/webrtc/ice")
            ? Promise.resolve(Response.json({iceServers: given})) : real(url, init);
        await client.init({personaName: "Anna"});
        const used = [client.transport, peers.length];
        await becomes(() => said(client) === "ai: Good day.");
        await client.end();
        return used;""",
        old,
    ) == ["websocket", 1]
    anna.idle()
