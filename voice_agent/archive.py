"""What is kept, put together for a server: personas, conversations, counters."""

import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from .background import background
from .calls.limits import Allowance
from .calls.reception import Reception
from .calls.record_writer import RecordWriter
from .calls.records import DEFAULT_WORKSPACE
from .calls.recovery import recover
from .errors import StorageUnavailable
from .personas.repository import Personas
from .settings import Settings
from .telemetry.metrics import Metrics
from .web.pages import sign_in_link

if TYPE_CHECKING:
    from .storage.store import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Archive:
    """Everything is None where the configuration keeps nothing."""

    store: "Store | None" = None
    personas: Personas | None = None
    writer: RecordWriter | None = None
    allowance: Allowance | None = None
    journals: Path | None = None

    async def begin(self, reception: Reception, stack: AsyncExitStack) -> None:
        """Read the personas, catch up on what a crash left out, and go on writing."""
        if self.store is None or self.writer is None:
            return
        try:
            await reception.refresh()
            if self.journals is not None:
                found = await recover(self.journals, self.store.archive)
                if found.conversations:
                    log.info("conversations_recovered", count=found.conversations)
        except StorageUnavailable as problem:
            # Calls are answered all the same; what they need is read when the database is back.
            log.error("database_unavailable", reason=str(problem))
        stack.push_async_callback(self.writer.close)
        await stack.enter_async_context(background(self.writer.keep_writing()))
        await stack.enter_async_context(background(reception.keep_refreshing()))

    async def admin_link(self, url: str) -> str:
        """Where whoever opens it first becomes an administrator; empty if there is one already."""
        if self.store is None:
            return ""
        made = await self.store.keys.first_link()
        return sign_in_link(url, made.text) if made else ""


async def opened_archive(
    settings: Settings, metrics: Metrics, journals: Path | None, stack: AsyncExitStack
) -> Archive:
    """Raises ConfigurationError, StorageUnavailable."""
    if not settings.storage.url:
        return Archive()
    from .storage.store import opened

    password = os.environ.get(settings.storage.password_env, "")
    store = await stack.enter_async_context(opened(settings.storage.url, password=password))
    writer = RecordWriter(store.archive, metrics)
    allowance = Allowance(store.counters(), writer, DEFAULT_WORKSPACE)
    return Archive(store, store.personas(), writer, allowance, journals)
