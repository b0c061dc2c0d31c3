"""The voices that can be picked."""

import pytest

from voice_agent import voice_catalog
from voice_agent.errors import VoiceAgentError
from voice_agent.settings import Settings, load
from voice_agent.voice_catalog import Catalog, account
from voice_agent.web.api.ports import ListedVoice
from voice_agent.web.api.shared_voices import SharedVoices


class Account(SharedVoices):
    def __init__(self, problem: str = "") -> None:
        super().__init__("key")
        self._problem = problem

    async def listed(self) -> list[ListedVoice]:
        if self._problem:
            raise VoiceAgentError(self._problem)
        return [ListedVoice("elevenlabs", "abc", "Rachel", sample=True)]


def settings(*overrides: str) -> Settings:
    return load("scripted.toml", overrides, {}).settings


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    names = {"hibari", "deepgram"}
    monkeypatch.setattr(
        voice_catalog, "find_spec", lambda name: object() if name in names else None
    )
    return names


async def test_only_what_can_be_used_is_listed(installed: set[str]) -> None:
    found = await Catalog(settings(), {}, None).voices()
    assert [each.provider for each in found.voices] == ["local", "scripted"]
    assert found.problems == {}
    installed.clear()
    found = await Catalog(settings(), {"DEEPGRAM_API_KEY": "k"}, None).voices()
    assert [each.provider for each in found.voices] == ["scripted"], "nothing is installed"


async def test_a_key_brings_a_vendor_s_voices(installed: set[str]) -> None:
    keys = {"DEEPGRAM_API_KEY": "k", "ELEVENLABS_API_KEY": "k"}
    found = await Catalog(settings(), keys, Account()).voices()
    assert ListedVoice("elevenlabs", "abc", "Rachel", sample=True) in found.voices
    assert ListedVoice("deepgram", "aura-2-thalia-en", "Thalia") in found.voices
    assert not any(each.provider == "openai" for each in found.voices)


async def test_a_vendor_that_is_down_does_not_hide_the_others(installed: set[str]) -> None:
    catalog = Catalog(settings(), {"ELEVENLABS_API_KEY": "k"}, Account("It is down."))
    found = await catalog.voices()
    assert [each.provider for each in found.voices] == ["local", "scripted"]
    assert found.problems == {"elevenlabs": "It is down."}


@pytest.mark.parametrize(
    ("url", "known"), [("https://api.openai.com/v1", True), ("http://127.0.0.1:9/v1", False)]
)
async def test_only_openai_s_own_voices_are_known(
    url: str, known: bool, installed: set[str]
) -> None:
    server = settings(
        "tts.provider=openai", f"tts.base_url={url}", "tts.model=tts-1", "tts.voice=alloy"
    )
    found = await Catalog(server, {"OPENAI_API_KEY": "k"}, None).voices()
    assert (ListedVoice("openai", "alloy", "Alloy") in found.voices) is known
    assert ("openai" in found.problems) is not known


def test_the_account_is_the_one_whose_key_is_there() -> None:
    assert account(settings(), {}) is None
    assert account(settings(), {"ELEVENLABS_API_KEY": "k"}) is not None
    server = settings("tts.provider=elevenlabs", "tts.voice=abc", "tts.api_key_env=OWN")
    assert account(server, {"ELEVENLABS_API_KEY": "k"}) is None
    assert account(server, {"OWN": "k"}) is not None
