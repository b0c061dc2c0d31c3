"""What a call was like for the caller, from the two sides of its recording.

Pure functions of the mu-law timelines of a call, both counted in samples from its start: what the
caller sent and what the caller heard. Nothing that the agent says about itself enters.

A sample is *voiced* if it is at least as loud as `VOICED_LEVEL`; a *burst* is voiced samples with
at most `QUIET_MS` of quiet between them. A clear ends a burst however soon speech follows, since it
drops what was queued. (So an agent that clears and then goes on where it was made two bursts.)
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .line import SAMPLES_PER_MS

VOICED_LEVEL = 29
"""The mu-law code, complemented and without its sign, of the amplitude 340 of 32,768: -40 dB. Codes
grow with the amplitude, so nothing needs decoding."""

QUIET_MS = 400

_QUIET = bytes(byte for byte in range(256) if (~byte & 0x7F) < VOICED_LEVEL)
_LOUD_TABLE = np.array([(~byte & 0x7F) >= VOICED_LEVEL for byte in range(256)])

Positions = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Spoken:
    """When the caller said (or keyed) something: samples `start` to `end` of what was sent."""

    label: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Burst:
    """Samples `start` to `end`: the first and the last are voiced."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Turn:
    """Something the caller said and how long the answer took."""

    label: str
    started_ms: float
    ended_ms: float
    """The last voiced sample was sent; for keys, the last key."""
    answered_ms: float | None
    """The first voiced sample of the next burst was heard; None if the caller spoke again before
    that or the call ended."""
    cut_in: bool
    """The agent began to speak while the caller was speaking."""

    @property
    def latency_ms(self) -> float | None:
        return None if self.answered_ms is None else self.answered_ms - self.ended_ms


@dataclass(frozen=True, slots=True)
class BargeIn:
    """The caller began to speak while the agent was speaking."""

    label: str
    at_ms: float
    """The caller's first voiced sample was sent."""
    silence_after_ms: float
    """From then to the last voiced sample heard of what the agent was saying."""
    clear_after_ms: float | None
    """From then to the first clear; None if the agent sent none before the caller's next words."""


def is_voiced(audio: bytes) -> bool:
    """Whether any sample of `audio` (mu-law) is voiced. Takes half a microsecond for 20 ms."""
    return bool(audio.translate(None, _QUIET))


def voiced(audio: bytes) -> Positions:
    """The positions of the voiced samples of `audio` (mu-law)."""
    return np.flatnonzero(_LOUD_TABLE[np.frombuffer(audio, np.uint8)])


def bursts(heard: bytes, clears_ms: Sequence[float] = ()) -> list[Burst]:
    """The stretches of speech in `heard` (mu-law), in order."""
    positions = voiced(heard)
    if not len(positions):
        return []
    before, after = positions[:-1], positions[1:]
    broken = after - before - 1 > QUIET_MS * SAMPLES_PER_MS
    for clear in clears_ms:
        at = int(clear * SAMPLES_PER_MS)
        broken |= (before < at) & (after >= at)
    edges = np.flatnonzero(broken)
    starts = np.concatenate((positions[:1], after[edges]))
    ends = np.concatenate((before[edges], positions[-1:]))
    return [Burst(int(start), int(end) + 1) for start, end in zip(starts, ends, strict=True)]


def turns(
    sent: bytes, heard: bytes, spoken: Sequence[Spoken], clears_ms: Sequence[float] = ()
) -> tuple[Turn, ...]:
    """How each thing that the caller said was answered."""
    said = bursts(heard, clears_ms)
    starts = [burst.start for burst in said]
    edges = [_edges(sent, words) for words in spoken]
    found = []
    for index, (words, (first, last)) in enumerate(zip(spoken, edges, strict=True)):
        limit = edges[index + 1][0] if index + 1 < len(edges) else len(heard)
        following = bisect_right(starts, last)
        answer = starts[following] if following < len(starts) else limit
        found.append(
            Turn(
                label=words.label,
                started_ms=first / SAMPLES_PER_MS,
                ended_ms=last / SAMPLES_PER_MS,
                answered_ms=answer / SAMPLES_PER_MS if answer < limit else None,
                cut_in=following > bisect_right(starts, first),
            )
        )
    return tuple(found)


def barge_ins(
    sent: bytes, heard: bytes, spoken: Sequence[Spoken], clears_ms: Sequence[float] = ()
) -> tuple[BargeIn, ...]:
    """When the caller spoke over the agent, and how soon the agent was silent."""
    said = bursts(heard, clears_ms)
    edges = [_edges(sent, words) for words in spoken]
    found = []
    for index, (words, (first, _)) in enumerate(zip(spoken, edges, strict=True)):
        burst = next((b for b in said if b.start <= first < b.end), None)
        if burst is None:
            continue
        at = first / SAMPLES_PER_MS
        limit = (edges[index + 1][0] if index + 1 < len(edges) else len(heard)) / SAMPLES_PER_MS
        clear = next((clear for clear in clears_ms if at <= clear < limit), None)
        found.append(
            BargeIn(
                label=words.label,
                at_ms=at,
                silence_after_ms=(burst.end - 1 - first) / SAMPLES_PER_MS,
                clear_after_ms=None if clear is None else clear - at,
            )
        )
    return tuple(found)


def _edges(sent: bytes, spoken: Spoken) -> tuple[int, int]:
    """The first and the last voiced sample of `spoken`; of keys, which are silent, its bounds."""
    positions = voiced(sent[spoken.start : spoken.end])
    if not len(positions):
        return spoken.start, max(spoken.start, spoken.end - 1)
    return spoken.start + int(positions[0]), spoken.start + int(positions[-1])
