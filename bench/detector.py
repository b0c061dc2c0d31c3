"""How late a detector hears the end of speech by itself, without any server around it."""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Literal

from voice_agent.models.store import Store
from voice_agent.telephony.line import SAMPLES_PER_MS, SILENCE
from voice_agent.telephony.measure import voiced
from voice_codecs.g711 import mulaw_to_pcm
from voice_pipelines.audio.gate import Gate, GatePolicy
from voice_pipelines.ports import VoiceActivityDetector
from voice_pipelines.providers import registry

Vad = Literal["energy", "silero"]

_BEFORE_MS, _AFTER_MS = 4000, 1000
"""Silero has a memory: it is quicker after long silence than after short. Callers listen for so
long, about."""
_FRAME_MS = 20
_ALIGNMENTS = 8
"""Callers speak in frames of 20 ms, Silero hears windows of 32: so many frames meet all of them."""


def detector(vad: Vad) -> VoiceActivityDetector:
    """The one that a server would use. Raises FileNotFoundError where its model is not here."""
    if vad == "energy":
        return registry.energy_vad()
    found = sorted(Store().path("silero-vad").glob("*.onnx"))
    if not found:
        raise FileNotFoundError("Silero is not here: run `voice-agent models pull`")
    return registry.silero_vad(Path(found[0]))


def lags_ms(vad: VoiceActivityDetector, words: Sequence[bytes]) -> list[float]:
    """For each of `words` (mu-law): from its last voiced sample to what the gate takes for it.

    The mean of some alignments, in milliseconds. The silence that ends a turn is counted from
    there, so this is what a perfect server would answer late.
    """
    return [mean(_lag(vad, word, shift) for shift in range(_ALIGNMENTS)) for word in words]


def _lag(vad: VoiceActivityDetector, word: bytes, shift: int) -> float:
    before = (_BEFORE_MS + shift * _FRAME_MS) * SAMPLES_PER_MS
    audio = SILENCE * before + word + SILENCE * (_AFTER_MS * SAMPLES_PER_MS)
    gate = Gate(GatePolicy())
    stream = vad.open(lambda score, end: _push(gate, score, end))
    stream.feed(mulaw_to_pcm(audio))
    vad.tick()
    stream.close()
    last = before + int(voiced(word)[-1])
    return (gate.voiced_until - 1 - last) / SAMPLES_PER_MS


def _push(gate: Gate, score: float, end: int) -> None:
    gate.push(score, end)
