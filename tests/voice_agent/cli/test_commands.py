"""Commands that need no server: exit codes, JSON, and errors in one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from voice_agent.calls.journal_file import path_of
from voice_agent.cli import main
from voice_pipelines.conversation.commands import HangUp
from voice_pipelines.conversation.events import (
    Event,
    LegJoined,
    LegLeft,
    SpeechConfirmed,
    SpeechStarted,
    SpeechStopped,
    Tick,
    Transcribed,
)
from voice_pipelines.conversation.journal import (
    Header,
    command_line,
    event_line,
    header_line,
)
from voice_pipelines.conversation.machine import Conversation
from voice_pipelines.conversation.policy import TurnPolicy


class Outcome:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> "Cli":
    monkeypatch.delenv("TWILIO_AUTH_TOKEN", raising=False)
    return Cli(capsys)


class Cli:
    """Runs commands in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        out, err = self._capsys.readouterr()
        return Outcome(int(end.value.code or 0), out, err)


# What is wrong -----------------------------------------------------------------------------------

WRONG = [
    (["nonsense"], 2, "nonsense"),
    (["serve", "--nonsense"], 2, "--nonsense"),
    (["serve", "--port", "many"], 2, "--port"),
    (["serve", "--config", "nothing"], 2, "nothing"),
    (["serve", "--config", "scripted", "--port", "99999"], 2, "server.port"),
    (["serve", "--config", "scripted", "--host", "0.0.0.0"], 2, "TWILIO_AUTH_TOKEN"),
    (["serve", "--config", "scripted", "--set", "vad=ears"], 2, "`vad`"),
    (["call"], 2, "Nothing to say"),
    (["call", "--dtmf", "12x"], 2, "--dtmf 12x"),
    (["call", "--url", "http://127.0.0.1/", "--dtmf", "1"], 2, "ws://host:port"),
    (["call", "--url", "ws://[bad", "--dtmf", "1"], 2, "ws://host:port"),
    (["call", "--url", "ws://127.0.0.1:1/twilio/media", "--dtmf", "1"], 1, "No agent answers"),
    (["call", "--wav", "nothing.wav"], 1, "nothing.wav cannot be read"),
    (["call", "--config", "nothing", "--dtmf", "1"], 2, "nothing"),
    (["call", "--config", "scripted", "--set", "vad=ears", "--dtmf", "1"], 2, "`vad`"),
    (["replay", "nothing.jsonl"], 1, "nothing.jsonl cannot be read"),
    (["replay"], 2, "JOURNAL"),
    (["check-config", "nothing"], 2, "nothing"),
    (["check-config", "scripted", "--set", "a=1"], 2, "unknown field `a`"),
    (["check-config", "scripted", "--set", "llm.provider=openai"], 2, "llm.base_url"),
    (["check-config", "scripted", "--set", "server.host=0.0.0.0"], 2, "TWILIO_AUTH_TOKEN"),
    (["models", "verify", "nothing"], 1, "no model 'nothing'"),
    (["models", "nonsense"], 2, "nonsense"),
    (["bench", "nonsense"], 2, "nonsense"),
]


@pytest.mark.parametrize(("arguments", "code", "named"), WRONG)
def test_errors_are_one_sentence(
    cli: Cli,
    arguments: list[str],
    code: int,
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = cli(*arguments)
    assert outcome.code == code
    assert outcome.err.count("\n") == 1 and outcome.err.startswith("voice-agent: ")
    assert named.lower() in outcome.err.lower()
    assert outcome.out == ""


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"RIFF\x24\0\0\0WAVEfmt ", b"\xff" * 5000, b"ID3\x03"]
)
def test_a_wav_that_is_none(cli: Cli, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    outcome = cli("call", "--wav", str(path))
    assert outcome.code == 1
    assert outcome.err.count("\n") == 1 and "bad.wav is no WAV file" in outcome.err


# What is told ------------------------------------------------------------------------------------


def test_version(cli: Cli) -> None:
    assert cli("version").out.startswith("voice-agent ")
    assert set(cli("version", "--json").json) == {"version", "python"}
    assert cli("--version").code == 0
    assert "Exit codes" in cli("--help").out


def test_models_list(cli: Cli) -> None:
    assert "silero-vad" in cli("models", "list").out
    rows = cli("models", "list", "--json").json
    assert {"name", "role", "bytes", "licence", "state"} == set(rows[0])
    assert {row["state"] for row in rows} <= {"ready", "missing", "damaged", "partial"}


def test_check_config(cli: Cli) -> None:
    outcome = cli("check-config", "scripted")
    assert outcome.code == 0 and "scripted.toml is right: Scripted" in outcome.out
    settings = cli("check-config", "scripted", "--set", "server.port=81", "--json").json["settings"]
    assert settings["server"]["port"] == 81 and settings["llm"]["provider"] == "scripted"


# Replay ------------------------------------------------------------------------------------------


def record(path: Path, *, tamper: bool = False) -> None:
    """A call in which the caller pauses, is answered and leaves."""
    policy = TurnPolicy(instructions="Be brief.")
    conversation = Conversation(policy)
    lines = [header_line(Header("CA1", "2026-11-22T10:00:00Z", policy))]
    script: list[tuple[int, Event]] = [
        (0, LegJoined("caller")),
        (4000, SpeechStarted("caller")),
        (4050, SpeechConfirmed("caller")),
        (5000, SpeechStopped("caller", 80)),
        (5100, Transcribed("caller", "I would like to", 1)),
        (6800, Tick()),
        (9000, LegLeft("caller")),
    ]
    for now, event in script:
        lines.append(event_line(now, event))
        lines += [command_line(now, command) for command in conversation.handle(event, now)]
    if tamper:
        lines[-1] = command_line(9000, HangUp("boredom"))
    path.write_bytes(b"".join(lines))


def test_an_equal_replay(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    record(path)
    outcome = cli("replay", str(path))
    assert outcome.code == 0 and outcome.out.startswith("Equal: ")
    found = cli("replay", str(path), "--json")
    assert found.code == 0
    assert found.json == {"call": "CA1", "equal": True, "difference": None}


def test_a_tampered_journal_differs(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    record(path, tamper=True)
    outcome = cli("replay", str(path))
    assert outcome.code == 1 and "differs" in outcome.out and "boredom" in outcome.out
    found = cli("replay", str(path), "--json")
    assert found.code == 1 and found.json["equal"] is False and found.json["difference"]


def test_a_replay_under_another_policy(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    record(path)
    outcome = cli("replay", str(path), "--set", "endpointing.max_ms=800")
    assert outcome.code == 0 and "earlier" in outcome.out
    rows = cli("replay", str(path), "--set", "endpointing.max_ms=800", "--json").json["turns"]
    assert rows == [
        {
            "turn": 1,
            "recorded_ms": 6800,
            "replayed_ms": 5720,
            "earlier_ms": 1080,
            "cut_off": False,
            "text": "I would like to",
        }
    ]
    wrong = cli("replay", str(path), "--set", "endpointing.max_ms=soon")
    assert wrong.code == 2 and wrong.err.count("\n") == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"hello\n",
        b"\xff\xfe\x00\x01" * 100,
        b"[]\n",
        b'{"journal": 99, "call": "x", "started": "x", "policy": {}}\n',
        b'{"journal": 1, "call": "x", "started": "x", "policy": {"endpointing": 5}}\n',
        b'{"journal": 1, "call": "x", "started": "x", "policy": {}}\nrubbish\n{"now": 1}\n',
        b'{"journal": 1, "call": "x", "started": "x", "policy": {}}\n{"now": "x"}\n',
        b'{"journal": 1, "call": "x", "started": "x", "policy": {}}\n{"now": 1, "event": {}}\n',
        b'{"journal": 1, "call": "x", "started": "x", "policy": ' + b"[" * 100_000,
    ],
)
def test_garbage_is_no_journal(cli: Cli, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "call.jsonl"
    path.write_bytes(content)
    for more in ([], ["--json"], ["--set", "endpointing.max_ms=800"]):
        outcome = cli("replay", str(path), *more)
        assert outcome.code == 1
        assert outcome.err.count("\n") == 1 and "call.jsonl" in outcome.err


def test_journals_have_safe_names(tmp_path: Path) -> None:
    assert path_of(tmp_path, "../../etc/passwd").parent == tmp_path
    assert path_of(tmp_path, "").name == "_.jsonl"
    assert path_of(tmp_path, "CA1", 2).name == "CA1.2.jsonl"
    assert len(path_of(tmp_path, "x" * 5000).name) < 120


# Providers ---------------------------------------------------------------------------------------


def test_providers_that_work_are_told_line_by_line(cli: Cli) -> None:
    outcome = cli("providers", "test", "--config", "scripted")
    assert outcome.code == 0
    assert [line.split()[:3] for line in outcome.out.splitlines()] == [
        [stage, "scripted", "works"] for stage in ("stt", "llm", "tts")
    ]


def test_a_provider_that_does_not_work_is_an_exit_code(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEEPGRAM_API_KEY", raising=False)
    command = ("providers", "test", "--config", "scripted", "--set", "stt.provider=deepgram")
    outcome = cli(*command)
    assert outcome.code == 1
    assert "DEEPGRAM_API_KEY" in outcome.out
    outcome = cli(*command, "--json")
    assert outcome.code == 1
    assert [row["works"] for row in outcome.json] == [False, True, True]
