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
from voice_pipelines.ports import Clock, Leg, TextToSpeech

from .actions.compose import guards, rules, webhooks
from .actions.http import GuardedClient
from .actions.webhook import Webhooks
from .archive import Archive, opened_archive
from .background import background
from .calls.agent import Agents, beginning
from .calls.live import LiveCall, Telephone
from .calls.one_call import House
from .calls.opus_file import check_opus
from .calls.phrases import PhraseBook
from .calls.plan import CallPlan
from .calls.reception import Reception
from .calls.recording import Recording
from .calls.recording_store import RecordingStore, open_store
from .calls.session import Switchboard
from .calls.warm import keep_warm
from .desk import Desk
from .errors import VoiceAgentError
from .models.errors import ModelError
from .persona_providers import PersonaProviders
from .personas import files
from .providers import Progress, Stages, model_store, traced_model
from .retrieval import Retrievers
from .sections import RecordingSettings
from .settings import Configuration, Settings, check_exposure, check_providers
from .telemetry.figures import CallFigures
from .telemetry.metrics import Metrics
from .telephony.live import Tickets, tickets
from .telephony.urls import Urls
from .web.pages import ConsoleRoutes
from .web.server import Front
from .web.telephone import TelephoneRoutes

if TYPE_CHECKING:
    from .telephony.exchange import Exchange
    from .telephony.limits import DoNotCall
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
    loop = asyncio.get_running_loop()
    clock = LoopClock(loop)
    metrics = Metrics()
    metronome = Metronome(loop, metrics.beat_was_late)
    async with AsyncExitStack() as stack:
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
        streams = tickets(settings)
        desk = Desk(switchboard, reception, streams, clock)
        auth_token = os.environ.get(settings.twilio.auth_token_env, "")
        front = Front(settings, auth_token, switchboard, metrics, streams, clock, desk.receive)
        exchange = await _exchange(
            settings, switchboard, desk, reception, archive, streams, clock, stack
        )
        routes: list[web.RouteDef] = []
        if exchange is not None:
            telephone = TelephoneRoutes(front.signed, exchange.dialer, exchange.transfers)
            routes += telephone.routes()
        routes += await _browser(settings, archive, switchboard, reception, metrics, stack)
        retrievers = Retrievers(lambda: _embedding_model(settings))
        stack.callback(retrievers.close)
        web_api = await _api(configuration, archive, switchboard, reception, exchange, retrievers)
        console = await _console(settings, archive, switchboard, web_api, stack)
        if console is not None:
            # Before the pages, which take every path that is left under /console.
            routes += [*console.routes(), *ConsoleRoutes().routes()]
        application = front.application(routes, web_api)
        host, port = await stack.enter_async_context(_listening(application, settings))
        if console is not None:
            stack.callback(console.close)
        opening = beginning(configuration.policy(), reception.default, _now())
        stages = Stages(configuration, stack, clock, progress, opening)
        front.providers = metrics.providers = stages.status
        services = await _services(configuration, stages, metronome, stack, progress)
        hooks = await _webhooks(settings, stack)
        agents = Agents(
            services,
            configuration.policy(),
            PersonaProviders(stages, settings),
            hooks,
            guards(settings.actions),
            retriever=retrievers.of,
            now=_now,
        )
        switchboard.house = House(
            agents,
            reception.expected,
            archive.writer,
            archive.allowance,
            None if exchange is None else _effects(exchange),
            _recording(settings.recording),
            await _recordings_go(settings.recording, stack),
        )
        stack.callback(setattr, switchboard, "house", None)
        stack.push_async_callback(switchboard.close)
        await stack.enter_async_context(background(retrievers.keep_building()))
        await stack.enter_async_context(background(_speak_ahead(reception, agents)))
        await stack.enter_async_context(background(keep_warm(stages.warm, switchboard)))
        # What was imported stays: a full collection over it would stall every call's audio.
        gc.collect()
        gc.freeze()
        # From now on a full collection sees live calls only. Look for ended ones' cycles often;
        # by default it waits until they are a quarter of all that was ever imported.
        gc.collect()
        gc.set_threshold(700, 5, 1)
        server = Server(host, port, switchboard, metrics, reception)
        server.admin_link = await archive.admin_link(settings.server.public_url or server.url)
        yield server


async def _speak_ahead(reception: Reception, agents: Agents) -> None:
    """Prepare what each persona says first, as soon as it is published. Never returns."""
    while True:
        persona = await reception.published.get()
        try:
            await agents.speak_ahead(persona)
        except Exception:  # It is spoken when it is needed.
            log.exception("persona_not_prepared", persona=persona.name)


def _embedding_model(settings: Settings) -> Path | None:
    """The folder of the optional model, if it was pulled."""
    try:
        return model_store(settings).path("minilm")
    except ModelError:
        return None


def _now() -> datetime:
    return datetime.now(UTC)


async def _exchange(
    settings: Settings,
    switchboard: Switchboard,
    desk: Desk,
    reception: Reception,
    archive: Archive,
    streams: Tickets,
    clock: Clock,
    stack: AsyncExitStack,
) -> "Exchange | None":
    """What makes the carrier do something; None without an account or a public address."""
    if not settings.server.public_url:
        return None
    from .telephony.exchange import Exchange, carrier

    rest = await stack.enter_async_context(carrier(settings, os.environ))
    if rest is None:
        return None
    return Exchange(
        rest,
        Urls(settings.server.public_url),
        settings.outgoing,
        streams,
        switchboard,
        desk,
        clock,
        archive.store.claims if archive.store else None,
        do_not_call=_do_not_call(settings, archive),
        own=reception.numbers,
    )


async def _api(
    configuration: Configuration,
    archive: Archive,
    switchboard: Switchboard,
    reception: Reception,
    exchange: "Exchange | None",
    retrievers: Retrievers,
) -> web.Application | None:
    """The application for ``/api``; None where nothing is kept."""
    if archive.store is None:
        return None
    from .api import api  # Its schemas and documents are nothing to a server without storage.

    return await api(configuration, archive.store, switchboard, reception, exchange, retrievers)


async def _browser(
    settings: Settings,
    archive: Archive,
    switchboard: Switchboard,
    reception: Reception,
    metrics: Metrics,
    stack: AsyncExitStack,
) -> list[web.RouteDef]:
    """Clients' ways to conversations; nothing where nothing is kept."""
    store, writer = archive.store, archive.writer
    if store is None or writer is None:
        return []
    from .api import browser_routes

    return await browser_routes(settings, store, writer, switchboard, reception, metrics, stack)


async def _console(
    settings: Settings,
    archive: Archive,
    switchboard: Switchboard,
    web_api: web.Application | None,
    stack: AsyncExitStack,
) -> "LiveRoutes | None":
    """The live socket of consoles; None where nothing is kept, administrators neither."""
    store, writer = archive.store, archive.writer
    if store is None or writer is None or web_api is None:
        return None
    from .api import console_socket

    return await stack.enter_async_context(
        console_socket(settings, store, writer, switchboard, web_api)
    )


def _do_not_call(settings: Settings, archive: Archive) -> "DoNotCall":
    from .telephony.exchange import do_not_call_list
    from .telephony.limits import DoNotCallLists

    listed = do_not_call_list(settings.outgoing)
    if archive.store is None:
        return listed
    return DoNotCallLists(listed, archive.store.do_not_call())


async def _recordings_go(
    settings: RecordingSettings, stack: AsyncExitStack
) -> Callable[[Path], str]:
    """What is done with a finished recording: it tells where that lies from then on.

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


def _effects(exchange: "Exchange") -> Callable[[LiveCall], Telephone]:
    def effects(live: LiveCall) -> Telephone:
        return exchange.effects(live, live.plan.persona.telephone.transfer_to)

    return effects


def _recording(
    settings: RecordingSettings,
) -> Callable[[CallPlan, str, Leg, Clock], Recording | None]:
    def recording(plan: CallPlan, call_id: str, leg: Leg, clock: Clock) -> Recording | None:
        wanted = plan.persona.telephone.recording
        if not wanted or (plan.direction == "outbound" and not settings.outgoing):
            return None
        return Recording(Path(settings.directory), call_id, leg.format, clock, settings.format)

    return recording


async def _webhooks(settings: Settings, stack: AsyncExitStack) -> Webhooks:
    client = await stack.enter_async_context(GuardedClient(rules(settings.actions)))
    return webhooks(settings.actions, client)


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
