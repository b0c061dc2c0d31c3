"""Recordings, put together for a server: which calls are recorded, and where that is kept."""

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from voice_pipelines.ports import Clock, Leg

from .background import background
from .calls.opus_file import check_opus
from .calls.plan import CallPlan
from .calls.recording import Recording
from .calls.recording_store import RecordingStore, open_store
from .sections import RecordingSettings


def recorder(
    settings: RecordingSettings,
) -> Callable[[CallPlan, str, Leg, Clock], Recording | None]:
    """Gives a recording for a call that is to be recorded."""

    def recording(plan: CallPlan, call_id: str, leg: Leg, clock: Clock) -> Recording | None:
        wanted = plan.persona.telephone.recording
        if not wanted or (plan.direction == "outbound" and not settings.outgoing):
            return None
        return Recording(Path(settings.directory), call_id, leg.format, clock, settings.format)

    return recording


async def keeper(settings: RecordingSettings, stack: AsyncExitStack) -> Callable[[Path], str]:
    """Takes a finished recording; tells where it lies from then on.

    Raises ConfigurationError.
    """
    if settings.format == "opus":
        check_opus()
    if not settings.s3_url:
        return str
    place, url = open_store(settings, os.environ)
    store = RecordingStore(place, url)
    await store.recover(Path(settings.directory))
    await stack.enter_async_context(background(store.keep_uploading()))

    def upload(path: Path) -> str:
        store.finished(path)
        return f"{url.rstrip('/')}/{path.name}"

    return upload
