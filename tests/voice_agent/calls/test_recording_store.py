"""Recordings are uploaded when they are finished, whatever happens in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.voice_agent.calls.s3 import S3, s3
from voice_agent.calls import recording_store
from voice_agent.calls.recording_store import RecordingStore, Stored, open_store
from voice_agent.errors import ConfigurationError
from voice_agent.sections import RecordingSettings

KEYS = {"AWS_ACCESS_KEY_ID": "KEY", "AWS_SECRET_ACCESS_KEY": "secret"}
HANG_S = 30


@asynccontextmanager
async def storing(kept: S3) -> AsyncIterator[tuple[RecordingStore, asyncio.Queue[Stored]]]:
    """A store at work, and what it tells."""
    settings = RecordingSettings(s3_url="s3://bucket/calls/", s3_endpoint=kept.url)
    told: asyncio.Queue[Stored] = asyncio.Queue()
    store = RecordingStore(*open_store(settings, KEYS), told.put_nowait)
    async with asyncio.timeout(HANG_S), asyncio.TaskGroup() as group:
        uploading = group.create_task(store.keep_uploading())
        yield store, told
        uploading.cancel()


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("size", [10, 12 * 2**20])
async def test_a_recording_goes_to_the_store_and_away_from_here(tmp_path: Path, size: int) -> None:
    """A large one goes in parts."""
    async with s3("KEY") as kept, storing(kept) as (store, told):
        path = written(tmp_path / "CA1.wav", bytes(size))
        store.finished(path)
        assert await told.get() == Stored(path, "s3://bucket/calls/CA1.wav")
        assert kept.objects == {"bucket/calls/CA1.wav": bytes(size)}
        assert not path.exists()


async def test_an_outage_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_store, "_WAITS_S", (0.01,))
    async with s3("KEY") as kept, storing(kept) as (store, told):
        kept.down = 3
        path = written(tmp_path / "CA1.ogg", b"sound")
        store.finished(path)
        await told.get()
        assert kept.objects == {"bucket/calls/CA1.ogg": b"sound"}


async def test_what_a_crash_left_is_uploaded(tmp_path: Path) -> None:
    async with s3("KEY") as kept, storing(kept) as (store, told):
        for name in ("CA1.wav", "CA2.2.ogg", "notes.txt"):
            written(tmp_path / name, name.encode())
        assert await store.recover(tmp_path) == 2
        assert {(await told.get()).path.name for _ in range(2)} == {"CA1.wav", "CA2.2.ogg"}
        assert (tmp_path / "notes.txt").exists()
        assert await store.recover(tmp_path / "nothing") == 0


async def test_a_file_that_somebody_took_away_holds_up_nothing(tmp_path: Path) -> None:
    async with s3("KEY") as kept, storing(kept) as (store, told):
        store.finished(tmp_path / "gone.wav")
        store.finished(written(tmp_path / "CA1.wav", b"sound"))
        assert (await told.get()).path.name == "CA1.wav"


@pytest.mark.parametrize("url", ["bucket", "https://bucket/x", "s3:///x"])
def test_only_buckets_are_stores(url: str) -> None:
    with pytest.raises(ConfigurationError, match="s3_url"):
        open_store(RecordingSettings(s3_url=url), KEYS)
