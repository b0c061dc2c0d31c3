"""A call heard by a model that judges itself whether the caller has finished."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web

from bench.spelling import spell
from tests.loopback import loopback
from voice_agent.app import serving
from voice_agent.settings import load
from voice_agent.telephony.caller import Script, Utterance
from voice_agent.telephony.carrier import place_call

QUESTION = "how much is the lasagna?"


async def listen(request: web.Request) -> web.WebSocketResponse:
    """Hears the question in whatever was loud, and the end of the turn in 50 ms of rest."""
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    heard = loud = 0
    ended = False
    async for message in ws:
        if message.type is not WSMsgType.BINARY:
            continue
        heard += len(message.data)
        if set(message.data) - {0xFF, 0x7F}:
            loud, ended = heard, False
        if not loud or ended:
            continue
        ended = heard - loud > 400
        info: dict[str, object] = {
            "type": "TurnInfo",
            "event": "EndOfTurn" if ended else "Update",
            "turn_index": 0,
            "audio_window_end": heard / 8000,
            "transcript": QUESTION,
            "words": [],
            "end_of_turn_confidence": 0.9 if ended else 0.3,
        }
        await ws.send_str(json.dumps(info))
    return ws


@asynccontextmanager
async def deepgram() -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/v2/listen", listen)
    async with loopback(application) as url:
        yield url


def journal(folder: Path) -> list[str]:
    (file,) = folder.glob("*.jsonl")
    return file.read_text("utf-8").splitlines()


async def test_what_flux_thinks_of_the_end_of_the_turn_reaches_the_conversation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DEEPGRAM_API_KEY", "dg")
    async with asyncio.timeout(60), deepgram() as url:
        overrides = (
            "vad=energy",
            "server.port=0",
            f"journal.directory={tmp_path}",
            "stt.provider=deepgram",
            "stt.model=flux-general-en",
            f"stt.base_url={url}",
        )
        async with serving(load("scripted.toml", overrides, {})) as server:
            record = await place_call(
                server.url.replace("http", "ws", 1) + "/twilio/media",
                Script((Utterance(spell(QUESTION), "how much"),), greeting_ms=500),
            )
    assert "how much" not in record.unanswered
    lines = await asyncio.to_thread(journal, tmp_path)
    assert any("TurnEndPredicted" in line and "0.9" in line for line in lines)
    assert any("Transcribed" in line and QUESTION in line for line in lines)
