"""What the callers say, as mu-law at 8 kHz."""

import random
from pathlib import Path

import numpy as np

from voice_agent.telephony.measure import voiced
from voice_codecs import wav
from voice_codecs.convert import convert
from voice_codecs.g711 import pcm_to_mulaw
from voice_codecs.pcm import MULAW_8K, AudioFormat, Encoding

RECORDINGS = Path(__file__).resolve().parents[1] / "tests" / "audio"

_RATE = 8000
_PER_MS = _RATE // 1000
_PITCH_HZ = 125
_PEAK = 12_000
_PAUSE_MS = 120
"""A longer pause may be taken for the end of the turn: that would be the agent's right."""
_SHORTEST_MS, _LONGEST_MS = 500, 2500
_BEFORE_MS = 60
"""What is kept of the recording before its first voiced sample: soft beginnings. Nothing is kept
after the last one, so that the end of the speech is known."""


def tone(ms: int) -> bytes:
    """A loud, buzzing vowel that begins and ends at full level, so that its end is known."""
    at = np.arange(ms * _PER_MS) / _RATE
    harmonics = sum(np.cos(2 * np.pi * _PITCH_HZ * k * at) / k for k in range(1, 9))
    wave = np.asarray(harmonics) * (_PEAK / np.max(np.abs(harmonics)))
    return pcm_to_mulaw(wave.astype("<i2").tobytes())


def tones(seed: int, count: int = 16) -> list[bytes]:
    """Vowels of 0.6 to 1.6 s, whole frames of 20 ms long."""
    lengths = random.Random(seed)
    return [tone(20 * lengths.randint(30, 80)) for _ in range(count)]


def speech(folder: Path = RECORDINGS) -> list[bytes]:
    """Stretches of the recordings in `folder` without a pause, the longest that there are.

    Raises FileNotFoundError where there are none.
    """
    found = [stretch for path in sorted(folder.glob("*.wav")) for stretch in stretches(_read(path))]
    if not found:
        raise FileNotFoundError(f"no speech in {folder}")
    return found


def stretches(audio: bytes) -> list[bytes]:
    """The parts of `audio` (mu-law) between its pauses, in whole frames, of a sensible length."""
    positions = voiced(audio)
    if not len(positions):
        return []
    breaks = np.flatnonzero(np.diff(positions) > _PAUSE_MS * _PER_MS)
    starts = np.concatenate((positions[:1], positions[breaks + 1]))
    ends = np.concatenate((positions[breaks], positions[-1:])) + 1
    return [
        _framed(audio[max(0, start - _BEFORE_MS * _PER_MS) : end])
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        if _SHORTEST_MS * _PER_MS <= end - start <= _LONGEST_MS * _PER_MS
    ]


def _framed(audio: bytes) -> bytes:
    frame = 20 * _PER_MS
    return audio.ljust(-(-len(audio) // frame) * frame, b"\xff")


def _read(path: Path) -> bytes:
    pcm, rate = wav.read(path)
    return convert(pcm, AudioFormat(Encoding.PCM16, rate), MULAW_8K)
