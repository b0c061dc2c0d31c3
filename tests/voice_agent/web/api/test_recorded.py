"""Recorded calls: their turns, states, journals and sound, and what might have been."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from obstore.store import ObjectStore

from tests.voice_agent.calls.s3 import s3
from voice_agent.calls import recorded
from voice_agent.calls.journal_file import load
from voice_agent.calls.opus_file import OpusFile
from voice_agent.calls.recording_store import open_store
from voice_agent.calls.records import Begun, Conversation, Ended, Resumed
from voice_agent.sections import PriceSettings, RecordingSettings
from voice_agent.telemetry.cost import estimate
from voice_agent.telemetry.figures import figures
from voice_agent.telemetry.turns import turns
from voice_agent.telemetry.whatif import SLIDERS
from voice_agent.web.api.recorded_documents import EndpointingIn, InterruptionIn
from voice_codecs import wav
from voice_pipelines.conversation.policy import EndpointingPolicy, InterruptionPolicy

from .serving import Api, serving

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
JOURNALS = Path(__file__).parents[3] / "journals"
RATE = 8000


async def kept(api: Api, folder: Path, journal: str = "barge_in", *, call: str = "CA1") -> Path:
    """A conversation c1 with the journal of a real call; where that lies."""
    await api.store.archive.apply(
        [
            Begun(Conversation(id="c1", created_at=NOW, call=call, recording="yes")),
            Ended("c1", NOW + timedelta(minutes=1), "caller_left"),
        ]
    )
    return lay(folder, journal, f"{call}.jsonl", "c1")


def lay(folder: Path, journal: str, name: str, id: str, started: str = "") -> Path:
    lines = (JOURNALS / f"{journal}.jsonl").read_text().splitlines()
    header = json.loads(lines[0])
    header["about"] = {"conversation": {"id": id}}
    header["started"] = started or header["started"]
    lines[0] = json.dumps(header)
    path = folder / "journals" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([*lines, '{"now": 20000, "state": {"a": 1}}']) + "\n")
    return path


def record(folder: Path, name: str, seconds: float = 2.0) -> Path:
    """A recording: the caller is loud in its first half, the agent, half as loud, in its second."""
    path = folder / "recordings" / name
    path.parent.mkdir(exist_ok=True)
    half = int(RATE * seconds / 2)
    left, right = np.repeat([-32768, 0], half), np.repeat([0, 16384], half)
    with wav.Writer(path, RATE, channels=2) as writer:
        writer.write(wav.stereo(left.astype("<i2").tobytes(), right.astype("<i2").tobytes()))
    return path


def record_opus(folder: Path, name: str) -> Path:
    """As `record`, with tones, in Opus."""
    path = folder / "recordings" / name
    path.parent.mkdir(exist_ok=True)
    at = np.arange(RATE)
    tone, silence = 16384 * np.sin(at * 2 * np.pi * 300 / RATE), np.zeros(RATE)
    left, right = np.concatenate([tone, silence]), np.concatenate([silence, tone / 2])
    file = OpusFile(path, RATE)
    file.write(wav.stereo(left.astype("<i2").tobytes(), right.astype("<i2").tobytes()))
    file.close()
    return path


ONE = "/api/conversations/c1"


async def test_turns_are_those_of_the_report(api: Api, tmp_path: Path) -> None:
    path = await kept(api, tmp_path)
    status, body, _ = await api("GET", f"{ONE}/turns")
    assert status == 200
    measured = list(turns(load(path).entries))
    assert [each["firstAudioMs"] for each in body["items"]] == [t.first_audio_ms for t in measured]
    assert [each["heardText"] for each in body["items"]] == [t.heard_text for t in measured]
    assert any(each["interrupted"] for each in body["items"])
    assert [each["speechBegan"] for each in body["items"]][:3] == [None, 6218, 10_558]
    stages = [[(s["name"], s["start"], s["end"]) for s in each["stages"]] for each in body["items"]]
    assert stages == [[(s.name, s.start, s.end) for s in turn.stages] for turn in measured]
    assert body["durationMs"] == 19_058 and body["part"] == 1
    assert [each["call"] for each in body["parts"]] == ["CA1"]
    _, body, _ = await api("GET", f"{ONE}/states")
    assert body["items"][-1] == {"at": 20_000, "state": {"a": 1}}


async def test_what_a_call_cost_is_estimated_from_its_journal(api: Api, tmp_path: Path) -> None:
    path = await kept(api, tmp_path)
    assert (await api("GET", f"{ONE}/turns"))[1]["cost"] is None
    prices = PriceSettings(currency="EUR", llm_output=40.0, tts=0.1, stt=0.006)
    expected = estimate(figures(load(path)).usage, prices)
    assert expected is not None and expected.total > 0
    async with serving(tmp_path, prices=prices) as priced:
        _, body, _ = await priced("GET", f"{ONE}/turns")
    assert body["cost"] == {
        "llm": round(expected.llm, 6),
        "tts": round(expected.tts, 6),
        "stt": round(expected.stt, 6),
        "total": round(expected.total, 6),
        "currency": "EUR",
    }


async def test_a_conversation_that_was_resumed_has_parts(api: Api, tmp_path: Path) -> None:
    """On other calls, and on further streams of one; a call of somebody else is no part of it."""
    await kept(api, tmp_path)
    await api.store.archive.apply(
        [Resumed("c1", "CA1"), Resumed("c1", "WB2"), Resumed("c1", "WB2")]
    )
    lay(tmp_path, "normal", "CA1.2.jsonl", "c1", "2026-11-23T00:00:00Z")
    lay(tmp_path, "normal", "WB2.jsonl", "c1", "2026-11-24T00:00:00Z")
    lay(tmp_path, "normal", "WB2.2.jsonl", "c2")
    _, body, _ = await api("GET", f"{ONE}/turns", params={"part": "3"})
    assert [(each["part"], each["call"]) for each in body["parts"]] == [
        (1, "CA1"),
        (2, "CA1"),
        (3, "WB2"),
    ]
    assert body["part"] == 3
    assert [each["userText"] for each in body["items"]] == [
        turn.user_text for turn in turns(load(JOURNALS / "normal.jsonl").entries)
    ]
    status, body, _ = await api("GET", f"{ONE}/turns", params={"part": "4"})
    assert status == 404 and "no part 4, but 3" in body["detail"]
    record(tmp_path, "CA1.2.wav")
    assert (await api("GET", f"{ONE}/audio", params={"part": "2"}))[0] == 200
    assert (await api("GET", f"{ONE}/audio"))[0] == 404


async def test_a_journal_is_downloaded(api: Api, tmp_path: Path) -> None:
    path = await kept(api, tmp_path)
    status, text, headers = await api("GET", f"{ONE}/journal")
    assert status == 200 and text == path.read_text()
    assert headers["Content-Type"] == "application/x-ndjson"
    assert headers["Content-Disposition"] == 'attachment; filename="CA1.jsonl"'


async def test_another_policy_is_tried_on_a_call(api: Api, tmp_path: Path) -> None:
    path = await kept(api, tmp_path, "normal")
    _, body, _ = await api("POST", f"{ONE}/what-if", {})
    policy = load(path).header.policy
    assert body["policy"]["endpointing"]["typical_ms"] == policy.endpointing.typical_ms
    assert body["policy"]["interruption"]["enabled"] is True
    assert body["turns"] and all(each["earlierMs"] == 0 for each in body["turns"])
    named = {(each["section"], each["name"]): each for each in body["sliders"]}
    for (section, name), slider in named.items():
        assert name in body["policy"][section] and slider["min"] < slider["max"]

    slow = {"endpointing": {"mode": "fixed", "fixed_ms": 3000}}
    _, body, _ = await api("POST", f"{ONE}/what-if", slow)
    earlier = [each["earlierMs"] for each in body["turns"] if each["earlierMs"] is not None]
    assert earlier and max(earlier) < 0
    for wrong, field in (
        ({"endpointing": {"fixed_ms": -1}}, "endpointing.fixed_ms"),
        ({"endpointing": {"fixed": 1}}, "endpointing.fixed"),
        ({"interruption": {"enabled": "no"}}, "interruption.enabled"),
        ({"idle": {}}, "idle"),
    ):
        status, told, _ = await api("POST", f"{ONE}/what-if", wrong)
        assert status == 400 and [each["field"] for each in told["errors"]] == [field]


def test_what_can_be_tried_is_what_the_policy_has() -> None:
    assert set(EndpointingIn.model_fields) == set(EndpointingPolicy.__struct_fields__)
    assert set(InterruptionIn.model_fields) == set(InterruptionPolicy.__struct_fields__)
    sections: dict[str, Any] = {
        "endpointing": EndpointingPolicy(),
        "interruption": InterruptionPolicy(),
    }
    for slider in SLIDERS:
        assert slider.min <= getattr(sections[slider.section], slider.name) <= slider.max


async def test_what_takes_too_long_is_not_worked_out(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept(api, tmp_path)
    monkeypatch.setattr(recorded, "_REPLAY_S", -1.0)
    status, body, _ = await api("POST", f"{ONE}/what-if", {})
    assert status == 413 and "too long" in body["detail"]
    monkeypatch.setattr(recorded, "_LARGEST_JOURNAL", 100)
    status, body, _ = await api("GET", f"{ONE}/turns")
    assert status == 413 and "downloaded" in body["detail"]


async def test_a_recording_is_heard_in_ranges(api: Api, tmp_path: Path) -> None:
    await kept(api, tmp_path)
    path = record(tmp_path, "CA1.wav")
    content = path.read_bytes()
    async with api.session.get(
        f"{api.url}{ONE}/audio", headers={"Authorization": f"Bearer {api.key}"}
    ) as response:
        assert response.status == 200 and response.content_type == "audio/wav"
        assert response.headers["Accept-Ranges"] == "bytes"
        assert await response.read() == content
    await ranges(api, content)


async def ranges(api: Api, content: bytes) -> None:
    size = len(content)
    for asked, begin, end in (
        ("bytes=0-43", 0, 44),
        ("bytes=100-", 100, size),
        ("bytes=-10", size - 10, size),
    ):
        headers = {"Authorization": f"Bearer {api.key}", "Range": asked}
        async with api.session.get(f"{api.url}{ONE}/audio", headers=headers) as response:
            assert response.status == 206
            assert response.headers["Content-Range"] == f"bytes {begin}-{end - 1}/{size}"
            assert await response.read() == content[begin:end]
    headers = {"Authorization": f"Bearer {api.key}", "Range": f"bytes={size}-"}
    async with api.session.get(f"{api.url}{ONE}/audio", headers=headers) as response:
        assert response.status == 416


async def test_a_recording_is_drawn(api: Api, tmp_path: Path) -> None:
    await kept(api, tmp_path)
    record(tmp_path, "CA1.wav")
    for _ in range(2):  # The second time from what was drawn before.
        _, body, _ = await api("GET", f"{ONE}/waveform", params={"buckets": "10"})
        assert body == {
            "durationMs": 2000,
            "channels": {"caller": [1.0] * 5 + [0.0] * 5, "agent": [0.0] * 5 + [0.5] * 5},
        }
    (tmp_path / "recordings" / "CA1.wav").write_bytes(b"RIFF")
    status, body, _ = await api("GET", f"{ONE}/waveform")
    assert status == 404 and "cannot be read" in body["detail"]


async def test_opus_is_drawn_as_wav_is(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept(api, tmp_path)
    path = record_opus(tmp_path, "CA1.ogg")
    status, body, _ = await api("GET", f"{ONE}/waveform", params={"buckets": "20"})
    assert status == 200 and body["durationMs"] == 2000
    caller, agent = body["channels"]["caller"], body["channels"]["agent"]
    assert min(caller[:9]) > 0.4 and max(caller[11:]) < 0.1
    assert max(agent[:9]) < 0.1 and min(agent[11:]) > 0.2
    assert (await api("GET", f"{ONE}/audio"))[2]["Content-Type"] == "audio/ogg"

    monkeypatch.setattr(recorded, "_DRAW_S", -1.0)
    status, body, _ = await api("GET", f"{ONE}/waveform", params={"buckets": "30"})
    assert status == 413 and "too long" in body["detail"]
    assert (await api("GET", f"{ONE}/waveform", params={"buckets": "20"}))[0] == 200  # Kept.
    monkeypatch.setitem(sys.modules, "opuslib_next", None)
    status, body, _ = await api("GET", f"{ONE}/waveform", params={"buckets": "30"})
    assert status == 404 and "voice-agent[opus]" in body["detail"]
    path.write_bytes(b"OggS")
    status, body, _ = await api("GET", f"{ONE}/waveform")
    assert status == 404 and "cannot be read" in body["detail"]


async def test_a_recording_is_heard_and_drawn_from_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The console's pages may load nothing from elsewhere."""
    async with s3("KEY") as there:
        there.objects["bucket/calls/CA1.wav"] = content = bytes(range(256)) * 8192

        settings = RecordingSettings(s3_url="s3://bucket/calls", s3_endpoint=there.url)
        keys = {"AWS_ACCESS_KEY_ID": "KEY", "AWS_SECRET_ACCESS_KEY": "secret"}

        def opened() -> ObjectStore:
            return open_store(settings, keys)[0]

        async with serving(tmp_path, store_of=opened) as api:
            await kept(api, tmp_path)
            headers = {"Authorization": f"Bearer {api.key}"}
            async with api.session.get(f"{api.url}{ONE}/audio", headers=headers) as response:
                assert (response.status, response.content_type) == (200, "audio/wav")
                assert response.content_length == len(content)
                assert await response.read() == content
            await ranges(api, content)
            status, told, _ = await api("GET", f"{ONE}/waveform")
            assert status == 404 and "cannot be read" in told["detail"]
            there.objects["bucket/calls/CA1.wav"] = record(tmp_path, "x.wav").read_bytes()
            _, told, _ = await api("GET", f"{ONE}/waveform", params={"buckets": "10"})
            assert told["channels"]["caller"] == [1.0] * 5 + [0.0] * 5
            monkeypatch.setattr(recorded, "_LARGEST_FETCHED", 100)
            status, told, _ = await api("GET", f"{ONE}/waveform", params={"buckets": "11"})
            assert status == 413 and "at most" in told["detail"]


async def test_what_was_not_kept_is_not_there(api: Api, tmp_path: Path) -> None:
    await api.store.archive.apply([Begun(Conversation(id="c1", created_at=NOW))])
    for what in ("turns", "states", "journal", "audio", "waveform"):
        status, body, _ = await api("GET", f"{ONE}/{what}")
        assert status == 404 and body["detail"].endswith("."), what
        assert (await api("GET", f"/api/conversations/nobody/{what}"))[0] == 404
    assert (await api("POST", f"{ONE}/what-if", {}))[0] == 404
    lay(tmp_path, "normal", "CA2.jsonl", "c2")  # Of the same call, another's conversation.
    await api.store.archive.apply([Resumed("c1", "CA2")])
    assert (await api("GET", f"{ONE}/turns"))[0] == 404
    (tmp_path / "journals" / "CA3.jsonl").write_text("no journal\n")
    await api.store.archive.apply([Resumed("c1", "CA3")])
    assert (await api("GET", f"{ONE}/turns"))[0] == 404


async def test_who_may_listen(api: Api, tmp_path: Path) -> None:
    await kept(api, tmp_path)
    client = (await api.store.keys.create("client", "default")).text
    other = (await api.store.keys.create("secret", "other")).text
    own = (await api.store.keys.create("secret", "default")).text
    for key, status in (("", 401), (client, 403), (other, 404), (own, 200)):
        assert (await api("GET", f"{ONE}/turns", key=key))[0] == status
        assert (await api("GET", f"{ONE}/journal", key=key))[0] == status
