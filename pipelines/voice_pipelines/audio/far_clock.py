"""Which sample the far end plays, worked out from here.

The far end plays in real time, so a clock tells, once it is known when a stretch began: when audio
is sent to a far end that has run dry. This clock is ahead of the truth by the way there. It tells
what will have been played when something that is sent *now* arrives, which is just what pacing and
clearing want, however long the way is.

A clock set by the echoes of marks would be behind by the way back: the far end's buffer would
shrink by the round trip, and a turn that is resumed would repeat as much. Here the echoes only
correct the clock: they come a round trip behind it, and what is more than the shortest round trip
so far shows that the far end stood still.
"""

_JITTER_MS = 20
"""Echoes come with the far end's frames: as much later than others without any meaning."""


class FarClock:
    """The far end's position in a stream of samples."""

    __slots__ = ("_at", "_jitter", "_rate", "_round_trip", "_start", "_stood_still")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._jitter = rate * _JITTER_MS // 1000
        self._start = 0
        """The sample that was sent to a far end that had run dry,"""
        self._at = 0
        """and when."""
        self._round_trip: int | None = None
        """In samples."""
        self._stood_still = 0
        """For so many samples, as far as the last echo tells."""

    def restart(self, sample: int, now: int) -> None:
        """The far end has nothing to play; it is being sent what begins with `sample`."""
        self._start, self._at, self._stood_still = sample, now, 0

    def position(self, now: int) -> int:
        """The sample that plays when something sent now arrives, if there is that much."""
        return self._start + (now - self._at) * self._rate // 1000 - self._stood_still

    def echoed(self, sample: int, now: int) -> None:
        """An echo came of a mark behind the samples before `sample`."""
        if sample <= self._start:
            return  # It is older than the clock.
        behind = max(self._start + (now - self._at) * self._rate // 1000 - sample, 0)
        if self._round_trip is None or behind < self._round_trip:
            self._round_trip = behind
        extra = behind - self._round_trip
        self._stood_still = extra if extra > self._jitter else 0
