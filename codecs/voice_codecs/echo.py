"""Tells the echo of one's own voice from somebody who speaks.

A page cancels the echo of its loudspeaker, unless it is told not to, or cannot yet, or is no
browser. What comes through is taken for a caller who interrupts. Here it is not canceled but only
recognized, by its loudness: an echo goes up and down as what was played did a moment before, and
is as much quieter each time. Who speaks meanwhile is louder than that.

So for each delay of up to 0.6 s the loudness of what was played is correlated with that of what is
heard. Where they agree, their ratio is known and with it how loud an echo can be at each moment.
The fewer frames there are to judge by, the better they must agree: somebody who begins to speak
just after the agent did must not be taken for an echo.

Measured with recordings of people, a reverberating room and Opus, in the first seconds of a call:
3 % of an echo (80 to 360 ms late, 8 to 22 dB down) were taken for a voice, half of the time no more
than 100 ms of it at once; 10 % where the delay kept wandering; and of a voice that began 100 to
500 ms after the agent's, without any echo, 2 % were taken for one. Later all are rarer.
"""

import numpy as np

FRAME_MS = 20
_DELAYS = 30
"""Frames."""
_KEEP = 0.99
"""Of what is known, from frame to frame: two seconds' worth counts."""
_SURE = 0.75
"""Correlation from which it is an echo."""
_MARGIN = 2.0
"""An echo may be 6 dB louder than expected: rooms ring."""
_RINGS = 0.85
"""So much of it is left a frame later."""
_DOUBT = 0.8
"""Over the root of the number of frames: so much more they must agree."""
_TWICE = 2
"""So many frames before must have told the same delay, or its neighbor."""
_UNKNOWN = 0.3
"""How loud an echo is taken to be until something is known, for"""
_UNKNOWN_FRAMES = 15
"""so many frames in which something is played."""
_LEAST = 20
"""Frames at a delay until they can tell anything."""
_FORGET = 0.98
"""Of the ratio, for each frame at which nothing agrees so much any more:"""
_DISAGREES = 0.3
_NEAR = 3
"""Frames by which the delay may wander: networks stall, and pages make up for it."""
_AUDIBLE = 100.0
"""Root mean square of what is more than the noise of a silent line."""
_STEADY = 0.1
"""What is played varies less than by this part of it: nothing can be learned from it."""


class EchoGuard:
    """One leg. To be told what is played and what is heard, each 20 ms."""

    def __init__(self) -> None:
        self._played = np.zeros(_DELAYS + _NEAR + 1)
        """Loudness, the latest first."""
        self._sum = np.zeros(_DELAYS)
        self._squares = np.zeros(_DELAYS)
        self._products = np.zeros(_DELAYS)
        self._heard_sum = np.zeros(_DELAYS)
        self._heard_squares = np.zeros(_DELAYS)
        self._weight = np.zeros(_DELAYS)
        self._frames = 0
        self._ratio = 0.0
        self._delay = 0
        self._best, self._times = 0, 0
        """The delay that the last frames agreed on, and how many."""
        self._expected = 0.0
        self._audible = 0
        """Frames until nothing that was played can be heard any more."""
        self._age = 0
        """Frames since it began to be."""

    def played(self, pcm: bytes | None) -> None:
        """These 20 ms go out now; None for silence."""
        loudness = _loudness(pcm) if pcm else 0.0
        if loudness > _AUDIBLE:
            self._audible = _DELAYS
        elif self._audible:
            self._audible -= 1
        else:
            self._age = 0
            return
        self._age += 1
        self._played[1:] = self._played[:-1]
        self._played[0] = loudness

    def is_echo(self, pcm: bytes) -> bool:
        """Whether these 20 ms, heard just now, are no more than what was played."""
        if not self._audible:
            self._expected = 0.0
            return False
        heard, played = _loudness(pcm), self._played[:_DELAYS]
        # Not from before the beginning: that somebody begins to speak too is no echo.
        counts = (np.arange(_DELAYS) < self._age).astype(np.float64)
        for known, new in (
            (self._weight, 1.0),
            (self._sum, played),
            (self._squares, played * played),
            (self._products, played * heard),
            (self._heard_sum, heard),
            (self._heard_squares, heard * heard),
        ):
            known *= _KEEP
            known += counts * new
        self._frames += bool(played[0] > _AUDIBLE)
        self._learn()
        near = self._played[max(self._delay - _NEAR, 0) : self._delay + _NEAR + 1]
        loudest = self._ratio * float(near.max())
        if self._frames < _UNKNOWN_FRAMES and not self._ratio:
            loudest = _UNKNOWN * float(played.max())
        self._expected = max(loudest, _RINGS * self._expected)
        return heard <= _MARGIN * self._expected

    def _learn(self) -> None:
        weight = np.maximum(self._weight, 1.0)
        mean, heard_mean = self._sum / weight, self._heard_sum / weight
        varies = self._squares / weight - mean * mean
        heard_varies = self._heard_squares / weight - heard_mean * heard_mean
        together = self._products / weight - mean * heard_mean
        useful = (self._weight > _LEAST) & (varies > (_STEADY * mean) ** 2 + 1.0)
        agreement = np.where(useful, together, 0.0)
        agreement /= np.sqrt(np.maximum(varies * heard_varies, 1e-6))
        agreement -= _DOUBT / np.sqrt(weight)
        best = int(np.argmax(agreement))
        same = agreement[best] > _SURE and abs(best - self._best) <= 1
        self._best, self._times = best, self._times + 1 if same else 0
        if agreement[best] < _DISAGREES:
            self._ratio *= _FORGET
        if self._times >= _TWICE:
            self._ratio = max(float(together[best] / varies[best]), self._ratio)
            self._delay = best


def _loudness(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    return float(np.sqrt(samples @ samples / len(samples))) if len(samples) else 0.0
