"""Echoes of real voices, and voices over them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_codecs import wav
from voice_codecs.echo import EchoGuard

AUDIO = Path(__file__).parents[1] / "audio"
FRAME = 320
Samples = NDArray[np.float64]


def voice(name: str) -> Samples:
    """A recording at 16 kHz."""
    pcm, rate = wav.read(AUDIO / f"{name}.wav")
    samples = np.frombuffer(pcm, "<i2").astype(float)
    at = np.arange(len(samples) * 16_000 // rate) * rate / 16_000
    return np.asarray(np.interp(at, np.arange(len(samples)), samples) * 1.5)


def echo_of(played: Samples, delay_ms: int, decibels: float) -> Samples:
    """It comes back from the walls of a room."""
    chance = np.random.default_rng(3)
    walls = chance.normal(0, 1, 4000) * np.exp(-6.9 * np.arange(4000) / 4000)
    walls[0] = 6
    walls /= np.sqrt(walls @ walls)
    late = np.concatenate([np.zeros(delay_ms * 16), np.convolve(played, walls)])[: len(played)]
    return np.asarray(late * 10 ** (decibels / 20))


def frames(samples: Samples) -> list[bytes]:
    pcm = np.clip(samples, -32768, 32767).astype("<i2")
    return [pcm[at : at + FRAME].tobytes() for at in range(0, len(pcm) - FRAME + 1, FRAME)]


def taken_for_echo(played: Samples, heard: Samples) -> list[bool]:
    guard, told = EchoGuard(), []
    noise = np.random.default_rng(1).normal(0, 10, len(heard))
    for out, back in zip(frames(played), frames(heard + noise), strict=False):
        guard.played(out)
        told.append(guard.is_echo(back))
    return told


def loud(samples: Samples, least: float = 300) -> list[bool]:
    return [
        bool(np.sqrt(np.mean(np.frombuffer(frame, "<i2").astype(float) ** 2)) > least)
        for frame in frames(samples)
    ]


@pytest.mark.parametrize("decibels", [-8, -20])
@pytest.mark.parametrize("delay_ms", [80, 300])
def test_an_echo_is_no_voice(delay_ms: int, decibels: float) -> None:
    played = np.concatenate([voice("married"), np.zeros(8000), voice("selfish")])
    heard = echo_of(played, delay_ms, decibels)
    taken = taken_for_echo(played, heard)
    missed = [not echo and is_loud for echo, is_loud in zip(taken, loud(heard), strict=True)]
    assert _longest(missed) <= 15
    assert _longest(missed[150:]) <= 4, "80 ms are no barge-in"


def _longest(told: list[bool]) -> int:
    run = longest = 0
    for each in told:
        run = run + 1 if each else 0
        longest = max(longest, run)
    return longest


@pytest.mark.parametrize("after_ms", [100, 300, 500])
def test_whoever_begins_just_after_the_agent_is_heard(after_ms: int) -> None:
    """Both get louder at about the same time, which looks like an echo at first."""
    played, said = voice("married"), voice("leisure")
    begins = next(at for at, is_loud in enumerate(loud(played, 100)) if is_loud) * FRAME
    speaks = next(at for at, is_loud in enumerate(loud(said)) if is_loud) * FRAME
    heard = np.concatenate([np.zeros(begins + after_ms * 16), said[speaks:]])[: len(played)]
    taken = taken_for_echo(played, heard)
    over = [echo for echo, is_loud in zip(taken, loud(heard), strict=False) if is_loud]
    assert sum(over) < 0.15 * len(over)


def test_a_voice_without_an_echo_is_left_alone() -> None:
    played = np.concatenate([voice("married"), voice("selfish")])
    said = np.concatenate([np.zeros(len(voice("married"))), voice("leisure")])[: len(played)]
    taken = taken_for_echo(played, said)
    assert not any(echo for echo, is_loud in zip(taken, loud(said), strict=True) if is_loud)


def test_a_voice_over_an_echo_is_heard() -> None:
    played = np.concatenate([voice("married"), voice("selfish")])
    said = np.concatenate([np.zeros(len(voice("married"))), voice("leisure")])[: len(played)]
    taken = taken_for_echo(played, said + echo_of(played, 160, -14))
    over = [echo for echo, is_loud in zip(taken, loud(said), strict=True) if is_loud]
    assert sum(over) < 0.2 * len(over)


def test_while_nothing_is_played_everything_is_heard() -> None:
    guard = EchoGuard()
    for frame in frames(voice("goforward")):
        guard.played(None)
        assert not guard.is_echo(frame)
