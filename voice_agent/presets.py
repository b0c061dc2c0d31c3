"""Chat APIs by name: where each is, and in what it differs from OpenAI's.

`llm.preset = "groq"` fills in whatever the configuration leaves open. The addresses are those of
the vendors' own pages; where a default model has been retired, `llm.model` names another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .errors import ConfigurationError

TokenLimit = Literal["max_tokens", "max_completion_tokens"]


@dataclass(frozen=True, slots=True)
class Preset:
    """One vendor's API, or a server on this machine."""

    base_url: str
    key: str = ""
    """The variable with the key; empty if none is needed."""
    model: str = ""
    """Used if the configuration names none; empty where there is no choice to be made for all."""
    limit: TokenLimit = "max_tokens"
    """What the API calls the limit of an answer's tokens."""
    body: Mapping[str, object] = field(default_factory=dict)
    """Further fields of a request for the preset's own `model`: little thinking, or none."""
    thought_tokens: int = 0
    """What that model thinks before it speaks; the limit counts it, the configuration does not."""
    stream_usage: bool = True
    """Takes `stream_options.include_usage`; Mistral refuses it, and sends the usage unasked."""


_LITTLE_THOUGHT = {"reasoning_effort": "low"}

PRESETS: Mapping[str, Preset] = {
    # https://platform.openai.com/docs/api-reference/chat
    "openai": Preset(
        "https://api.openai.com/v1", "OPENAI_API_KEY", "gpt-4.1-mini", "max_completion_tokens"
    ),
    # https://console.groq.com/docs/openai and …/docs/models
    "groq": Preset(
        "https://api.groq.com/openai/v1",
        "GROQ_API_KEY",
        "openai/gpt-oss-20b",
        "max_completion_tokens",
        _LITTLE_THOUGHT,
        thought_tokens=300,
    ),
    # https://inference-docs.cerebras.ai/resources/openai
    "cerebras": Preset(
        "https://api.cerebras.ai/v1",
        "CEREBRAS_API_KEY",
        "gpt-oss-120b",
        "max_completion_tokens",
        _LITTLE_THOUGHT,
        thought_tokens=300,
    ),
    # https://docs.together.ai/docs/inference/openai-compatibility
    "together": Preset(
        "https://api.together.ai/v1",
        "TOGETHER_API_KEY",
        "openai/gpt-oss-20b",
        body=_LITTLE_THOUGHT,
        thought_tokens=300,
    ),
    # https://docs.fireworks.ai/tools-sdks/openai-compatibility
    "fireworks": Preset(
        "https://api.fireworks.ai/inference/v1",
        "FIREWORKS_API_KEY",
        "accounts/fireworks/models/gpt-oss-120b",
        body=_LITTLE_THOUGHT,
        thought_tokens=300,
    ),
    # https://docs.mistral.ai/api
    "mistral": Preset(
        "https://api.mistral.ai/v1", "MISTRAL_API_KEY", "mistral-small-latest", stream_usage=False
    ),
    # https://api-docs.deepseek.com
    "deepseek": Preset(
        "https://api.deepseek.com",
        "DEEPSEEK_API_KEY",
        "deepseek-v4-flash",
        body={"thinking": {"type": "disabled"}},
    ),
    # https://openrouter.ai/docs; which of its hundreds of models is for the configuration to say.
    "openrouter": Preset("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    # https://ai.google.dev/gemini-api/docs/openai
    "google": Preset(
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
        "gemini-3.8-flash",
        body=_LITTLE_THOUGHT,
        thought_tokens=500,
    ),
    # Servers on this machine have the models that were put there.
    # https://docs.ollama.com/api/openai-compatibility
    "ollama": Preset("http://127.0.0.1:11434/v1"),
    # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
    "vllm": Preset("http://127.0.0.1:8000/v1"),
    # https://github.com/ggml-org/llama.cpp/tree/master/tools/server; 8080 is ours, too.
    "llama.cpp": Preset("http://127.0.0.1:8080/v1"),
    # https://lmstudio.ai/docs/developer/openai-compat
    "lm-studio": Preset("http://127.0.0.1:1234/v1"),
}


class UnknownPreset(ConfigurationError):
    """There is no preset of that name."""

    def __init__(self, name: str) -> None:
        self.known = ", ".join(sorted(PRESETS))
        super().__init__(f"There is no preset {name}; the known ones are {self.known}.")


@dataclass(frozen=True, slots=True)
class ChatApi:
    """What one configured language model is asked, and where."""

    base_url: str
    model: str
    key: str
    """The variable with the key; empty if none is needed."""
    max_tokens: int
    limit: TokenLimit | None
    """None where it goes by the address."""
    body: Mapping[str, object]
    stream_usage: bool | None
    """Whether it takes `stream_options.include_usage`; None where that goes by the address."""


def chat_api(
    preset: str,
    base_url: str,
    model: str,
    api_key_env: str,
    max_tokens: int,
    extra_body: Mapping[str, object],
) -> ChatApi:
    """A preset with what the configuration says otherwise. Raises UnknownPreset."""
    if not preset:
        key = api_key_env or "OPENAI_API_KEY"
        return ChatApi(base_url, model, key, max_tokens, None, extra_body, None)
    known = PRESETS.get(preset)
    if known is None:
        raise UnknownPreset(preset)
    own_model = model in ("", known.model)
    return ChatApi(
        base_url=base_url or known.base_url,
        model=model or known.model,
        key=api_key_env or known.key,
        max_tokens=max_tokens + (known.thought_tokens if own_model else 0),
        limit=known.limit,
        body=(dict(known.body) if own_model else {}) | dict(extra_body),
        stream_usage=known.stream_usage,
    )
