"""Calls in memory: scripted services, and a call whose leg nobody listens to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from voice_pipelines.engine.call import Services
from voice_pipelines.engine.clock import Metronome
from voice_pipelines.providers.energy import EnergyVad
from voice_pipelines.providers.scripted import (
    ScriptedLanguageModel,
    ScriptedSpeechToText,
    ScriptedTextToSpeech,
)

HANG_S = 30
"""Nothing here takes so long, on however slow a machine."""


async def becomes(condition: Callable[[], bool]) -> None:
    """Return when `condition` holds."""
    for _ in range(HANG_S * 100):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never does")


@asynccontextmanager
async def services(
    llm: ScriptedLanguageModel | None = None, audio_ms: int = 20
) -> AsyncIterator[Services]:
    """Everything scripted, without delay."""
    yield Services(
        stt=ScriptedSpeechToText("hello there"),
        llm=llm or ScriptedLanguageModel("Welcome."),
        tts=ScriptedTextToSpeech(audio_ms=audio_ms),
        vad=EnergyVad(),
        metronome=Metronome(asyncio.get_running_loop()),
    )
