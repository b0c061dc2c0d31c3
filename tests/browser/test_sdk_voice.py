"""The SDK and a user who speaks: turns, interruptions, and a microphone that is off."""

from typing import Any

import pytest
from playwright.sync_api import Page

from .place import Pages, Place
from .test_sdk import TRANSPORTS, opened, run

pytestmark = pytest.mark.browser
SETTINGS = (
    "tts.audio_ms=2500",
    "stt.text=go forward ten meters",
    "endpointing.fixed_ms=800",  # Longer than any pause between these words.
)
MICROPHONE = (1.2, "goforward", 30.0)
"""So that whoever opens the microphone speaks while the first sentence is being said."""

EVENTS = (
    "user_speech_started",
    "user_speech_ended",
    "ai_speech_started",
    "ai_speech_ended",
    "messages_update",
)


def talk(page: Page, anna: Place, transport: str, script: str) -> Any:
    begin = f"""const client = new PersonaClient(given.key, {{transport: given.transport}});
        watch(client, {", ".join(repr(event) for event in EVENTS)});
        await client.init({{personaName: "Anna"}});"""
    return run(page, begin + script, {"key": anna.public, "transport": transport})


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_who_speaks_is_heard_and_interrupts(
    page: Page, anna: Place, elsewhere: Pages, transport: str
) -> None:
    """S004-90: speech of the microphone reaches the agent, stops it, and is answered; what the
    agent had not said yet is not in the transcript."""
    anna.answers("I am going.")
    opened(page, anna, elsewhere)
    told = talk(
        page,
        anna,
        transport,
        """await client.sayText("This is a story so long that nobody listens to its end.");
        await becomes(() => client.levels.agent > 0.1);
        await becomes(() => client.messages.some(each => each.source === "user"));
        const story = client.messages.find(each => each.intended?.includes("story"));
        await becomes(() => client.levels.agent < 0.02);
        await becomes(() => client.levels.agent > 0.1);
        await becomes(() => said(client).endsWith("user: go forward ten meters; ai: I am going."));
        await client.end();
        return {heard: story?.content ?? "", said: said(client)};""",
    )
    assert "to its end" not in told["said"]
    events = [event for event, _ in page.evaluate("told")]
    spoke = events.index("user_speech_started")
    assert "ai_speech_started" in events[:spoke]
    assert "ai_speech_ended" in events[spoke:]
    anna.idle()
    (record,) = anna.records()[-1:]
    assert ("caller", "go forward ten meters") in record.messages
    assert ("agent", "I am going.") in record.messages


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_nobody_hears_a_microphone_that_is_off(
    page: Page, anna: Place, elsewhere: Pages, transport: str
) -> None:
    opened(page, anna, elsewhere)
    told = talk(
        page,
        anna,
        transport,
        """client.setMuted(true);
        let loudest = 0;
        const until = performance.now() + 3000;
        await becomes(() => {
            loudest = Math.max(loudest, client.levels.microphone);
            return performance.now() > until;
        });
        await client.end();
        return [loudest, said(client)];""",
    )
    assert told[0] < 0.001
    assert "user:" not in told[1]
    assert "user_speech_started" not in [event for event, _ in page.evaluate("told")]
    anna.idle()
