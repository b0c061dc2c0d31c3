"""The configured providers of each stage, each behind its time budget, breaker and health count."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from voice_codecs.pcm import MULAW_8K
from voice_pipelines.conversation.commands import Message
from voice_pipelines.ports import (
    Clock,
    LanguageModel,
    SpeechToText,
    TextToSpeech,
    TurnDetector,
    VoiceActivityDetector,
    Warming,
)
from voice_pipelines.providers import registry
from voice_pipelines.providers.breaker import Breaker
from voice_pipelines.providers.budget import (
    BudgetedLanguageModel,
    BudgetedSpeechToText,
    BudgetedTextToSpeech,
)
from voice_pipelines.providers.fallback.candidate import Candidate
from voice_pipelines.providers.fallback.language import FallbackLanguageModel
from voice_pipelines.providers.fallback.recognition import FallbackSpeechToText
from voice_pipelines.providers.fallback.speech import FallbackTextToSpeech
from voice_pipelines.providers.health import Health
from voice_pipelines.providers.spoken import SpokenTextToSpeech

from .choices import Choice, LlmChoice, SttChoice, TtsChoice, choices
from .models.machine import choose_llm, machine
from .models.store import Store
from .settings import Configuration, Settings, all_choices, key_variable, llm_api
from .telemetry.providers import ProviderStatus
from .telemetry.spans import Model

if TYPE_CHECKING:
    from voice_pipelines.providers.registry import InferencePool

P = TypeVar("P")
Progress = Callable[[str], None]

_FAILURES = 2
"""In a row, of a provider that others stand in for. The machine asks twice before it says a filler:
what fails in the middle of both answers is not asked a third time."""
_REST_MS = 5_000
_LONE_REST_MS = 1_000
"""A provider that nobody can stand in for is tried again sooner."""


class Stages:
    """Builds what the stages of a call work with and keeps count of how each provider fares.

    What is built lives until `stack` is closed.
    """

    def __init__(
        self,
        configuration: Configuration,
        stack: AsyncExitStack,
        clock: Clock,
        progress: Progress,
        beginning: Sequence[Message] = (),
    ) -> None:
        """`beginning` is what every call begins with, for a model that can read it ahead."""
        self._beginning = beginning
        self._configuration = configuration
        self._settings = configuration.settings
        self._stack = stack
        self._clock = clock
        self._progress = progress
        self._health: list[tuple[str, Health]] = []
        self._pool: InferencePool | None = None
        self._warming: list[Warming] = []
        self._llms: list[Candidate[LanguageModel]] = []
        self._voices: list[Candidate[TextToSpeech]] = []

    async def warm(self) -> None:
        """Open the connections that the next requests need, of all providers at once."""
        async with asyncio.TaskGroup() as group:
            for provider in self._warming:
                group.create_task(provider.warm())

    def status(self) -> Sequence[ProviderStatus]:
        """How each provider fares now, in the order in which they are asked."""
        now = self._clock.now()
        return [ProviderStatus(stage, health.snapshot(now)) for stage, health in self._health]

    # Speech to text ------------------------------------------------------------------------------

    async def stt(self) -> SpeechToText:
        """Raises ProviderError."""
        settings = self._settings.stt
        parts = choices(settings)
        candidates: list[Candidate[SpeechToText]] = []
        for last, part in _with_last(parts):
            provider = self._noted(await self.one_stt(part))
            name = self._new_name("stt", part)
            # The machine stops waiting for the last one by itself.
            settle_ms = self._settings.watchdog.stt_ms if last else part.settle_ms
            budgeted = BudgetedSpeechToText(provider, name, settle_ms=settle_ms)
            candidates.append(self._candidate("stt", name, budgeted, len(parts)))
        return FallbackSpeechToText(candidates, self._clock, keep_ms=settings.keep_ms)

    async def one_stt(self, part: SttChoice) -> SpeechToText:
        """The bare provider. Raises ProviderError or ModelError."""
        match part.provider:
            case "local":
                self._progress("Loading the recognizer")
                folder = model_store(self._settings).path("moonshine-base")
                return await asyncio.to_thread(registry.local_stt, folder, self._inference())
            case "deepgram":
                return registry.deepgram_stt(
                    _key(part), part.model, part.language, part.keyterms, part.base_url
                )
            case "openai":
                entering = registry.openai_stt(part.base_url, part.model, _key(part))
                return await self._stack.enter_async_context(entering)
            case "scripted":
                return registry.scripted_stt(part.text, part.delay_ms)

    # Language ------------------------------------------------------------------------------------

    async def llm(self) -> LanguageModel:
        """Raises ProviderError."""
        settings = self._settings.llm
        parts = choices(settings)
        candidates: list[Candidate[LanguageModel]] = []
        for last, part in _with_last(parts):
            candidates.append(await self._llm_candidate(part, last, len(parts)))
        self._llms = candidates
        hedge_ms = settings.hedge_ms or None
        return FallbackLanguageModel(candidates, self._clock, hedge_ms=hedge_ms)

    async def llm_of(self, part: LlmChoice) -> LanguageModel:
        """A persona's own model, with the server's behind it. Raises ProviderError."""
        first = await self._llm_candidate(part, False, 2)
        return FallbackLanguageModel([first, *self._llms], self._clock)

    async def _llm_candidate(
        self, part: LlmChoice, last: bool, count: int
    ) -> Candidate[LanguageModel]:
        provider = self._noted(await self.one_llm(part))
        name = self._new_name("llm", part)
        first_ms = self._settings.watchdog.reply_ms if last else part.first_ms
        budgeted = BudgetedLanguageModel(provider, name, first_ms=first_ms, stall_ms=part.stall_ms)
        return self._candidate("llm", name, budgeted, count)

    async def one_llm(self, part: LlmChoice) -> LanguageModel:
        """The bare provider. Raises ProviderError or ModelError."""
        match part.provider:
            case "scripted":
                return registry.scripted_llm(part.text, part.delay_ms)
            case "openai":
                api = llm_api(part)
                entering = registry.openai_llm(
                    api.base_url,
                    api.model,
                    _key(part),
                    part.temperature,
                    api.max_tokens,
                    limit_field=api.limit,
                    extra_body=api.body,
                    headers=part.headers,
                    ask_usage={"auto": api.stream_usage, "on": True, "off": False}[part.usage],
                )
                return await self._stack.enter_async_context(entering)
            case "local":
                return await self._local_llm(part)

    async def _local_llm(self, part: LlmChoice) -> LanguageModel:
        name = local_llm_name(part)
        self._progress(f"Starting the language model {name} and reading the persona's prompt")
        store = model_store(self._settings)
        model = _only_file(store.path(name), "*.gguf")
        entering = registry.local_llm(
            model,
            self._threads(),
            part.temperature,
            part.max_tokens,
            self._beginning,
            store.root.parent / "prompts",
        )
        return await self._stack.enter_async_context(entering)

    # Text to speech ------------------------------------------------------------------------------

    async def tts(self) -> TextToSpeech:
        """Raises ProviderError."""
        settings = self._settings.tts
        parts = choices(settings)
        candidates: list[Candidate[TextToSpeech]] = []
        for last, part in _with_last(parts):
            candidates.append(await self._tts_candidate(part, last, len(parts)))
        self._voices = candidates
        pronunciations = self._configuration.persona.pronunciations
        return self._spoken(candidates, settings.normalize, pronunciations)

    async def tts_of(
        self, part: TtsChoice | None, language: str, pronunciations: Mapping[str, str]
    ) -> TextToSpeech:
        """A persona's own voice with the server's behind it, or the server's. Raises ProviderError.

        `language` is a BCP 47 tag; what is written is put into words where we know how.
        """
        first = [await self._tts_candidate(part, False, 2)] if part else []
        english = language.lower().split("-")[0] == "en"
        normalize = self._settings.tts.normalize if english else ""
        return self._spoken([*first, *self._voices], normalize, pronunciations)

    def _spoken(
        self,
        candidates: Sequence[Candidate[TextToSpeech]],
        language: str,
        pronunciations: Mapping[str, str],
    ) -> TextToSpeech:
        # Its patterns take 0.1 s to compile: not before a voice is wanted.
        from voice_pipelines.speech_text.english import normalizer

        words = {**self._settings.tts.pronunciations, **pronunciations}
        voice = FallbackTextToSpeech(candidates, self._clock)
        return SpokenTextToSpeech(voice, normalizer(language, words))

    async def _tts_candidate(
        self, part: TtsChoice, last: bool, count: int
    ) -> Candidate[TextToSpeech]:
        provider = self._noted(await self.one_tts(part))
        name = self._new_name("tts", part)
        first_ms = self._settings.watchdog.reply_ms if last else part.first_ms
        budgeted = BudgetedTextToSpeech(provider, name, first_ms=first_ms, stall_ms=part.stall_ms)
        return self._candidate("tts", name, budgeted, count)

    async def one_tts(self, part: TtsChoice) -> TextToSpeech:
        """The bare provider. Raises ProviderError or ModelError."""
        match part.provider:
            case "scripted":
                return registry.scripted_tts(part.audio_ms, part.delay_ms)
            case "local":
                self._progress("Starting the voice")
                return await self._stack.enter_async_context(registry.local_tts(MULAW_8K))
            case "deepgram":
                entering = registry.deepgram_tts(
                    _key(part), part.voice or part.model, part.base_url
                )
            case "elevenlabs":
                entering = registry.elevenlabs_tts(
                    _key(part), part.voice, part.model, part.base_url, part.voice_settings
                )
            case "openai":
                entering = registry.openai_tts(part.base_url, part.model, part.voice, _key(part))
        return await self._stack.enter_async_context(entering)

    # Ears without words --------------------------------------------------------------------------

    async def vad(self) -> VoiceActivityDetector:
        """Raises ProviderError."""
        match self._settings.vad:
            case "energy":
                return registry.energy_vad()
            case "webrtc":
                return registry.webrtc_vad()
            case "silero":
                self._progress("Loading the voice activity detector")
                model = _only_file(model_store(self._settings).path("silero-vad"), "*.onnx")
                return await asyncio.to_thread(registry.silero_vad, model)

    async def turn_detector(self) -> TurnDetector | None:
        """Raises ProviderError."""
        if self._settings.turn_detector != "smart-turn":
            return None
        self._progress("Loading the end-of-turn model")
        model = _only_file(model_store(self._settings).path("smart-turn-v3.2"), "*.onnx")
        return await asyncio.to_thread(registry.smart_turn, model, self._inference())

    # All of them ---------------------------------------------------------------------------------

    def _candidate(self, stage: str, name: str, provider: P, count: int) -> Candidate[P]:
        if count > 1:
            breaker = Breaker(failures=_FAILURES, rest_ms=_REST_MS)
        else:
            breaker = Breaker(rest_ms=_LONE_REST_MS)
        health = Health(name, breaker)
        self._health.append((stage, health))
        return Candidate(name, provider, breaker, health)

    def _noted(self, provider: P) -> P:
        if isinstance(provider, Warming):
            self._warming.append(provider)
        return provider

    def _new_name(self, stage: str, part: Choice) -> str:
        host = urlsplit(part.base_url).hostname if part.base_url else ""
        name = f"{part.provider}@{host}" if host else part.provider
        if isinstance(part, LlmChoice) and part.preset:
            name = f"{part.preset}@{host}" if host else part.preset
        taken = {health.name for other, health in self._health if other == stage}
        number = 2
        unique = name
        while unique in taken:
            unique, number = f"{name}-{number}", number + 1
        return unique

    def _inference(self) -> "InferencePool":
        if self._pool is None:
            self._pool = registry.inference_pool(self._threads())
            self._stack.callback(self._pool.close)
        return self._pool

    def _threads(self) -> int:
        return self._settings.models.threads or machine()[0]


def _with_last(parts: Sequence[P]) -> Iterator[tuple[bool, P]]:
    for number, part in enumerate(parts, start=1):
        yield number == len(parts), part


def needed_models(settings: Settings) -> list[str]:
    """The names of the local models that a configuration uses."""
    names = []
    if settings.vad == "silero":
        names.append("silero-vad")
    if settings.turn_detector == "smart-turn":
        names.append("smart-turn-v3.2")
    for _, _, part in all_choices(settings):
        if part.provider == "local" and isinstance(part, SttChoice):
            names.append("moonshine-base")
        if part.provider == "local" and isinstance(part, LlmChoice):
            names.append(local_llm_name(part))
    return list(dict.fromkeys(names))


def local_llm_name(part: LlmChoice) -> str:
    """The configured local LLM, or the one that this machine can run."""
    return part.model or choose_llm(*machine())


_TRACED_NAMES = {"google": "gcp.gemini", "mistral": "mistral_ai", "local": "llama.cpp"}
"""What OpenTelemetry's conventions call providers that we call otherwise."""


def traced_model(part: LlmChoice) -> Model:
    """A language model as traces name it."""
    if part.provider == "openai":
        name, model = part.preset or "openai", llm_api(part).model
    elif part.provider == "local":
        name, model = "local", local_llm_name(part)
    else:
        name, model = part.provider, part.model or part.provider
    return Model(_TRACED_NAMES.get(name, name), model)


def model_store(settings: Settings) -> Store:
    return (
        Store(Path(settings.models.directory).expanduser())
        if settings.models.directory
        else Store()
    )


def _key(part: Choice) -> str:
    variable = key_variable(part)
    return os.environ[variable] if variable else "none"  # `check_providers` has seen it.


def _only_file(folder: Path, pattern: str) -> Path:
    return next(iter(sorted(folder.glob(pattern))))
