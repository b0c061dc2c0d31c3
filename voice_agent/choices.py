"""Which providers hear, answer and speak: the configuration's sections `stt`, `llm` and `tts`.

The texts under the fields are what docs/configuration.md says of them.
"""

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from voice_pipelines.conversation.policy import Milliseconds

from .sections import Positive, Section


class SttChoice(Section, frozen=True):
    """A recognizer."""

    provider: Literal["local", "deepgram", "openai", "scripted"] = "local"
    """``openai`` is any OpenAI-compatible transcription API."""
    model: str = ""
    """The API's name of the model; needed for ``openai``. Of ``deepgram``'s, ``flux-general-en``
    judges by itself whether somebody has finished."""
    language: str = "en"
    """For ``deepgram``."""
    keyterms: tuple[str, ...] = ()
    """For ``deepgram``: names and words that it should expect."""
    base_url: str = ""
    """Another address of the API; needed for ``openai``."""
    api_key_env: str = ""
    """The variable with the API's key; empty for DEEPGRAM_API_KEY or OPENAI_API_KEY."""
    text: str = "hello there"
    """What the scripted one understands."""
    delay_ms: Milliseconds = 0
    """How long the scripted one takes."""
    settle_ms: Milliseconds = 1200
    """How long it may take to the final words while there is another to ask."""


class SttSettings(SttChoice, frozen=True):
    fallback: tuple[SttChoice, ...] = ()
    """Recognizers to turn to, in this order, when the first fails."""
    keep_ms: Milliseconds = 10_000
    """How much of an utterance is kept, to be heard again by the next one."""


class LlmChoice(Section, frozen=True):
    """A language model."""

    provider: Literal["local", "openai", "scripted"] = "local"
    model: str = ""
    """For ``local`` a name of `models list`, chosen by the machine if empty."""
    preset: str = ""
    """For ``openai``: an API by name, such as ``groq`` or ``ollama``, see docs/providers.md."""
    base_url: str = ""
    """For ``openai``: any OpenAI-compatible chat completions API; empty for the preset's."""
    api_key_env: str = ""
    """The variable with the API's key; empty for the preset's, or OPENAI_API_KEY."""
    headers: dict[str, str] = {}
    """For ``openai``: further headers of every request. A key does not belong here."""
    extra_body: dict[str, Any] = {}
    """For ``openai``: further fields of every request; they win over all others."""
    usage: Literal["auto", "on", "off"] = "auto"
    """Whether the API is asked what each reply cost: ``auto`` where that is known to work."""
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] = 0.0
    max_tokens: Positive = 120
    text: str = ""
    """What the scripted one answers."""
    delay_ms: Milliseconds = 0
    """How long the scripted one takes to its first token."""
    first_ms: Milliseconds = 2000
    """How long it may take to its first word while there is another to ask."""
    stall_ms: Milliseconds = 2000
    """How long it may pause in the middle of an answer."""


class LlmSettings(LlmChoice, frozen=True):
    fallback: tuple[LlmChoice, ...] = ()
    """Models to turn to, in this order, when the first fails."""
    allowed_urls: tuple[str, ...] = ()
    """Where personas may have models of their own, besides the APIs known by name and those named
    in this section: beginnings of `base_url`, such as https://llm.example.com/."""
    allowed_keys: tuple[str, ...] = ()
    """Variables whose keys personas may use for them, besides those of the APIs known by name."""
    hedge_ms: Milliseconds = 0
    """After so long without a word the next one is asked as well, and the faster is taken; 0 for
    never."""


class TtsChoice(Section, frozen=True):
    """A voice."""

    provider: Literal["local", "deepgram", "elevenlabs", "openai", "scripted"] = "local"
    """``openai`` is any OpenAI-compatible speech API."""
    model: str = ""
    """The API's name of the model; needed for ``openai``. For ``deepgram`` it names the voice, if
    `voice` does not."""
    voice: str = ""
    """The API's name of the voice; needed for ``elevenlabs`` and ``openai``."""
    voice_settings: dict[str, float | bool] = {}
    """For ``elevenlabs``: stability, similarity_boost, style, speed, use_speaker_boost."""
    base_url: str = ""
    """Another address of the API; needed for ``openai``."""
    api_key_env: str = ""
    """The variable with the API's key; empty for the vendor's, such as ELEVENLABS_API_KEY."""
    delay_ms: Milliseconds = 0
    """How long the scripted one takes to its first audio."""
    audio_ms: Milliseconds = 3000
    """How much audio the scripted one gives for each text."""
    first_ms: Milliseconds = 1500
    """How long it may take to its first audio while there is another to ask."""
    stall_ms: Milliseconds = 1500
    """How long it may pause in the middle of a text."""


class TtsSettings(TtsChoice, frozen=True):
    fallback: tuple[TtsChoice, ...] = ()
    """Voices to turn to, in this order, when the first fails."""
    normalize: Literal["en", ""] = "en"
    """The language whose numbers, dates, amounts and addresses are spoken in words; empty to leave
    that to the voice. English is the only one so far."""
    pronunciations: dict[str, str] = {}
    """How words are said: ``Siobhan = "shi vawn"``. Whole words, in upper or lower case alike."""


Choice = SttChoice | LlmChoice | TtsChoice
_Choice = TypeVar("_Choice", SttChoice, LlmChoice, TtsChoice)


def choices(first: _Choice) -> tuple[_Choice, ...]:
    """The providers of a stage in the order in which they are asked."""
    return (first, *getattr(first, "fallback", ()))
