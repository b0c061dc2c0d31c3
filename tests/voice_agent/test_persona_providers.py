"""What personas may bring along."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from structlog.testing import capture_logs

from voice_agent.choices import LlmSettings, TtsSettings
from voice_agent.errors import ConfigurationError
from voice_agent.persona_providers import PersonaProviders, llm_choice, voice_choice
from voice_agent.personas.persona import CustomLlm, Persona, Voice
from voice_agent.providers import Stages
from voice_agent.settings import key_variable, load
from voice_pipelines.engine.clock import LoopClock

OWN = "https://llm.example.com/v1"
SETTINGS = LlmSettings(
    provider="openai", preset="openai", allowed_urls=(OWN,), allowed_keys=("OWN_KEY",)
)


def test_a_preset_by_name() -> None:
    """S004-02: hosted models by name."""
    choice = llm_choice("groq", SETTINGS)
    assert (choice.preset, key_variable(choice)) == ("groq", "GROQ_API_KEY")
    assert choice.max_tokens == SETTINGS.max_tokens
    with pytest.raises(ConfigurationError, match="preset grok; the known ones are .*groq"):
        llm_choice("grok", SETTINGS)


def test_a_model_of_ones_own_at_an_address_that_is_allowed() -> None:
    """S004-01, S004-03: base URL, model and key; the model's name is passed on unchanged."""
    wanted = CustomLlm(base_url=OWN, model="ft:acme:7", key_env="OWN_KEY", parameters={"seed": 7})
    choice = llm_choice(wanted, SETTINGS)
    assert (choice.base_url, choice.model, choice.extra_body) == (OWN, "ft:acme:7", {"seed": 7})
    assert key_variable(choice) == "OWN_KEY"


def test_who_names_no_key_gets_none() -> None:
    choice = llm_choice(CustomLlm(base_url=f"{OWN}/", model="m"), SETTINGS)
    assert key_variable(choice) == ""


def test_a_known_api_gets_its_own_key() -> None:
    wanted = CustomLlm(base_url="https://api.groq.com/openai/v1", model="m")
    assert key_variable(llm_choice(wanted, SETTINGS)) == "GROQ_API_KEY"


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://evil.example.com/v1", ""),
        ("https://llm.example.com.evil.com/v1", ""),
        ("https://llm.example.com/v1evil", ""),
        ("http://169.254.169.254/v1", ""),
        ("https://llm.example.com/", ""),
        (OWN, "TWILIO_AUTH_TOKEN"),
        (OWN, "OPENAI_API_KEY"),
        ("https://api.groq.com/openai/v1", "OPENAI_API_KEY"),
    ],
)
def test_no_secret_is_sent_where_a_persona_wants_it(url: str, key: str) -> None:
    with pytest.raises(ConfigurationError, match=r"llm\.allowed_(urls|keys)"):
        llm_choice(CustomLlm(base_url=url, model="m", key_env=key), SETTINGS)


def test_the_servers_voice_with_another_sound() -> None:
    server = TtsSettings(provider="elevenlabs", voice="a", model="m", base_url="http://x")
    choice = voice_choice(Voice(voice_id="b", settings={"stability": 0.4}), server)
    assert (choice.provider, choice.voice, choice.model, choice.base_url) == (
        "elevenlabs",
        "b",
        "m",
        "http://x",
    )
    assert choice.voice_settings == {"stability": 0.4}


def test_another_provider_does_not_get_the_servers_address() -> None:
    """S004-07: another, cheaper voice for one persona."""
    server = TtsSettings(provider="elevenlabs", voice="a", base_url="http://x", api_key_env="E")
    choice = voice_choice(Voice(provider="deepgram", model="aura-2-thalia-en"), server)
    assert (choice.provider, choice.base_url, choice.api_key_env) == ("deepgram", "", "")
    with pytest.raises(ConfigurationError, match="provider"):
        voice_choice(Voice(provider="acme"), server)


async def test_each_is_made_once_and_what_cannot_be_had_is_the_servers() -> None:
    settings = load("scripted.toml", (), {}).settings
    async with AsyncExitStack() as stack:
        clock = LoopClock(asyncio.get_running_loop())
        stages = Stages(load("scripted.toml", (), {}), stack, clock, lambda _: None)
        await stages.llm()
        await stages.tts()
        own = PersonaProviders(stages, settings)
        plain = Persona(name="Anna")
        assert await own.llm(plain) is None
        assert await own.tts(plain) is None
        named = Persona(name="Ben", pronunciations={"Siobhan": "shi vawn"})
        first, second = await asyncio.gather(own.tts(named), own.tts(named))
        assert first is second is not None
        assert len(stages.status()) == 2, "no provider was made for it"
        german = Persona(name="Carl", language="de", voice=Voice(voice_id="x"))
        assert await own.tts(german) not in (None, first)
        assert [status.health.name for status in stages.status()][-1] == "scripted-2"
        with capture_logs() as logs:
            assert await own.llm(Persona(name="Dora", llm="groq")) is None
        assert [entry["event"] for entry in logs] == ["persona_llm_unavailable"]
        assert "GROQ_API_KEY" in logs[0]["reason"]
        assert not own.takes_tools(plain) and own.takes_tools(Persona(name="Dora", llm="groq"))
