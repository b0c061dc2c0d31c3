"""The models and voices that personas bring along: each made once, when it is first needed."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Hashable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Generic, TypeVar

import msgspec
import structlog

from voice_pipelines.errors import ProviderError
from voice_pipelines.ports import LanguageModel, TextToSpeech

from .choices import LlmChoice, LlmSettings, TtsChoice, choices
from .errors import ConfigurationError
from .models.errors import ModelError
from .personas.persona import CustomLlm, Persona, Voice
from .presets import PRESETS
from .providers import Stages
from .settings import Settings, check_provider, convert

T = TypeVar("T")

_SDKS = ("deepgram", "openai")
"""Libraries that go by their provider's name, and take long to import."""
_KEYLESS = "vllm"
"""The preset of a server that asks for no key: an address of its own gets none of ours."""

log = structlog.get_logger()


class _Made(Generic[T]):
    """Makes each thing once, however many ask for it at the same time."""

    def __init__(self) -> None:
        self._made: dict[Hashable, T] = {}
        self._lock = asyncio.Lock()

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        if key not in self._made:
            async with self._lock:
                if key not in self._made:
                    self._made[key] = await make()
        return self._made[key]


class PersonaProviders:
    """What personas want besides what the server has. What cannot be had is logged, and the
    server's own is taken: a caller shall be answered."""

    def __init__(self, stages: Stages, settings: Settings) -> None:
        self._stages = stages
        self._settings = settings
        self._llms: _Made[LanguageModel] = _Made()
        self._voices: _Made[TextToSpeech] = _Made()

    async def llm(self, persona: Persona) -> LanguageModel | None:
        """The model that writes for `persona`; None for the server's."""
        if persona.llm is None:
            return None
        try:
            part = llm_choice(persona.llm, self._settings.llm)
            check_provider("llm", f"persona {persona.name}: llm", part, os.environ)
            await _imported("openai")
            return await self._llms.get(_key(part), lambda: self._stages.llm_of(part))
        except (ConfigurationError, ModelError, ProviderError) as error:
            log.error("persona_llm_unavailable", persona=persona.name, reason=str(error))
            return None

    async def tts(self, persona: Persona) -> TextToSpeech | None:
        """The voice that speaks for `persona`, pronunciations included; None for the server's."""
        language, words = persona.language, persona.pronunciations
        if persona.voice is None and not words and language.lower().startswith("en"):
            return None
        try:
            part = voice_choice(persona.voice, self._settings.tts) if persona.voice else None
            if part is not None:
                check_provider("tts", f"persona {persona.name}: voice", part, os.environ)
                await _imported(part.provider)
            key = (_key(part) if part else b"", language, tuple(sorted(words.items())))
            return await self._voices.get(key, lambda: self._stages.tts_of(part, language, words))
        except (ConfigurationError, ModelError, ProviderError) as error:
            log.error("persona_voice_unavailable", persona=persona.name, reason=str(error))
            return None

    def takes_tools(self, persona: Persona) -> bool:
        """Whether its model takes tools; the local one reads of actions in its prompt."""
        return persona.llm is not None or self._settings.llm.provider == "openai"

    def one_system_message(self, persona: Persona) -> bool:
        """Whether its model knows one system message only, as chat templates of small ones do."""
        return persona.llm is None and self._settings.llm.provider == "local"


async def _imported(provider: str) -> None:
    """Import the provider's SDK, if it has one: half a second, in which others talk."""
    if provider in _SDKS and provider not in sys.modules and find_spec(provider) is not None:
        await asyncio.to_thread(import_module, provider)


def _key(part: LlmChoice | TtsChoice) -> bytes:
    return msgspec.json.encode(part)


def llm_choice(wanted: str | CustomLlm, settings: LlmSettings) -> LlmChoice:
    """What a persona wants as a provider. Raises ConfigurationError for what it may not have.

    An address or a key of its own has to be one that the operator has allowed: otherwise whoever
    edits a persona could have any secret of the server sent anywhere.
    """
    if isinstance(wanted, str):
        if wanted not in PRESETS:
            known = ", ".join(sorted(PRESETS))
            raise ConfigurationError(f"There is no preset {wanted}; the known ones are {known}.")
        return msgspec.structs.replace(_like(settings), preset=wanted)
    own = {part.base_url: part.api_key_env for part in choices(settings) if part.base_url}
    known_urls = {preset.base_url: preset.key for preset in PRESETS.values()} | own
    url = wanted.base_url.rstrip("/")
    if url not in {known.rstrip("/") for known in known_urls} and not any(
        _below(wanted.base_url, allowed) for allowed in settings.allowed_urls
    ):
        raise ConfigurationError(
            f"{wanted.base_url} is no known API: add it to `llm.allowed_urls` of the server."
        )
    keys = {key for known, key in known_urls.items() if known.rstrip("/") == url}
    if wanted.key_env and wanted.key_env not in keys | set(settings.allowed_keys):
        raise ConfigurationError(
            f"The variable {wanted.key_env} is not for {wanted.base_url}: "
            "add it to `llm.allowed_keys` of the server."
        )
    named = (name for name, preset in PRESETS.items() if preset.base_url.rstrip("/") == url)
    return msgspec.structs.replace(
        _like(settings),
        preset=next(named, "" if wanted.key_env else _KEYLESS),
        base_url=wanted.base_url,
        model=wanted.model,
        api_key_env=wanted.key_env,
        extra_body=dict(wanted.parameters),
    )


def _like(settings: LlmSettings) -> LlmChoice:
    """The server's limits, at another API."""
    return LlmChoice(
        provider="openai",
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        first_ms=settings.first_ms,
        stall_ms=settings.stall_ms,
    )


def _below(url: str, allowed: str) -> bool:
    return (
        bool(allowed)
        and url.rstrip("/").startswith(allowed.rstrip("/"))
        and (url.rstrip("/")[len(allowed.rstrip("/")) :][:1] in ("", "/"))
    )


def voice_choice(wanted: Voice, settings: TtsChoice) -> TtsChoice:
    """The voice that a persona wants as a provider. Raises ConfigurationError."""
    provider = wanted.provider or settings.provider
    base_url = settings.base_url if provider == settings.provider else ""
    fields: Mapping[str, object] = {
        "provider": provider,
        "voice": wanted.voice_id,
        "model": wanted.model or (settings.model if provider == settings.provider else ""),
        "base_url": base_url,
        "api_key_env": settings.api_key_env if provider == settings.provider else "",
        "voice_settings": wanted.settings,
        "first_ms": settings.first_ms,
        "stall_ms": settings.stall_ms,
        "delay_ms": settings.delay_ms,
        "audio_ms": settings.audio_ms,
    }
    return convert(fields, TtsChoice, "voice")
