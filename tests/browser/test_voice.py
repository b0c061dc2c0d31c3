"""Somebody speaks to a page: microphone, WebRTC, the local models, loudspeaker."""

import base64
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.e2e.talk import PATIENT, PRICE, complete, understood, words_missed
from tests.voice_agent.process import served
from voice_agent.calls.records import DEFAULT_WORKSPACE
from voice_agent.storage.store import opened
from voice_agent.telemetry.turns import turns
from voice_codecs import wav
from voice_codecs.convert import convert
from voice_codecs.pcm import MULAW_8K, PCM16_8K, PCM16_16K
from voice_pipelines.providers import registry

from .place import Loop, Pages

pytestmark = [pytest.mark.browser, pytest.mark.models]


TALK = """<!doctype html><title>Restaurant</title>
<audio id="agent"></audio>
<script type="module">
import PersonaClient from "SERVER/sdk/persona.js";
const agent = document.getElementById("agent");
const client = new PersonaClient("KEY", {audioElement: agent, microphone: false});
const until = (event) => new Promise((go) => {
    const off = client.on(event, () => { off(); go(); });
});
const recorded = async (recorder) => {
    const parts = [];
    recorder.ondataavailable = ({data}) => parts.push(data);
    const stopped = new Promise((go) => { recorder.onstop = go; });
    recorder.stop();
    await stopped;
    const reader = new FileReader();
    const read = new Promise((go) => { reader.onload = go; });
    reader.readAsDataURL(new Blob(parts));
    await read;
    return reader.result.split(",")[1];
};
window.talk = async () => {
    const greeted = until("ai_speech_ended");
    await client.init({personaName: "Bella Roma"});
    await greeted;
    const recorder = new MediaRecorder(agent.srcObject);
    recorder.start();
    const [answered, finished] = [until("ai_speech_started"), until("ai_speech_ended")];
    await client.setMicrophone("");
    await answered;
    await finished;
    await new Promise((go) => setTimeout(go, 500));  // What has been sent is still being played.
    const audio = await recorded(recorder);
    const told = {audio, transport: client.transport, messages: client.messages};
    await client.end();
    return told;
};
</script>"""


@dataclass
class Restaurant:
    """A server process with the local models."""

    url: str
    key: str
    journals: Path


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    running = Loop()
    yield running
    running.close()


@pytest.fixture(scope="module")
def restaurant(tmp_path_factory: pytest.TempPathFactory, loop: Loop) -> Iterator[Restaurant]:
    stack = AsyncExitStack()
    try:
        yield loop.run(stack.enter_async_context(_restaurant(tmp_path_factory.mktemp("server"))))
    finally:
        loop.run(stack.aclose())


@asynccontextmanager
async def _restaurant(folder: Path) -> AsyncIterator[Restaurant]:
    url = f"sqlite:///{folder}/kept.db"
    async with opened(url) as store:
        key = await store.keys.create("client", DEFAULT_WORKSPACE, origins=("*",))
    settings = ("--set", f"storage.url={url}", "--set", "watchdog.stt_ms=40000")
    async with served(*PATIENT, *settings, cwd=folder) as server:
        yield Restaurant(server.url, key.text, Path(server.told["journals"]))


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, loop: Loop) -> Path:
    """What Chromium's microphone hears: the question in the local voice."""
    target = tmp_path_factory.mktemp("said") / "question.wav"

    async def speak() -> bytes:
        async with registry.local_tts(PCM16_16K) as tts:
            return b"".join([chunk.audio async for chunk in tts.speak(PRICE)])

    silence = bytes(2 * 16_000)
    with open(target, "wb") as file:
        writer = wav.Writer(file, 16_000)
        writer.write(silence + loop.run(speak()) + 8 * silence)
        writer.close()
    return target


def test_a_question_is_heard_and_its_answer_understood(
    page: Page, elsewhere: Pages, restaurant: Restaurant, loop: Loop
) -> None:
    """S004-78: what comes out of the loudspeaker is what the agent believes to have said."""
    html = TALK.replace("SERVER", restaurant.url).replace("KEY", restaurant.key)
    page.goto(elsewhere.put(html))
    page.wait_for_function("() => window.talk")
    told: dict[str, Any] = page.evaluate("talk()")
    assert told["transport"] == "webrtc"

    (path,) = restaurant.journals.glob("*.jsonl")
    journal = loop.run(complete(path))
    (answer,) = (turn for turn in turns(journal.entries) if turn.is_answer)
    assert words_missed(PRICE, answer.user_text) <= 0.2, answer.user_text
    assert answer.heard_text == answer.agent_text
    assert told["messages"][-1]["content"] == answer.heard_text

    (heard,) = loop.run(understood([_mulaw(base64.b64decode(told["audio"]))]))
    assert words_missed(answer.agent_text, heard) <= 0.2, (answer.agent_text, heard)


def _mulaw(recording: bytes) -> bytes:
    """What the page has recorded (Opus in WebM), as the telephone would have it."""
    import av

    resampler = av.AudioResampler("s16", "mono", PCM16_8K.rate)
    with av.open(io.BytesIO(recording), mode="r") as container:
        frames = [part for each in container.decode(audio=0) for part in resampler.resample(each)]
    pcm = b"".join(frame.to_ndarray().tobytes() for frame in frames)
    return convert(pcm, PCM16_8K, MULAW_8K)
