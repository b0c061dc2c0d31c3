"""The composition root: the only place that picks implementations and puts them together."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from voice_pipelines.engine.call import Services
from voice_pipelines.engine.clock import PHASES, LoopClock, Metronome
from voice_pipelines.errors import ProviderError, ProviderRefused
from voice_pipelines.ports import TextToSpeech

from .actions.compose import guards, rules, webhooks
from .actions.http import GuardedClient
from .actions.webhook import Webhooks
from .archive import Archive, opened_archive
from .background import background
from .calls.agent import Agents, beginning
from .calls.one_call import House
from .calls.phrases import PhraseBook
from .calls.reception import Reception
from .calls.session import Switchboard
from .calls.warm import keep_warm
from .desk import Desk
from .errors import VoiceAgentError
from .models.errors import ModelError
from .persona_providers import PersonaProviders
from .personas import files
from .providers import Progress, Stages, model_store, traced_model
from .recordings import keeper, recorder
from .retrieval import Retrievers
from .settings import Configuration, Settings, check_exposure, check_providers
from .telemetry.figures import CallFigures
from .telemetry.metrics import Metrics
from .telephone import effects, exchange_of
from .telephony.live import Tickets, tickets
from .web.pages import ConsoleRoutes
from .web.server import Front
from .web.telephone import TelephoneRoutes

if TYPE_CHECKING:
    from .telephony.exchange import Exchange
    from .web.live import LiveRoutes

log = structlog.get_logger()


@dataclass(slots=True)
class Server:
    """A running server."""

    host: str
    port: int
    switchboard: Switchboard
    metrics: Metrics
    reception: Reception
    admin_link: str = ""
    """Whoever opens it first becomes an administrator; empty if there is one already."""

    @property
    def agents(self) -> Agents:
        """Who answers, while the server is ready."""
        assert self.switchboard.house is not None
        return self.switchboard.house.agents

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
    async with AsyncExitStack() as stack:
        base = await _foundation(configuration, stack)
        streams = tickets(settings)
        desk = Desk(base.switchboard, base.reception, streams, base.clock)
        exchange = await exchange_of(
            settings,
            streams,
            base.switchboard,
            desk,
            base.reception,
            base.archive,
            base.clock,
            stack,
        )
        front = _front(base, streams, desk)
        host, port = await _open_doors(base, front, exchange)
        opening = beginning(configuration.policy(), base.reception.default, _now())
        stages = Stages(configuration, stack, base.clock, progress, opening)
        front.providers = base.metrics.providers = stages.status
        agents = await _agents(base, stages, progress)
        await _take_calls(base, agents, exchange)
        await _work_beside_calls(base, agents, stages)
        _tune_collector()
        server = Server(host, port, base.switchboard, base.metrics, base.reception)
        link_url = settings.server.public_url or server.url
        server.admin_link = await base.archive.admin_link(link_url)
        yield server


@dataclass(frozen=True, slots=True)
class _Foundation:
    """What the other parts of a server are put together with."""

    configuration: Configuration
    stack: AsyncExitStack
    """Ends what was put together, the last first."""
    clock: LoopClock
    metrics: Metrics
    metronome: Metronome
    switchboard: Switchboard
    archive: Archive
    reception: Reception
    retrievers: Retrievers

    @property
    def settings(self) -> Settings:
        return self.configuration.settings


async def _foundation(configuration: Configuration, stack: AsyncExitStack) -> _Foundation:
    settings = configuration.settings
    loop = asyncio.get_running_loop()
    metrics = Metrics()
    journals = Path(settings.journal.directory) if settings.journal.directory else None
    switchboard = Switchboard(
        metrics,
        journals,
        settings.server.max_calls,
        settings.prices,
        await _tracing(settings, stack),
    )
    archive = await opened_archive(settings, metrics, journals, stack)
    reception = Reception(files.read(Path(configuration.persona_source)), archive.personas)
    await archive.begin(reception, stack)
    retrievers = Retrievers(lambda: _embedding_model(settings))
    stack.callback(retrievers.close)
    return _Foundation(
        configuration,
        stack,
        LoopClock(loop),
        metrics,
        Metronome(loop, metrics.beat_was_late),
        switchboard,
        archive,
        reception,
        retrievers,
    )


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


def _embedding_model(settings: Settings) -> Path | None:
    """The folder of the optional model, if it was pulled."""
    try:
        return model_store(settings).path("minilm")
    except ModelError:
        return None


def _front(base: _Foundation, streams: Tickets, desk: Desk) -> Front:
    settings = base.settings
    auth_token = os.environ.get(settings.twilio.auth_token_env, "")
    return Front(
        settings, auth_token, base.switchboard, base.metrics, streams, base.clock, desk.receive
    )


async def _open_doors(
    base: _Foundation, front: Front, exchange: "Exchange | None"
) -> tuple[str, int]:
    """Listen; where it does: the host and the port."""
    routes: list[web.RouteDef] = []
    if exchange is not None:
        routes += TelephoneRoutes(front.signed, exchange.dialer, exchange.transfers).routes()
    routes += await _browser(base)
    web_api = await _api(base, exchange)
    console = await _console(base, web_api)
    if console is not None:
        # Before the pages, which take every path that is left under /console.
        routes += [*console.routes(), *ConsoleRoutes().routes()]
    application = front.application(routes, web_api)
    place = await base.stack.enter_async_context(_listening(application, base.settings))
    if console is not None:
        base.stack.callback(console.close)
    return place


async def _browser(base: _Foundation) -> list[web.RouteDef]:
    """Clients' ways to conversations; nothing where nothing is kept."""
    store, writer = base.archive.store, base.archive.writer
    if store is None or writer is None:
        return []
    from .api import browser_routes

    switchboard, reception = base.switchboard, base.reception
    return await browser_routes(
        base.settings,
        store,
        writer,
        switchboard,
        reception,
        base.metrics,
        base.metronome,
        base.stack,
    )


async def _api(base: _Foundation, exchange: "Exchange | None") -> web.Application | None:
    """The application for ``/api``; None where nothing is kept."""
    store = base.archive.store
    if store is None:
        return None
    from .api import api  # Its schemas and documents are nothing to a server without storage.

    return await api(
        base.configuration, store, base.switchboard, base.reception, exchange, base.retrievers
    )


async def _console(base: _Foundation, web_api: web.Application | None) -> "LiveRoutes | None":
    """The live socket of consoles; None where nothing is kept, administrators neither."""
    store, writer = base.archive.store, base.archive.writer
    if store is None or writer is None or web_api is None:
        return None
    from .api import console_socket

    return await base.stack.enter_async_context(
        console_socket(base.settings, store, writer, base.switchboard, web_api)
    )


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


async def _agents(base: _Foundation, stages: Stages, progress: Progress) -> Agents:
    """Who answers calls. Raises VoiceAgentError if a provider does not start."""
    settings = base.settings
    services = await _services(base, stages, progress)
    hooks = await _webhooks(settings, base.stack)
    return Agents(
        services,
        base.configuration.policy(),
        PersonaProviders(stages, settings),
        hooks,
        guards(settings.actions),
        retriever=base.retrievers.of,
        now=_now,
    )


async def _services(base: _Foundation, stages: Stages, progress: Progress) -> Services:
    settings = base.settings
    try:
        tts = await stages.tts()
        turn_detector = await stages.turn_detector()
        stt = await stages.stt()
        vad = await stages.vad()
        llm = await stages.llm()
    except ProviderError as error:
        raise VoiceAgentError(f"A provider did not start: {error}.") from error
    phrases = await _phrases(base.configuration, tts, base.stack, progress)
    for phase in (0, PHASES // 2):  # Every 10 ms: the batches are still large enough.
        base.stack.callback(base.metronome.add(vad.tick, phase))
    return Services(
        stt=stt,
        llm=llm,
        tts=tts,
        vad=vad,
        metronome=base.metronome,
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
    # A greeting with details is another one in each call.
    fixed = [text for text in configuration.persona.phrases.all() if "{{" not in text]
    errors = await phrases.add(fixed)
    for error in errors:
        if isinstance(error, ProviderRefused):
            raise VoiceAgentError(f"The voice does not serve us: {error}.") from error
    if errors:
        log.warning("phrases_not_spoken", count=len(errors), reason=str(errors[0]))
    await stack.enter_async_context(background(phrases.keep_trying()))
    return phrases


async def _webhooks(settings: Settings, stack: AsyncExitStack) -> Webhooks:
    client = await stack.enter_async_context(GuardedClient(rules(settings.actions)))
    return webhooks(settings.actions, client)


async def _take_calls(base: _Foundation, agents: Agents, exchange: "Exchange | None") -> None:
    """Let the switchboard take calls, until the server stops."""
    recording = base.settings.recording
    base.switchboard.house = House(
        agents,
        base.reception.expected,
        base.archive.writer,
        base.archive.allowance,
        None if exchange is None else effects(exchange),
        recorder(recording),
        await keeper(recording, base.stack),
    )
    base.stack.callback(setattr, base.switchboard, "house", None)
    base.stack.push_async_callback(base.switchboard.close)


async def _work_beside_calls(base: _Foundation, agents: Agents, stages: Stages) -> None:
    begin = base.stack.enter_async_context
    await begin(background(base.retrievers.keep_building()))
    await begin(background(_speak_ahead(base.reception, agents)))
    await begin(background(keep_warm(stages.warm, base.switchboard)))


async def _speak_ahead(reception: Reception, agents: Agents) -> None:
    """Prepare what each persona says first, as soon as it is published. Never returns."""
    while True:
        persona = await reception.published.get()
        try:
            await agents.speak_ahead(persona)
        except Exception:  # It is spoken when it is needed.
            log.exception("persona_not_prepared", persona=persona.name)


def _tune_collector() -> None:
    # What was imported stays: a full collection over it would stall every call's audio.
    gc.collect()
    gc.freeze()
    # From now on a full collection sees live calls only. Look for ended ones' cycles often;
    # by default it waits until they are a quarter of all that was ever imported.
    gc.collect()
    gc.set_threshold(700, 5, 1)


def _now() -> datetime:
    return datetime.now(UTC)
