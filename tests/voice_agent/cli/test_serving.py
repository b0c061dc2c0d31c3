"""`serve` and `call` as processes: signals, ports, a call from end to end."""

import asyncio
import json
import signal
from pathlib import Path

import aiohttp
import pytest

from tests.voice_agent.media import calling
from tests.voice_agent.process import SCRIPTED, Served, ran, served, starting, told
from voice_agent.cli.serve import _welcome
from voice_agent.web.pages import is_built
from voice_codecs import wav


async def webhook(server: Served) -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/twilio/voice") as response,
    ):
        return await response.text()


async def readiness(server: Served) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/readyz") as response:
        return response.status


# Signals -----------------------------------------------------------------------------------------


async def test_sigterm_lets_the_live_call_finish(tmp_path: Path) -> None:
    async with served(*SCRIPTED, cwd=tmp_path) as server, calling(server) as socket:
        await socket.is_answered()
        assert await readiness(server) == 200
        server.send(signal.SIGTERM)
        await server.remarked("Waiting for 1 call(s)")
        assert "<Say>" in await webhook(server)
        assert await readiness(server) == 503
        async with calling(server) as second:
            assert await second.close_code() == 1013
        await socket.is_answered()
        await socket.say(socket.wire.stop())
        assert await socket.close_code() == 1000
        assert await server.ended() == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_the_second_signal_cuts_the_calls(tmp_path: Path, second: signal.Signals) -> None:
    async with served(*SCRIPTED, cwd=tmp_path) as server, calling(server) as socket:
        await socket.is_answered()
        server.send(signal.SIGTERM)
        await server.remarked("Waiting for 1 call(s)")
        server.send(second)
        assert await socket.close_code() == 1000
        assert await server.ended() == 130


async def test_a_signal_before_it_is_ready_stops_it(tmp_path: Path) -> None:
    arguments = ("--config", "scripted.toml", "--set", "vad=silero")
    async with starting(*arguments, cwd=tmp_path) as server:
        await server.remarked("Loading the voice activity detector")
        server.send(signal.SIGTERM)
        assert await server.ended() == 0


async def test_at_the_deadline_the_agent_ends_the_call(tmp_path: Path) -> None:
    quick = ("--set", "server.drain_ms=0", "--set", "limits.linger_ms=0")
    async with served(*SCRIPTED, *quick, cwd=tmp_path) as server, calling(server) as socket:
        await socket.is_answered()
        server.send(signal.SIGTERM)
        assert await socket.close_code() == 1000
        assert await server.ended() == 0


# Starting ----------------------------------------------------------------------------------------


async def test_an_idle_server_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    """What it says when it is ready; who wants its port as well; Ctrl-C ends it quietly."""
    journals = ("--set", "journal.directory=calls")
    async with served(*SCRIPTED, *journals, cwd=tmp_path) as server:
        assert set(server.told) == {"url", "port", "journals"}
        assert server.told["journals"] == str(tmp_path / "calls")
        assert server.told["port"] > 0

        port = str(server.told["port"])
        code, out, err = await ran("serve", *SCRIPTED, "--port", port, cwd=tmp_path)
        assert code == 1 and out == ""
        assert err.count("\n") == 1 and f"Cannot listen on 127.0.0.1:{port}" in err

        server.send(signal.SIGINT)
        assert await server.ended() == 0


def test_it_says_where_the_console_is() -> None:
    """At a name, for passkeys have none at an address."""
    said = "\n".join(_welcome("http://127.0.0.1:8080", "", True, ""))
    assert ("http://localhost:8080/console/" if is_built() else "make console") in said
    assert "console" not in "\n".join(_welcome("http://127.0.0.1:8080", "", False, ""))


def test_what_is_to_be_opened_stands_first() -> None:
    link = "http://localhost:8080/console/#link=va_link_1"
    assert link in _welcome("http://127.0.0.1:8080", "", True, link)[1]


async def test_settings_from_the_environment(tmp_path: Path) -> None:
    code, out, err = await ran(
        "serve", "--config", "scripted", cwd=tmp_path, env={"VOICE_AGENT_SERVER__PROT": "1"}
    )
    assert code == 2 and out == ""
    assert err.count("\n") == 1 and "VOICE_AGENT_SERVER__PROT" in err


# Calling -----------------------------------------------------------------------------------------


def tone(path: Path, ms: int) -> None:
    """A WAV with something loud in it."""
    with wav.Writer(path, 16000, 1) as writer:
        writer.write(b"".join([b"\x00\x30" * 8 + b"\x00\xd0" * 8] * ms))


async def test_a_call_to_a_running_server(tmp_path: Path) -> None:
    tone(tmp_path / "hello.wav", 600)
    journals = tmp_path / "calls"
    setting = ("--set", f"journal.directory={journals}")
    async with served(*SCRIPTED, *setting, cwd=tmp_path) as server:
        code, out, _ = await ran(
            *("call", "--url", server.media_url, "--wav", "hello.wav", "--wav", "hello.wav"),
            *("--out", "call.wav", "--json", "--config", "scripted", *setting),
            cwd=tmp_path,
        )
        assert code == 0
        summary = json.loads(out)
        server.send(signal.SIGTERM)
        assert await server.ended() == 0
    assert set(summary) == {"call_id", "duration_ms", "turns", "barge_ins", "underruns", "journal"}
    assert [turn["turn"] for turn in summary["turns"]] == [1, 2]
    for turn in summary["turns"]:
        assert turn["user_text"] == "hello there"
        assert turn["heard_text"] == turn["agent_text"] != ""
        assert turn["interrupted"] is False
        for stage in ("first_audio_ms", "endpointing_ms", "stt_ms", "llm_ttft_ms", "tts_ttfb_ms"):
            assert turn[stage] >= 0
    assert summary["underruns"] == 0 and summary["barge_ins"] == []
    path = journals / f"{summary['call_id']}.jsonl"
    assert Path(summary["journal"]) == path and path.is_file()
    pcm, rate = wav.read(tmp_path / "call.wav")
    assert rate == 8000 and len(pcm) > 8000
    code, out, _ = await told("replay", str(path), cwd=tmp_path)
    assert code == 0 and out.startswith("Equal")


async def test_a_call_brings_its_own_server(tmp_path: Path) -> None:
    arguments = ("call", *SCRIPTED, "--set", "journal.directory=", "--dtmf", "12#")
    code, out, err = await ran(*arguments, cwd=tmp_path)
    assert code == 0, err
    assert "caller said   12#" in out and "underruns: 0" in out


async def test_a_server_of_its_own_that_does_not_start(tmp_path: Path) -> None:
    missing = ("--set", "vad=silero", "--set", f"models.directory={tmp_path}")
    code, out, err = await ran("call", *SCRIPTED, *missing, "--dtmf", "1", cwd=tmp_path)
    assert code == 1 and out == ""
    assert "Traceback" not in err and "silero-vad" in err
    assert err.splitlines()[-1].startswith("voice-agent: The server for the call did not start")


async def test_a_call_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    async with served(*SCRIPTED, cwd=tmp_path) as server:
        async with asyncio.TaskGroup() as tasks:
            call = tasks.create_task(
                ran("call", "--url", server.media_url, "--dtmf", "1", cwd=tmp_path)
            )
            server.send(signal.SIGTERM)
            assert await server.ended() == 0
        code, _, err = call.result()
        assert code in (0, 1) and "Traceback" not in err
