"""The local language model: where prompts are placed; then the real server, killed as well."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp import web

from voice_pipelines.conversation.commands import Message
from voice_pipelines.errors import ProviderUnavailable
from voice_pipelines.ports import LanguageModel, Prefilling, ReplyDelta, Tool
from voice_pipelines.providers.local.llama import (
    ABANDONED_AFTER_MS,
    LlamaServer,
    LocalLanguageModel,
    Slot,
    choose_slot,
    common_prefix,
)
from voice_pipelines.providers.openai import OpenAILanguageModel

HANG_S = 120
SYSTEM = Message("system", "You answer the phone of a restaurant, open on Sundays. Be brief.")


def user(text: str) -> Message:
    return Message("user", text)


def agent(text: str) -> Message:
    return Message("assistant", text)


# Placing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ([], [SYSTEM], 0),
        ([user("abc")], [user("abd")], 2),
        ([user("abc")], [agent("abc")], 0),
        ([user("abc"), agent("d")], [user("abc"), agent("d"), user("e")], 4),
        ([user("ab"), agent("d")], [user("abc"), agent("d")], 2),
    ],
)
def test_the_common_beginning_of_prompts(
    one: Sequence[Message], other: Sequence[Message], shared: int
) -> None:
    assert common_prefix(one, other) == common_prefix(other, one) == shared


CALL = (SYSTEM, user("Have you a table for four tonight?"), agent("Yes, at eight."))


def test_a_call_comes_back_to_its_slot() -> None:
    slots = [Slot((SYSTEM, user("Hello?"))), Slot(CALL), Slot()]
    assert choose_slot(slots, (*CALL, user("Great.")), now=0) == 1


def test_a_new_call_leaves_the_slots_of_others_alone() -> None:
    assert choose_slot([Slot(CALL), Slot((SYSTEM,))], (SYSTEM, user("Hello?")), now=0) == 1


def test_the_slot_of_a_call_that_ended_is_taken_first() -> None:
    now = 2 * ABANDONED_AFTER_MS
    slots = [Slot(CALL, used_at=now - 100), Slot((*CALL, user("Bye.")), used_at=100)]
    assert choose_slot(slots, (SYSTEM, user("Hello?")), now) == 1


def test_an_idle_slot_is_better_than_a_queue_but_not_at_any_price() -> None:
    busy, idle = Slot((SYSTEM,), requests=1), Slot((SYSTEM,))
    assert choose_slot([busy, idle], (SYSTEM, user("Hello?")), now=0) == 1
    long = Message("system", SYSTEM.text * 20)
    assert choose_slot([Slot((long,), requests=1), Slot()], (long, user("Hello?")), now=0) == 0


# The real server ---------------------------------------------------------------------------------


@pytest.fixture
def gguf(model: Callable[[str], Path]) -> Path:
    """The file of a small chat model."""
    return next(model("qwen2.5-0.5b").glob("*.gguf"))


def make_client(base_url: str, api_key: str, slot: int) -> OpenAILanguageModel:
    return OpenAILanguageModel(
        base_url,
        "local",
        api_key,
        name="llama",
        temperature=0,
        max_tokens=20,
        extra_body={"id_slot": slot, "cache_prompt": True, "repeat_penalty": 1.1},
    )


def local_model(gguf: Path, prompt_dir: Path | None = None) -> LocalLanguageModel:
    return LocalLanguageModel(LlamaServer(gguf, threads=2, prompt_dir=prompt_dir), make_client)


async def answer(model: LocalLanguageModel, *messages: Message) -> list[ReplyDelta]:
    async with asyncio.timeout(HANG_S):
        return [delta async for delta in model.reply(messages)]


async def down(model: LocalLanguageModel) -> None:
    """Return when it is known that the server has died."""
    for _ in range(1000):
        if not model.server.child.ready.is_set():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody noticed")


async def cached_tokens(model: LocalLanguageModel, slot: int, *messages: Message) -> int:
    """How many tokens of `messages` the server finds in `slot`."""
    body = {
        "messages": [{"role": message.role, "content": message.text} for message in messages],
        "max_tokens": 1,
        "id_slot": slot,
    }
    headers = {"Authorization": f"Bearer {model.server.api_key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{model.server.base_url}/chat/completions", json=body) as reply,
    ):
        usage = (await reply.json())["usage"]
    return int(usage["prompt_tokens_details"]["cached_tokens"])


async def status_without_key(model: LocalLanguageModel) -> int:
    url = f"{model.server.base_url}/chat/completions"
    async with aiohttp.ClientSession() as http, http.post(url, json={}) as reply:
        return reply.status


@pytest.mark.models
async def test_it_answers_those_who_have_the_key_dies_and_answers_again(gguf: Path) -> None:
    async with local_model(gguf) as model:
        port: LanguageModel = model
        assert isinstance(port, Prefilling)
        await model.prewarm([SYSTEM])
        await model.prefill([SYSTEM, user("Are you open")])
        first = await answer(model, SYSTEM, user("Are you open on Sundays?"))
        assert len(first) > 1, "it streams"
        assert await cached_tokens(model, 1, SYSTEM, user("Hi.")) > 15, "both slots know the prompt"
        assert await status_without_key(model) == web.HTTPUnauthorized.status_code

        pid = model.server.child.pid
        assert pid is not None
        stream = model.reply([SYSTEM, user("Count from one to a hundred in words.")])
        with pytest.raises(ProviderUnavailable):
            async with asyncio.timeout(HANG_S):
                async for _ in stream:
                    os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(HANG_S):
            await down(model)
            with pytest.raises(ProviderUnavailable, match="down"):
                await answer(model, SYSTEM, user("Hello?"))
            with pytest.raises(ProviderUnavailable, match="down"):
                await model.prefill([SYSTEM])
            await model.server.child.ready.wait()
        assert await answer(model, SYSTEM, user("Are you open on Sundays?"))
        assert await cached_tokens(model, 1, SYSTEM, user("Hi.")) > 15, "warm again"
        assert model.server.child.restarts == 1
        last_pid = model.server.child.pid
        assert last_pid is not None
    assert not psutil.pid_exists(pid)
    assert not psutil.pid_exists(last_pid)
    assert not model.server.prompt_dir.exists()


def files_in(directory: Path) -> dict[str, int]:
    """Name and time of the last change of each file."""
    return {file.name: file.stat().st_mtime_ns for file in directory.iterdir()}


@pytest.mark.models
async def test_pinned_prompts_survive_everything_in_their_directory(
    gguf: Path, tmp_path: Path
) -> None:
    async with local_model(gguf, tmp_path) as model:
        await model.prewarm([SYSTEM])
    written = files_in(tmp_path)
    assert len(written) == 1
    async with local_model(gguf, tmp_path) as model:
        await model.prewarm([SYSTEM])
        assert await cached_tokens(model, 0, SYSTEM, user("Hi.")) > 15
        # A slot that another prompt has taken gets the pinned one back for the next call.
        for slot in (0, 1):
            await cached_tokens(model, slot, user("Something else altogether."))
        for seat in model._seats:
            seat.slot.held = ()
        await model.prefill([SYSTEM])
        assert max([await cached_tokens(model, n, SYSTEM, user("Hi.")) for n in (0, 1)]) > 15
    assert files_in(tmp_path) == written, "read, not made again"


@pytest.mark.models
async def test_a_model_that_is_missing_is_unavailable_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(ProviderUnavailable, match="did not start"):
        async with local_model(tmp_path / "none.gguf"):
            raise AssertionError


PARENT = """
import asyncio, json, sys
from pathlib import Path
from voice_pipelines.providers.local.llama import LlamaServer

async def main():
    async with LlamaServer(Path(sys.argv[1]), threads=2, prompt_dir=Path(sys.argv[2])) as server:
        sys.stdout.write(json.dumps(server.child.pid) + "\\n")
        sys.stdout.flush()
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.models
async def test_the_server_does_not_outlive_a_killed_parent(gguf: Path, tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(gguf), str(tmp_path)), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    async with asyncio.timeout(HANG_S):
        server = psutil.Process(json.loads(await parent.stdout.readline()))
    assert not any("key" in word for word in server.cmdline())
    parent.kill()
    await parent.wait()
    gone, alive = await asyncio.to_thread(psutil.wait_procs, [server], timeout=HANG_S)
    assert gone == [server] and not alive


class SilentClient:
    """A client whose requests end when they are told to."""

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[ReplyDelta]:
        yield "never asked"

    async def prefill(self, messages: Sequence[Message]) -> None: ...

    async def close(self) -> None: ...


async def test_before_its_start_it_fails_at_once() -> None:
    model = LocalLanguageModel(
        LlamaServer(Path("none.gguf"), threads=1), lambda url, key, slot: SilentClient()
    )
    with pytest.raises(ProviderUnavailable):
        await answer(model, SYSTEM)
    with pytest.raises(ProviderUnavailable):
        await model.prefill([SYSTEM])
