"""Language models by the name of their API."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from voice_agent.choices import LlmChoice
from voice_agent.errors import ConfigurationError
from voice_agent.presets import PRESETS, chat_api
from voice_agent.settings import check_providers, is_loopback, key_variable, llm_api, load

DOCS = Path(__file__).parents[2] / "docs" / "providers.md"


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_complete(name: str) -> None:
    """S004-02: hosted models by name. A vendor's needs a key, and is reached over TLS."""
    preset = PRESETS[name]
    address = urlsplit(preset.base_url)
    local = is_loopback(address.hostname or "")
    assert address.scheme == ("http" if local else "https")
    assert bool(preset.key) is not local
    assert not preset.base_url.endswith("/")


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_in_the_manual(name: str) -> None:
    page = DOCS.read_text("utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` | http"))
    preset = PRESETS[name]
    assert preset.base_url in row
    assert preset.key in row
    assert preset.model in row


def test_a_name_and_a_key_are_enough() -> None:
    settings = load("scripted.toml", ("llm.provider=openai", "llm.preset=groq"), {}).settings
    with pytest.raises(ConfigurationError, match="GROQ_API_KEY"):
        check_providers(settings, {"OPENAI_API_KEY": "of another"})
    check_providers(settings, {"GROQ_API_KEY": "k"})


def test_a_server_on_this_machine_needs_its_model_and_no_key() -> None:
    overrides = ["llm.provider=openai", "llm.preset=ollama"]
    with pytest.raises(ConfigurationError, match=r"llm\.model"):
        check_providers(load("scripted.toml", overrides, {}).settings, {})
    settings = load("scripted.toml", [*overrides, "llm.model=llama3.2"], {}).settings
    check_providers(settings, {})
    assert key_variable(settings.llm) == ""


def test_the_configuration_wins_over_the_preset() -> None:
    api = chat_api("groq", "https://proxy.example/v1", "another", "MINE", 80, {"seed": 7})
    assert (api.base_url, api.model, api.key) == ("https://proxy.example/v1", "another", "MINE")
    assert api.body == {"seed": 7}, "what the preset's model wants is not for another model"
    assert api.max_tokens == 80


def test_the_presets_own_model_may_think_a_little() -> None:
    api = chat_api("groq", "", "", "", 80, {"seed": 7})
    assert api.body == {"reasoning_effort": "low", "seed": 7}
    assert api.max_tokens == 380
    assert chat_api("groq", "", "", "", 80, {"reasoning_effort": "high"}).body == {
        "reasoning_effort": "high"
    }


def test_without_a_preset_nothing_is_filled_in() -> None:
    api = llm_api(LlmChoice(provider="openai", base_url="http://x/v1", model="m"))
    assert (api.base_url, api.model, api.key) == ("http://x/v1", "m", "OPENAI_API_KEY")
    assert api.limit is None


def test_an_unknown_preset_tells_the_known_ones() -> None:
    settings = load("scripted.toml", ("llm.provider=openai", "llm.preset=gorq"), {}).settings
    with pytest.raises(ConfigurationError, match=r"gorq.*cerebras.*groq.*mistral"):
        check_providers(settings, {})


def test_a_fallback_has_a_preset_of_its_own() -> None:
    fallback = 'llm.fallback=[{provider = "openai", preset = "mistral"}]'
    settings = load("scripted.toml", (fallback,), {}).settings
    with pytest.raises(ConfigurationError, match=r"llm\.fallback\[0\].*MISTRAL_API_KEY"):
        check_providers(settings, {})
    wrong = load("scripted.toml", (fallback.replace("mistral", "m"),), {}).settings
    with pytest.raises(ConfigurationError, match=r"`llm\.fallback\[0\]\.preset` is m;"):
        check_providers(wrong, {})


def test_a_preset_without_the_provider_that_reads_it_is_a_mistake() -> None:
    settings = load("scripted.toml", ("llm.preset=groq",), {}).settings
    with pytest.raises(ConfigurationError, match=r"llm\.provider"):
        check_providers(settings, {"GROQ_API_KEY": "k"})
