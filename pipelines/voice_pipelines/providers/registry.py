"""Every provider by what it is; the only module that imports the adapters.

Each function imports its adapter when it is called, so that a vendor's SDK and the local models'
libraries cost nothing where they are not configured.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from voice_codecs.pcm import MULAW_8K, AudioFormat

from ..conversation.commands import Message
from ..errors import ProviderRefused
from ..ports import (
    LanguageModel,
    SpeechToText,
    TextToSpeech,
    TurnDetector,
    VoiceActivityDetector,
)

if TYPE_CHECKING:
    from .local.llama import SlotClient
    from .local.pool import InferencePool as InferencePool  # For annotations elsewhere.


def _require(*libraries: str, extra: str = "local") -> None:
    """Raises ProviderRefused where an optional library is not installed."""
    missing = [library for library in libraries if find_spec(library) is None]
    if missing:
        raise ProviderRefused(
            extra,
            f"{' and '.join(missing)} not installed; it comes with "
            f"`pip install 'voice-agent[{extra}]'`",
        )


class _Closable(Protocol):
    async def close(self) -> None: ...


_Client = TypeVar("_Client", bound=_Closable)


@asynccontextmanager
async def _closing(client: _Client) -> AsyncIterator[_Client]:
    try:
        yield client
    finally:
        await client.close()


def scripted_stt(text: str, delay_ms: int) -> SpeechToText:
    from .scripted import ScriptedSpeechToText

    return ScriptedSpeechToText(text, settle_delay_ms=delay_ms)


def scripted_llm(text: str, delay_ms: int) -> LanguageModel:
    from .scripted import ScriptedLanguageModel

    return ScriptedLanguageModel(text, first_token_ms=delay_ms)


def scripted_tts(audio_ms: int, delay_ms: int) -> TextToSpeech:
    from .scripted import ScriptedTextToSpeech

    return ScriptedTextToSpeech(MULAW_8K, first_byte_ms=delay_ms, audio_ms=audio_ms)


def energy_vad() -> VoiceActivityDetector:
    from .energy import EnergyVad

    return EnergyVad()


def webrtc_vad() -> VoiceActivityDetector:
    from .webrtc import WebRtcVad

    return WebRtcVad(2)


def silero_vad(model: Path) -> VoiceActivityDetector:
    _require("onnxruntime")
    from .local.silero import SileroVad

    return SileroVad(model)


def inference_pool(threads: int) -> "InferencePool":
    """What the local recognizer and end-of-turn model share. To be closed."""
    from .local.pool import InferencePool as InferencePool  # For annotations elsewhere.

    return InferencePool(threads)


def local_stt(folder: Path, pool: "InferencePool") -> SpeechToText:
    _require("onnxruntime")
    from .local.moonshine import Moonshine, MoonshineSpeechToText

    return MoonshineSpeechToText(Moonshine(folder), pool)


def smart_turn(model: Path, pool: "InferencePool") -> TurnDetector:
    _require("onnxruntime")
    from .local.smart_turn import SmartTurn

    return SmartTurn(model, pool)


@asynccontextmanager
async def local_tts(audio_format: AudioFormat) -> AsyncIterator[TextToSpeech]:
    """The local synthesizer, in a process of its own."""
    _require("hibari", "scipy")
    from .local.hibari import HibariTextToSpeech

    async with HibariTextToSpeech(audio_format) as tts:
        yield tts


def deepgram_stt(
    api_key: str, model: str, language: str, keyterms: Sequence[str], base_url: str
) -> SpeechToText:
    from .deepgram import DeepgramSpeechToText

    return DeepgramSpeechToText(
        api_key,
        model=model or "nova-3",
        language=language,
        keyterms=keyterms,
        base_url=base_url or None,
    )


@asynccontextmanager
async def openai_stt(base_url: str, model: str, api_key: str) -> AsyncIterator[SpeechToText]:
    """Any OpenAI-compatible transcription API."""
    from .openai_speech import OpenAISpeechToText

    async with _closing(OpenAISpeechToText(base_url, model, api_key)) as stt:
        yield stt


@asynccontextmanager
async def deepgram_tts(api_key: str, model: str, base_url: str) -> AsyncIterator[TextToSpeech]:
    _require("deepgram", extra="deepgram")
    from .deepgram_speech import DeepgramTextToSpeech

    voice = model or "aura-2-thalia-en"
    tts = DeepgramTextToSpeech(api_key, model=voice, base_url=base_url or None)
    async with _closing(tts):
        yield tts


@asynccontextmanager
async def elevenlabs_tts(
    api_key: str, voice: str, model: str, base_url: str, settings: Mapping[str, float | bool]
) -> AsyncIterator[TextToSpeech]:
    from .elevenlabs import ElevenLabsTextToSpeech

    model = model or "eleven_flash_v2_5"
    tts = ElevenLabsTextToSpeech(
        api_key, voice, model_id=model, base_url=base_url or None, voice_settings=settings
    )
    async with _closing(tts):
        yield tts


@asynccontextmanager
async def openai_tts(
    base_url: str, model: str, voice: str, api_key: str
) -> AsyncIterator[TextToSpeech]:
    """Any OpenAI-compatible speech API."""
    from .openai_speech import OpenAITextToSpeech

    async with _closing(OpenAITextToSpeech(base_url, model, voice, api_key)) as tts:
        yield tts


@asynccontextmanager
async def openai_llm(
    base_url: str,
    model: str,
    api_key: str,
    temperature: float,
    max_tokens: int,
    *,
    limit_field: Literal["max_tokens", "max_completion_tokens"] | None = None,
    extra_body: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
    ask_usage: bool | None = None,
) -> AsyncIterator[LanguageModel]:
    """Any OpenAI-compatible chat completions API.

    `ask_usage` has it tell what replies cost; None asks where that is known to work.
    """
    from .openai import OpenAILanguageModel

    llm = OpenAILanguageModel(
        base_url,
        model,
        api_key,
        temperature=temperature,
        max_tokens=max_tokens,
        limit_field=limit_field,
        extra_body=extra_body,
        headers=headers,
        ask_usage=ask_usage,
    )
    async with _closing(llm):
        yield llm


@asynccontextmanager
async def local_llm(
    model: Path,
    threads: int,
    temperature: float,
    max_tokens: int,
    beginning: Sequence[Message],
    prompt_dir: Path,
) -> AsyncIterator[LanguageModel]:
    """The local language model in a process of its own, with the `beginning` of all calls read.

    What it made of the beginning is kept in `prompt_dir`: the next start need not read it again.
    """
    _require("xllamacpp")
    from .local.llama import LlamaServer, LocalLanguageModel
    from .openai import OpenAILanguageModel

    def client(base_url: str, api_key: str, slot: int) -> "SlotClient":
        extra = {"id_slot": slot, "cache_prompt": True, "repeat_penalty": 1.1}
        return OpenAILanguageModel(
            base_url,
            "local",
            api_key,
            name="llama",
            temperature=temperature,
            max_tokens=max_tokens,
            extra_body=extra,
            ask_usage=True,
        )

    async with LocalLanguageModel(
        LlamaServer(model, threads=threads, prompt_dir=prompt_dir), client
    ) as llm:
        if beginning:
            await llm.prewarm(beginning)
        yield llm
