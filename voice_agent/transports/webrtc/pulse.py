"""Whether a page is still there: pure, in milliseconds.

What is sent by UDP is lost without a word, so nothing that was sent is proof that it was heard. A
sign of life is: a packet of the microphone, fifty a second, or the answer to a connectivity check
of ICE, which every page gives at once, also one that is hidden or has no microphone. Reports of
RTCP would tell more, but browsers send one in five seconds.

::

      sign           no sign for 60 ms            no sign for 300 ms
    ───────► THERE ─────────────────────► ASKED ─────────────────────► GONE
               ▲       (somebody cares)     │                            │
               └────────────────────────────┴────── sign ────────────────┘
"""

QUIET_MS = 60
"""Three packets of a microphone that did not come: neighbors are often late."""
AGAIN_MS = 100
GONE_MS = 300


class Pulse:
    """The signs of life of one connection."""

    def __init__(self, now: int) -> None:
        """The connection stands: that is the first one."""
        self.latest = now
        """What was sent before then has been received, if nothing on the way was lost."""
        self._asked: int | None = None
        """When the page was asked for the first time since the latest sign,"""
        self._asked_again = 0
        """and for the last time."""

    def came(self, at: int) -> None:
        """A packet came at that time, or the answer to what was asked then."""
        if at >= self.latest:
            self.latest = at
            self._asked = None

    def quiet(self, now: int) -> bool:
        """Whether the next sign is late, if the page has a microphone."""
        return now - self.latest >= QUIET_MS

    def asks(self, now: int) -> bool:
        """Whether to ask for a sign now. To be called each 20 ms while somebody cares."""
        if not self.quiet(now):
            return False
        if self._asked is None:
            self._asked = now
        elif now - self._asked_again < AGAIN_MS:
            return False
        self._asked_again = now
        return True

    def gone(self, now: int) -> bool:
        """Whether it was asked for so long in vain that nothing seems to get through."""
        return self._asked is not None and now - self._asked >= GONE_MS
