"""The composition root: the only place that picks implementations and puts them together."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from aiohttp import web

from voice_codecs.pcm import MULAW_8K
from voice_pipelines.conversation.commands import Message
from voice_pipelines.engine.call import Services
from voice_pipelines.engine.clock import PHASES, Metronome
from voice_pipelines.errors import ProviderError
from voice_pipelines.ports import (
    LanguageModel,
    SpeechToText,
    TextToSpeech,
    TurnDetector,
    VoiceActivityDetector,
)
from voice_pipelines.providers import registry

from .calls.session import Switchboard
from .errors import VoiceAgentError
from .models.machine import choose_llm, machine
from .models.store import Store
from .settings import (
    Configuration,
    LlmSettings,
    Settings,
    SttSettings,
    TtsSettings,
    check_exposure,
    check_providers,
    key_variable,
)
from .telemetry.metrics import Metrics
from .web.server import Front

SpeechModels = tuple[SpeechToText, TurnDetector | None]
Progress = Callable[[str], None]

_PHRASE_S = 20.0
"""How long synthesizing one fixed phrase ahead may take."""

log = structlog.get_logger()


def needed_models(settings: Settings) -> list[str]:
    """The names of the local models that a configuration uses."""
    names = []
    if settings.vad == "silero":
        names.append("silero-vad")
    if settings.turn_detector == "smart-turn":
        names.append("smart-turn-v3.2")
    if settings.stt.provider == "local":
        names.append("moonshine-base")
    if settings.llm.provider == "local":
        names.append(local_llm_name(settings))
    return names


def local_llm_name(settings: Settings) -> str:
    """The configured local LLM, or the one that this machine can run."""
    return settings.llm.model or choose_llm(*machine())


def model_store(settings: Settings) -> Store:
    return (
        Store(Path(settings.models.directory).expanduser())
        if settings.models.directory
        else Store()
    )


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
            configuration.policy(), metrics, journals, settings.server.max_calls
        )
        auth_token = os.environ.get(settings.twilio.auth_token_env, "")
        front = Front(settings, auth_token, switchboard, metrics)
        host, port = await stack.enter_async_context(_listening(front.application(), settings))
        services = await stack.enter_async_context(_services(configuration, metronome, progress))
        switchboard.services = services
        stack.callback(setattr, switchboard, "services", None)
        stack.push_async_callback(switchboard.close)
        # What was imported stays: a full collection over it would stall every call's audio.
        gc.collect()
        gc.freeze()
        # From now on a full collection sees live calls only. Look for ended ones' cycles often;
        # by default it waits until they are a quarter of all that was ever imported.
        gc.collect()
        gc.set_threshold(700, 5, 1)
        yield Server(host, port, switchboard, metrics)


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


@asynccontextmanager
async def _services(
    configuration: Configuration, metronome: Metronome, progress: Progress
) -> AsyncIterator[Services]:
    settings = configuration.settings
    async with AsyncExitStack() as stack:
        try:
            tts = await _tts(settings, stack, progress)
            stt, turn_detector = await _speech_models(settings, stack, progress)
            vad = await _vad(settings, progress)
            llm = await _llm(configuration, stack, progress)
            phrases = await _phrases(configuration, tts, progress)
        except ProviderError as error:
            raise VoiceAgentError(f"A provider did not start: {error}.") from error
        for phase in (0, PHASES // 2):  # Every 10 ms: the batches are still large enough.
            stack.callback(metronome.add(vad.tick, phase))
        yield Services(
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


async def _tts(settings: Settings, stack: AsyncExitStack, progress: Progress) -> TextToSpeech:
    tts = settings.tts
    match tts.provider:
        case "scripted":
            return registry.scripted_tts(tts.audio_ms, tts.delay_ms)
        case "local":
            progress("Starting the voice")
            return await stack.enter_async_context(registry.local_tts(MULAW_8K))
        case "deepgram":
            entering = registry.deepgram_tts(_key(tts), tts.model, tts.base_url)
        case "elevenlabs":
            entering = registry.elevenlabs_tts(_key(tts), tts.voice, tts.model, tts.base_url)
        case "openai":
            entering = registry.openai_tts(tts.base_url, tts.model, tts.voice, _key(tts))
    return await stack.enter_async_context(entering)


def _key(part: SttSettings | LlmSettings | TtsSettings) -> str:
    return os.environ[key_variable(part)]  # `check_providers` has seen it.


async def _speech_models(
    settings: Settings, stack: AsyncExitStack, progress: Progress
) -> SpeechModels:
    store = model_store(settings)
    threads = settings.models.threads or machine()[0]
    needs_pool = settings.stt.provider == "local" or settings.turn_detector == "smart-turn"
    pool = registry.inference_pool(threads) if needs_pool else None
    if pool is not None:
        stack.callback(pool.close)
    turn_detector: TurnDetector | None = None
    if settings.turn_detector == "smart-turn" and pool is not None:
        progress("Loading the end-of-turn model")
        model = _only_file(store.path("smart-turn-v3.2"), "*.onnx")
        turn_detector = await asyncio.to_thread(registry.smart_turn, model, pool)
    if settings.stt.provider == "local" and pool is not None:
        progress("Loading the recognizer")
        folder = store.path("moonshine-base")
        stt = await asyncio.to_thread(registry.local_stt, folder, pool)
    else:
        stt = await _remote_stt(settings.stt, stack)
    return stt, turn_detector


async def _remote_stt(stt: SttSettings, stack: AsyncExitStack) -> SpeechToText:
    match stt.provider:
        case "deepgram":
            return registry.deepgram_stt(
                _key(stt), stt.model, stt.language, stt.keyterms, stt.base_url
            )
        case "openai":
            entering = registry.openai_stt(stt.base_url, stt.model, _key(stt))
            return await stack.enter_async_context(entering)
        case _:
            return registry.scripted_stt(stt.text, stt.delay_ms)


async def _vad(settings: Settings, progress: Progress) -> VoiceActivityDetector:
    match settings.vad:
        case "energy":
            return registry.energy_vad()
        case "webrtc":
            return registry.webrtc_vad()
        case "silero":
            progress("Loading the voice activity detector")
            model = _only_file(model_store(settings).path("silero-vad"), "*.onnx")
            return await asyncio.to_thread(registry.silero_vad, model)


async def _llm(
    configuration: Configuration, stack: AsyncExitStack, progress: Progress
) -> LanguageModel:
    settings = configuration.settings
    llm = settings.llm
    match llm.provider:
        case "scripted":
            return registry.scripted_llm(llm.text, llm.delay_ms)
        case "openai":
            return await stack.enter_async_context(
                registry.openai_llm(
                    llm.base_url, llm.model, _key(llm), llm.temperature, llm.max_tokens
                )
            )
        case "local":
            name = local_llm_name(settings)
            progress(f"Starting the language model {name} and reading the persona's prompt")
            store = model_store(settings)
            model = _only_file(store.path(name), "*.gguf")
            # Every call begins with the prompt and the greeting: both are read beforehand.
            beginning = [Message("system", configuration.persona.instructions)]
            if greeting := configuration.persona.phrases.greeting:
                beginning.append(Message("assistant", greeting))
            threads = settings.models.threads or machine()[0]
            return await stack.enter_async_context(
                registry.local_llm(
                    model,
                    threads,
                    llm.temperature,
                    llm.max_tokens,
                    beginning,
                    store.root.parent / "prompts",
                )
            )


async def _phrases(
    configuration: Configuration, tts: TextToSpeech, progress: Progress
) -> dict[str, bytes]:
    """The persona's fixed phrases as audio, so that they can be said when the TTS cannot."""
    progress("Speaking the fixed phrases ahead")
    phrases = {}
    for text in configuration.persona.phrases.all():
        try:
            async with asyncio.timeout(_PHRASE_S):
                phrases[text] = b"".join([chunk.audio async for chunk in tts.speak(text)])
        except TimeoutError as error:
            raise VoiceAgentError(
                "The voice did not speak in time; is the machine busy?"
            ) from error
    return phrases


def _only_file(folder: Path, pattern: str) -> Path:
    return next(iter(sorted(folder.glob(pattern))))
