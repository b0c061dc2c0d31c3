"""VAD scores to "somebody began to speak", "they really speak" and "they stopped".

The numbers are those that were measured on telephone audio for Silero at 8 kHz: one window above
0.5 is a candidate, 3 of the last 4 confirm it, and speech has stopped when no window was above 0.35
for `stop_ms`. The lower threshold keeps quiet word endings inside.
"""

from collections import deque
from enum import Enum, auto
from typing import Annotated

import msgspec

_Ratio = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Ms = Annotated[int, msgspec.Meta(ge=0, le=10_000)]


class GatePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds of the gate."""

    start_score: _Ratio = 0.5
    """Strictly above it, a window is speech."""
    stay_score: _Ratio = 0.35
    """Strictly above it, a window continues speech."""
    confirm_ms: _Ms = 96
    """So much speech within `confirm_within_ms` confirms it."""
    confirm_within_ms: _Ms = 128
    stop_ms: _Ms = 60
    """So long after the last speech it has stopped. 60 is eager, 100 has fewer false stops."""


class Change(Enum):
    """What the newest window changed."""

    STARTED = auto()
    CONFIRMED = auto()
    STOPPED = auto()


class Gate:
    """The gate of one leg. Samples count at 8 kHz from the leg's start.

    ::

        shut ──STARTED──> candidate ──CONFIRMED──> open
         ^                    │                     │
         └────── STOPPED ─────┴─────────────────────┘
    """

    def __init__(self, policy: GatePolicy, rate: int = 8000) -> None:
        self._policy = policy
        self._per_ms = rate // 1000
        self._recent: deque[tuple[int, int, bool]] = deque()
        """(start, end, is speech) of the windows inside `confirm_within_ms`."""
        self._open = False
        self._confirmed = False
        self._scored = 0
        self.voiced_until = 0
        """The sample after the last one of speech."""

    def push(self, score: float, end: int) -> tuple[Change, ...]:
        """Take the score of the window that ends before sample `end`."""
        policy, start = self._policy, self._scored
        self._scored = end
        speech = score > policy.start_score
        if not speech and not self._open:
            return ()  # Most windows of a call.
        self._recent.append((start, end, speech))
        while end - self._recent[0][0] > policy.confirm_within_ms * self._per_ms:
            self._recent.popleft()
        if speech or (self._open and score > policy.stay_score):
            self.voiced_until = end
        changes = []
        if speech and not self._open:
            self._open = True
            changes.append(Change.STARTED)
        if speech and not self._confirmed:
            voiced = sum(until - since for since, until, heard in self._recent if heard)
            if voiced >= policy.confirm_ms * self._per_ms:
                self._confirmed = True
                changes.append(Change.CONFIRMED)
        if self._open and end - self.voiced_until >= policy.stop_ms * self._per_ms:
            self._open = self._confirmed = False
            self._recent.clear()
            changes.append(Change.STOPPED)
        return tuple(changes)
