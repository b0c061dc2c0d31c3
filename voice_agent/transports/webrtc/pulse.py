"""Whether a page is still there: pure, in milliseconds.

What is sent by UDP is lost without a word, so nothing that was sent is proof that it was heard. A
sign of life is: a packet of the microphone, fifty a second, or the answer to a connectivity check
of ICE, which every page gives at once, also one that is hidden or has no microphone. Reports of
RTCP would tell more, but browsers send one in five seconds.

::

      sign           no sign for 60 ms            three times in vain, 300 ms
    ───────► THERE ─────────────────────► ASKED ─────────────────────────────► GONE
               ▲       (somebody cares)     │                                    │
               └────────────────────────────┴────────── sign ────────────────────┘

It is asked that counts, not the time: when we stand still, what has come meanwhile waits with us.
"""

QUIET_MS = 60
"""Three packets of a microphone that did not come: neighbors are often late."""
AGAIN_MS = 100
_IN_VAIN = 3


class Pulse:
    """The signs of life of one connection."""

    def __init__(self, now: int) -> None:
        """The connection stands: that is the first one."""
        self.latest = now
        """What was sent before then has been received, if nothing on the way was lost."""
        self._asks = 0
        """How often the page was asked since the latest sign,"""
        self._asked_at = 0
        """and when for the last time."""

    def came(self, at: int) -> None:
        """A packet came at that time, or the answer to what was asked then."""
        if at >= self.latest:
            self.latest = at
            self._asks = 0

    def quiet(self, now: int) -> bool:
        """Whether the next sign is late, if the page has a microphone."""
        return now - self.latest >= QUIET_MS

    def asks(self, now: int) -> bool:
        """Whether to ask for a sign now. To be called each 20 ms while somebody cares."""
        if not self.quiet(now) or (self._asks and now - self._asked_at < AGAIN_MS):
            return False
        self._asks += 1
        self._asked_at = now
        return True

    @property
    def gone(self) -> bool:
        """Whether it was asked so often in vain that nothing seems to get through."""
        return self._asks > _IN_VAIN
