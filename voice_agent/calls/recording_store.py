"""Finished recordings in S3-compatible storage.

A recording is always written to a file first, while the call runs; when it is closed, it is
uploaded from there, and then deleted here. Streaming it into the object store as it is made was
rejected: an object becomes visible only when its upload is completed, so a crash would lose the
whole of it, and each live call would hold a part of five megabytes in memory. What a crash or an
outage left behind is uploaded by the next start.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from ..errors import ConfigurationError
from ..sections import RecordingSettings

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_UPLOAD_S = 600.0
_WAITS_S = (1.0, 5.0, 30.0, 120.0)
"""Between the attempts; the last one is kept."""
_WAITING = 10_000
"""Recordings that may wait for their upload; of more, the rest waits for the next start."""
_SUFFIXES = (".wav", ".ogg")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Stored:
    """A recording is in the store."""

    path: Path
    """Where it was."""
    url: str
    """Such as ``s3://bucket/recordings/CA1.wav``."""


class RecordingStore:
    """Uploads recordings one after another, until the store has them."""

    def __init__(
        self, store: "ObjectStore", url: str, told: Callable[[Stored], None] = lambda _: None
    ) -> None:
        """`url` names the store, ``s3://bucket/prefix``; `told` hears of every upload."""
        self._store = store
        self._url = url.rstrip("/")
        self._told = told
        self._waiting: asyncio.Queue[Path] = asyncio.Queue(_WAITING)

    def finished(self, path: Path) -> None:
        """A recording is closed. Cheap; the upload happens in `keep_uploading`."""
        try:
            self._waiting.put_nowait(path)
        except asyncio.QueueFull:
            log.warning("recording_waits", path=str(path))

    async def recover(self, directory: Path) -> int:
        """Queue what an earlier process left in `directory`; call it before calls are taken."""
        paths = await asyncio.to_thread(_left_in, directory)
        for path in paths:
            self.finished(path)
        return len(paths)

    async def keep_uploading(self) -> None:
        """Upload until cancelled; what is then left waits on the disk for the next start."""
        while True:
            path = await self._waiting.get()
            attempt = 0
            while not await self._uploaded(path):
                await asyncio.sleep(_WAITS_S[min(attempt, len(_WAITS_S) - 1)])
                attempt += 1

    async def _uploaded(self, path: Path) -> bool:
        """Whether the store has it, or never will."""
        import obstore
        from obstore.exceptions import BaseError

        try:
            async with asyncio.timeout(_UPLOAD_S):
                # Read by the store's own threads, in parts.
                await obstore.put_async(self._store, path.name, path)
            await asyncio.to_thread(path.unlink)
        except FileNotFoundError:
            log.warning("recording_gone", path=str(path))
            return True
        except (BaseError, OSError, TimeoutError) as error:
            log.warning("recording_not_stored", path=str(path), problem=type(error).__name__)
            return False
        url = f"{self._url}/{path.name}"
        log.info("recording_stored", url=url)
        self._told(Stored(path, url))
        return True


def open_store(
    settings: RecordingSettings, environment: Mapping[str, str]
) -> "tuple[ObjectStore, str]":
    """The store that the settings name, and its URL. Raises ConfigurationError."""
    parts = urlsplit(settings.s3_url)
    if parts.scheme != "s3" or not parts.netloc:
        raise ConfigurationError(
            f"`recording.s3_url` is {settings.s3_url}: write it as s3://bucket/prefix."
        )
    try:
        from obstore.store import S3Store
    except ImportError as error:
        raise ConfigurationError(
            "`recording.s3_url` needs a client: pip install 'voice-agent[s3]'."
        ) from error
    options: dict[str, Any] = {}
    if settings.s3_endpoint:
        options = {
            "endpoint": settings.s3_endpoint,
            "virtual_hosted_style_request": False,
            "client_options": {"allow_http": settings.s3_endpoint.startswith("http://")},
        }
    for name, variable in (
        ("access_key_id", settings.s3_key_id_env),
        ("secret_access_key", settings.s3_secret_env),
    ):
        if value := environment.get(variable):
            options[name] = value
    store = S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        region=settings.s3_region,
        **options,
    )
    return store, settings.s3_url


def _left_in(directory: Path) -> list[Path]:
    try:
        entries = list(os.scandir(directory))
    except FileNotFoundError:
        return []
    return sorted(Path(e.path) for e in entries if e.is_file() and e.name.endswith(_SUFFIXES))
