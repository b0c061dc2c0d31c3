"""The language model fits the machine."""

import pytest

from voice_agent.models.machine import choose_llm, machine
from voice_agent.models.manifest import load

_GIB = 1024**3


@pytest.mark.parametrize(
    ("cores", "free", "name"),
    [
        (1, 64 * _GIB, "qwen2.5-0.5b"),
        (2, 64 * _GIB, "qwen2.5-0.5b"),
        (4, 5 * _GIB, "qwen2.5-0.5b"),
        (4, 6 * _GIB, "qwen2.5-1.5b"),
        (32, 64 * _GIB, "qwen2.5-1.5b"),
    ],
)
def test_the_larger_model_needs_cores_and_memory(cores: int, free: int, name: str) -> None:
    assert choose_llm(cores, free) == name
    assert load().model(name)


def test_this_machine_can_be_asked() -> None:
    cores, free = machine()
    assert cores >= 1
    assert free >= 0
