"""Real models and real speech. Models that are not there are pulled; no test is left out."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from voice_agent.models.store import Store
from voice_codecs import wav

_AUDIO = Path(__file__).parents[3] / "audio"


@pytest.fixture(scope="session")
def model() -> Callable[[str], Path]:
    """The folder of a model."""
    store = Store()

    def folder(name: str) -> Path:
        store.pull([name])
        return store.path(name)

    return folder


@pytest.fixture(scope="session")
def speech() -> dict[str, bytes]:
    """Recordings of people by name, PCM16 at 8 kHz."""
    return {path.stem: wav.read(path)[0] for path in sorted(_AUDIO.glob("*.wav"))}


@pytest.fixture(scope="session")
def transcripts() -> dict[str, str]:
    """What is said in each."""
    return {
        name: str(text)
        for name, text in tomllib.loads((_AUDIO / "transcripts.toml").read_text("utf-8")).items()
    }
