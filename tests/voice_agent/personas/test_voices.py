"""Voices by link or id."""

import pytest

from voice_agent.personas.persona import Voice
from voice_agent.personas.voices import NotAVoice, imported_voice

OWNER = "d4d4f0a5c1d64cf39ee6a0ca5d9d96b25c2f5a7d3c7b1a3e0a4e9b6f8c2d1e0f"
VOICE = "21m00Tcm4TlvDq8ikWAM"


@pytest.mark.parametrize(
    "text",
    [
        VOICE,
        f" {VOICE}\n",
        f"https://elevenlabs.io/app/voice-lab/share/{OWNER}/{VOICE}",
        f"https://elevenlabs.io/voice-lab/share/{OWNER}/{VOICE}/",
        f"elevenlabs.io/app/voice-lab/share/{OWNER}/{VOICE}?utm=x",
        f"https://elevenlabs.io/app/voice-library?voiceId={VOICE}",
    ],
)
def test_a_shared_voice_is_imported_by_its_link_or_id(text: str) -> None:
    """S004-06, S004-08"""
    assert imported_voice(text) == Voice(provider="elevenlabs", voice_id=VOICE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Rachel",
        "my voice",
        f"https://evil.example/app/voice-lab/share/{OWNER}/{VOICE}",
        "https://elevenlabs.io/pricing",
        f"https://elevenlabs.io/app/voice-lab/share/{OWNER}/../..",
        "https://elevenlabs.io/app/voice-library?voiceId=a%20b",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(NotAVoice):
        imported_voice(text)
