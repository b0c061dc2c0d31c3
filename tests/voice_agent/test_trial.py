"""Every configured provider is tried, and what does not work is told with what to do about it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType, web

from bench.vendors.running import vendors
from bench.vendors.service import Delays
from tests.loopback import loopback
from voice_agent.choices import LlmChoice
from voice_agent.settings import load
from voice_agent.trial import Trial, mend, try_all
from voice_pipelines.errors import ProviderError, ProviderRefused

SOON = Delays(stt_final_ms=20, llm_first_ms=20, llm_tokens_per_s=1000, tts_first_ms=20)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEEPGRAM", "OPENAI", "ELEVENLABS"):
        monkeypatch.setenv(f"{name}_API_KEY", "a-key")


async def listen(request: web.Request) -> web.StreamResponse:
    """Deepgram hears no words in what is no speech, and says so."""
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    heard = 0
    async for message in ws:
        if message.type is WSMsgType.BINARY:
            heard += len(message.data)
        elif json.loads(message.data)["type"] == "Finalize":
            channel = {"alternatives": [{"transcript": "", "confidence": 0, "words": []}]}
            times = {"start": 0, "duration": heard / 8000, "is_final": True, "from_finalize": True}
            await ws.send_json({"type": "Results", "channel": channel} | times)
    return ws


@asynccontextmanager
async def ears() -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/v1/listen", listen)
    async with loopback(application) as url:
        yield url


@asynccontextmanager
async def answering(status: int, body: dict[str, object] | None = None) -> AsyncIterator[str]:
    """A server that has one answer to everything, after which it may be asked again."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if status == 0:
            await asyncio.sleep(60)
        headers = {"Retry-After": "7"} if status == 429 else {}
        return web.json_response(body or {}, status=status, headers=headers)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    async with loopback(application) as url:
        yield url


async def tried(*overrides: str, timeout_s: float = 20) -> dict[str, Trial]:
    async with asyncio.timeout(60):
        trials = await try_all(load("scripted.toml", overrides, {}), timeout_s, lambda _: None)
    return {trial.key: trial for trial in trials}


def cloud(url: str, tts: str = "deepgram") -> tuple[str, ...]:
    return (
        "stt.provider=deepgram",
        f"stt.base_url={url}",
        "llm.provider=openai",
        f"llm.base_url={url}/v1",
        "llm.model=m",
        f"tts.provider={tts}",
        "tts.voice=v",
        f"tts.base_url={url}",
    )


@pytest.mark.parametrize("tts", ["deepgram", "elevenlabs"])
async def test_what_works_says_how_fast_it_was(tts: str) -> None:
    async with vendors(SOON) as there, ears() as url:
        trials = await tried(*cloud(there.url, tts), f"stt.base_url={url}")
    assert [trial.works for trial in trials.values()] == [True, True, True], trials
    assert trials["tts"].provider == tts
    assert all(trial.first_ms is not None for trial in trials.values())


async def test_fallbacks_are_tried_as_well() -> None:
    trials = await tried('llm.fallback=[{provider = "openai", preset = "groq"}]')
    assert trials["llm"].works
    assert trials["llm.fallback[0]"].provider == "groq"
    assert "GROQ_API_KEY" in trials["llm.fallback[0]"].mend


@pytest.mark.parametrize(
    ("status", "body", "problem", "advice"),
    [
        (401, {}, "HTTP 401", "_API_KEY is not accepted"),
        (402, {}, "HTTP 402", "billing"),
        (404, {}, "HTTP 404", "no such model"),
        (422, {}, "HTTP 422", "check the settings of"),
        (429, {}, "HTTP 429", "try again in 7 s"),
        (500, {}, "HTTP 500", "broken down"),
    ],
)
async def test_what_is_wrong_is_told_with_what_to_do(
    status: int, body: dict[str, object], problem: str, advice: str
) -> None:
    async with answering(status, body) as url:
        trials = await tried(*cloud(url, "elevenlabs"))
    for trial in trials.values():
        assert not trial.works
        assert problem in trial.problem, trial
        assert advice in trial.mend, trial


async def test_a_spent_quota_is_told_from_a_limit_of_requests() -> None:
    spent: dict[str, object] = {"error": {"message": "sk-secret", "code": "insufficient_quota"}}
    async with answering(429, spent) as url:
        trial = (await tried(*cloud(url)))["llm"]
    assert "billing" in trial.mend
    assert "sk-secret" not in str(trial)


async def test_nobody_there(unused_tcp_port: int) -> None:
    trials = await tried(*cloud(f"http://127.0.0.1:{unused_tcp_port}", "elevenlabs"))
    for trial in trials.values():
        assert f"Nobody listens at 127.0.0.1:{unused_tcp_port}" in trial.mend, trial


async def test_a_name_that_is_not_known() -> None:
    trials = await tried(*cloud("http://nowhere.invalid", "elevenlabs"))
    for trial in trials.values():
        assert "nowhere.invalid" in trial.mend, trial
        assert "DNS" in trial.mend, trial


async def test_no_answer() -> None:
    async with answering(0) as url:
        trials = await tried(*cloud(url, "elevenlabs"), timeout_s=0.5)
    for trial in trials.values():
        assert "within 0.5 s" in trial.problem
        assert url.removeprefix("http://") in trial.mend


async def test_a_key_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPGRAM_API_KEY")
    trial = (await tried("stt.provider=deepgram"))["stt"]
    assert trial.problem == "is not set up"
    assert "DEEPGRAM_API_KEY" in trial.mend


async def test_a_server_that_is_no_such_api() -> None:
    async with answering(200, {"hello": "world"}) as url:
        trials = await tried(*cloud(url))
    for trial in trials.values():
        assert "is not the API" in trial.mend, trial


async def test_a_model_that_says_nothing_may_have_thought_too_long() -> None:
    assert "llm.max_tokens" in (await tried("llm.text="))["llm"].mend


def test_a_library_that_is_missing_says_so_itself() -> None:
    error: ProviderError = ProviderRefused("deepgram", "x not installed: `pip install x`")
    assert mend(error, "tts", LlmChoice()) == "Install it."
