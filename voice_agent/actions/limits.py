"""How often an action may be taken."""

from collections import deque

from .action import Rate


class Window:
    """At most so many times within any stretch of time."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._at: deque[int] = deque(maxlen=rate.count)

    def take(self, now: int) -> bool:
        """True, and counted, if it may be done once more at `now` (milliseconds)."""
        if len(self._at) == self._rate.count and now - self._at[0] < self._rate.seconds * 1000:
            return False
        self._at.append(now)
        return True
