"""The composition root: the only place that picks implementations and puts them together."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from voice_pipelines.engine.call import Services
from voice_pipelines.engine.clock import PHASES, LoopClock, Metronome
from voice_pipelines.errors import ProviderError, ProviderRefused
from voice_pipelines.ports import TextToSpeech

from .calls.phrases import PhraseBook
from .calls.session import Switchboard
from .calls.warm import keep_warm
from .errors import VoiceAgentError
from .providers import Progress, Stages, traced_model
from .settings import Configuration, Settings, check_exposure, check_providers
from .telemetry.figures import CallFigures
from .telemetry.metrics import Metrics
from .web.server import Front

log = structlog.get_logger()


@dataclass(slots=True)
class Server:
    """A running server."""

    host: str
    port: int
    switchboard: Switchboard
    metrics: Metrics

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


@asynccontextmanager
async def serving(
    configuration: Configuration, progress: Progress = lambda _: None
) -> AsyncIterator[Server]:
    """Run the server. It listens first and is ready when the models are; leaving stops it.

    Raises VoiceAgentError where the configuration or the machine does not allow it.
    """
    settings = configuration.settings
    check_exposure(settings, os.environ)
    check_providers(settings, os.environ)
    loop = asyncio.get_running_loop()
    metrics = Metrics()
    metronome = Metronome(loop, metrics.beat_was_late)
    async with AsyncExitStack() as stack:
        journals = Path(settings.journal.directory) if settings.journal.directory else None
        switchboard = Switchboard(
            configuration.policy(),
            metrics,
            journals,
            settings.server.max_calls,
            settings.prices,
            await _tracing(settings, stack),
        )
        auth_token = os.environ.get(settings.twilio.auth_token_env, "")
        front = Front(settings, auth_token, switchboard, metrics)
        host, port = await stack.enter_async_context(_listening(front.application(), settings))
        stages = Stages(configuration, stack, LoopClock(loop), progress)
        front.providers = metrics.providers = stages.status
        services = await _services(configuration, stages, metronome, stack, progress)
        switchboard.services = services
        stack.callback(setattr, switchboard, "services", None)
        stack.push_async_callback(switchboard.close)
        await stack.enter_async_context(_background(keep_warm(stages.warm, switchboard)))
        # What was imported stays: a full collection over it would stall every call's audio.
        gc.collect()
        gc.freeze()
        # From now on a full collection sees live calls only. Look for ended ones' cycles often;
        # by default it waits until they are a quarter of all that was ever imported.
        gc.collect()
        gc.set_threshold(700, 5, 1)
        yield Server(host, port, switchboard, metrics)


async def _tracing(
    settings: Settings, stack: AsyncExitStack
) -> Callable[[CallFigures], None] | None:
    """What ended calls are told to, if they are traced."""
    if not settings.telemetry.otlp_endpoint:
        return None
    from .telemetry.tracing import Tracing

    tracing = Tracing(settings.telemetry, traced_model(settings.llm), settings.prices)
    stack.push_async_callback(tracing.close)
    return tracing.call_ended


@asynccontextmanager
async def _listening(
    application: web.Application, settings: Settings
) -> AsyncIterator[tuple[str, int]]:
    runner = web.AppRunner(
        application,
        access_log=None,
        handle_signals=False,
        handler_cancellation=False,
        shutdown_timeout=5.0,
    )
    await runner.setup()
    try:
        server = settings.server
        site = web.TCPSite(runner, server.host, server.port)
        try:
            await site.start()
        except OSError as error:
            raise VoiceAgentError(
                f"Cannot listen on {server.host}:{server.port} ({error.strerror}); "
                "choose another one with --port or `server.port`."
            ) from error
        port = runner.addresses[0][1]
        yield server.host, port
    finally:
        await runner.cleanup()


async def _services(
    configuration: Configuration,
    stages: Stages,
    metronome: Metronome,
    stack: AsyncExitStack,
    progress: Progress,
) -> Services:
    settings = configuration.settings
    try:
        tts = await stages.tts()
        turn_detector = await stages.turn_detector()
        stt = await stages.stt()
        vad = await stages.vad()
        llm = await stages.llm()
    except ProviderError as error:
        raise VoiceAgentError(f"A provider did not start: {error}.") from error
    phrases = await _phrases(configuration, tts, stack, progress)
    for phase in (0, PHASES // 2):  # Every 10 ms: the batches are still large enough.
        stack.callback(metronome.add(vad.tick, phase))
    return Services(
        stt=stt,
        llm=llm,
        tts=tts,
        vad=vad,
        metronome=metronome,
        turn_detector=turn_detector,
        gate=settings.gate,
        lead_ms=settings.twilio.lead_ms,
        phrases=phrases,
    )


async def _phrases(
    configuration: Configuration, tts: TextToSpeech, stack: AsyncExitStack, progress: Progress
) -> PhraseBook:
    """The persona's fixed phrases. A voice that refuses us is an error, one that is down is not."""
    progress("Speaking the fixed phrases ahead")
    phrases = PhraseBook(tts)
    errors = await phrases.add(configuration.persona.phrases.all())
    for error in errors:
        if isinstance(error, ProviderRefused):
            raise VoiceAgentError(f"The voice does not serve us: {error}.") from error
    if errors:
        log.warning("phrases_not_spoken", count=len(errors), reason=str(errors[0]))
    await stack.enter_async_context(_background(phrases.keep_trying()))
    return phrases


@asynccontextmanager
async def _background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` for as long as the context lasts."""
    failed: Exception | None = None
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        try:
            yield
        except Exception as error:
            failed = error  # The caller's own; it is not to come out wrapped in a group.
        finally:
            task.cancel()
    if failed is not None:
        raise failed
