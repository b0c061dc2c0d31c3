"""Whether a client is still there: pure, in milliseconds.

What is sent by UDP is lost without a word, and a socket that leads nowhere takes what is sent for a
long time; so nothing that was sent is proof that it was heard. A sign of life is whatever comes,
such as the microphone's fifty packets a second, or the answer to a question that every client
answers at once, also a page that is hidden or has no microphone: over WebRTC a connectivity check
of ICE, over a WebSocket a ping. (Reports of RTCP would tell more, but browsers send one in five
seconds.)

::

      sign           no sign for `quiet_ms`         asked three times in vain
    ───────► THERE ─────────────────────► ASKED ─────────────────────────────► GONE
               ▲       (somebody cares)     │                                    │
               └────────────────────────────┴────────── sign ────────────────────┘

It is asked that counts, not the time: when we stand still, what has come meanwhile waits with us.
"""

_IN_VAIN = 3


class Pulse:
    """The signs of life of one connection."""

    def __init__(self, now: int, quiet_ms: int = 60, again_ms: int = 100) -> None:
        """The connection stands: that is the first one.

        By default three packets of a microphone may be late before it is asked, and then each
        `again_ms`.
        """
        self._quiet_ms = quiet_ms
        self._again_ms = again_ms
        self.latest = now
        """What was sent before then has been received, if nothing on the way was lost."""
        self._asks = 0
        """How often the client was asked since the latest sign,"""
        self._asked_at = 0
        """and when for the last time."""

    def came(self, at: int) -> None:
        """A packet came at that time, or the answer to what was asked then."""
        if at >= self.latest:
            self.latest = at
            self._asks = 0

    def quiet(self, now: int) -> bool:
        """Whether the next sign is late, if the client has a microphone."""
        return now - self.latest >= self._quiet_ms

    def asks(self, now: int) -> bool:
        """Whether to ask for a sign now. To be called again and again while somebody cares."""
        if not self.quiet(now) or (self._asks and now - self._asked_at < self._again_ms):
            return False
        self._asks += 1
        self._asked_at = now
        return True

    @property
    def gone(self) -> bool:
        """Whether it was asked so often in vain that nothing seems to get through."""
        return self._asks > _IN_VAIN
