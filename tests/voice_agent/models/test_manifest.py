"""The manifest that ships is whole."""

import re

import pytest

from voice_agent.models.errors import UnknownModel
from voice_agent.models.manifest import Wheel, load


def test_every_model_is_there() -> None:
    assert [model.name for model in load().models] == [
        "moonshine-base",
        "qwen2.5-0.5b",
        "qwen2.5-1.5b",
        "silero-vad",
        "smart-turn-v3.2",
        "minilm",
    ]


def test_every_file_is_pinned_and_every_part_is_in_a_known_wheel() -> None:
    manifest = load()
    files = [file for model in manifest.models for file in model.files]
    pins = [(file.sha256, file.size) for file in files]
    pins += [(wheel.sha256, wheel.size) for wheel in manifest.wheels]
    for sha256, size in pins:
        assert re.fullmatch("[0-9a-f]{64}", sha256)
        assert size > 0
    for file in files:
        assert file.hub is None or file.hub.startswith("https://")
        assert file.parts
    used = manifest.wheels_of(files)
    assert {wheel.file for wheel in used} == {wheel.file for wheel in manifest.wheels}


def test_a_wheel_is_asked_for_by_name_version_and_platform() -> None:
    wheel = Wheel("some_model-1.2-py3-none-manylinux2014_x86_64.whl", "", 0)
    assert (wheel.requirement, wheel.platform) == ("some_model==1.2", "manylinux2014_x86_64")
    assert Wheel("some_model-1.2-py3-none-any.whl", "", 0).platform is None


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(UnknownModel, match="whisper"):
        load().model("whisper")
