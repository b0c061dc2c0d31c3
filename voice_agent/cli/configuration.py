"""``voice-agent check-config`` and ``voice-agent version``."""

import os
import platform
from importlib.metadata import version as installed

from .output import say, say_json
from .serve import Overrides


def check_config(file: str = "local.toml", *, overrides: Overrides = (), json: bool = False) -> int:
    """Say whether a configuration is right, and what it amounts to.

    Parameters
    ----------
    file
        A TOML file, or the name of an included one.
    json
        Print all settings as JSON, defaults included.
    """
    import msgspec

    from ..models.shelf import State
    from ..providers import model_store, needed_models
    from ..settings import check_exposure, check_providers, load

    configuration = load(file, overrides)
    settings = configuration.settings
    check_exposure(settings, os.environ)
    check_providers(settings, os.environ)
    if json:
        say_json(msgspec.to_builtins(configuration))
        return 0
    say(
        f"{configuration.source} is right: {configuration.persona.name}, vad {settings.vad}, "
        f"stt {settings.stt.provider}, llm {settings.llm.provider}, tts {settings.tts.provider}."
    )
    needed = set(needed_models(settings))
    states = {status.name: status.state for status in model_store(settings).status()}
    missing = sorted(name for name in needed if states.get(name) is not State.READY)
    if missing:
        say(f"Models to pull: voice-agent models pull {' '.join(missing)}")
    return 0


def version(*, json: bool = False) -> None:
    """Print the version."""
    if json:
        say_json({"version": installed("voice-agent"), "python": platform.python_version()})
    else:
        say(f"voice-agent {installed('voice-agent')} on Python {platform.python_version()}")
