"""When to leave a provider alone, decided without a clock: every method takes `now`.

::

             failures in a row, or a refusal, or "wait"
    CLOSED ────────────────────────────────────────────► OPEN ◄──────┐
      ▲                                                   │          │
      │                                             the rest is over │ the probe failed
      │ the probe succeeded                               ▼          │
      └─────────────────────────────────────────────── HALF_OPEN ────┘
                                                  (one probe at a time)

A request that nobody waited for until its end says nothing about the provider: callers interrupt an
agent all the time. Nor does an answer that is valid though empty, or a request that is itself wrong
(`ProviderRejected`). All are `abandoned`. What ends
after the breaker has changed its mind (it began before the provider was found to be ill) is not
counted either.
"""

from enum import Enum
from typing import NewType

from voice_pipelines.errors import ProviderBusy, ProviderError, ProviderRefused, ProviderRejected

Ticket = NewType("Ticket", int)
"""Given to each request that is let through, and handed back with what became of it."""


class State(Enum):
    """What a request meets."""

    CLOSED = "closed"
    """It is let through."""
    OPEN = "open"
    """It is turned away."""
    HALF_OPEN = "half_open"
    """It is let through if no other is on its way."""


class Breaker:
    """One provider's breaker, shared by all calls.

    `failures` in a row open it for `rest_ms`, and for twice as long each time the probe fails, up
    to `longest_rest_ms`. A refusal (bad key, spent quota) opens it at once for `refused_rest_ms`:
    asking again is cheap but useless. A provider that says how long to wait is left alone for that
    long. A probe of which nothing is heard for `probe_ms` no longer keeps others from trying.
    """

    def __init__(
        self,
        *,
        failures: int = 3,
        rest_ms: int = 5_000,
        longest_rest_ms: int = 60_000,
        refused_rest_ms: int = 60_000,
        probe_ms: int = 60_000,
    ) -> None:
        if failures < 1:
            raise ValueError(f"a breaker opens after 1 failure or more, not {failures}")
        self._failures = failures
        self._rest_ms = rest_ms
        self._longest_rest_ms = longest_rest_ms
        self._refused_rest_ms = refused_rest_ms
        self._probe_ms = probe_ms
        self._failed = 0
        """Failures in a row."""
        self._rest = rest_ms
        """How long the next rest is."""
        self._rests_until: int | None = None
        """None while it is closed."""
        self._probe_since: int | None = None
        self._era = 0
        """Grows when the breaker changes its mind: a ticket of an older era counts no more."""

    def state(self, now: int) -> State:
        """What a request would meet now."""
        if self._rests_until is None:
            return State.CLOSED
        return State.OPEN if now < self._rests_until else State.HALF_OPEN

    def wait_ms(self, now: int) -> int:
        """How long the provider still rests."""
        return 0 if self._rests_until is None else max(0, self._rests_until - now)

    def admit(self, now: int) -> Ticket | None:
        """Let a request through, or turn it away (None).

        Whoever is let through hands the ticket to exactly one of the three methods that follow.
        """
        match self.state(now):
            case State.OPEN:
                return None
            case State.HALF_OPEN:
                if self._probe_since is not None and now < self._probe_since + self._probe_ms:
                    return None
                self._probe_since = now
                self._era += 1  # A probe given up does not count when it ends after all.
        return Ticket(self._era)

    def succeeded(self, ticket: Ticket) -> None:
        """The request was answered."""
        if ticket != self._era:
            return
        self._failed = 0
        self._rest = self._rest_ms
        if self._rests_until is not None:
            self._era += 1
        self._rests_until = self._probe_since = None

    def failed(self, ticket: Ticket, now: int, error: ProviderError) -> None:
        """The request failed because of the provider."""
        if ticket != self._era:
            return
        if isinstance(error, ProviderRejected):
            self.abandoned(ticket)  # Another request may well be served.
            return
        self._failed += 1
        match error:
            case ProviderRefused():
                self._open(now + self._refused_rest_ms)
            case ProviderBusy(retry_after_ms=int(wait)):
                self._open(now + min(max(wait, 1), self._longest_rest_ms))
            case _ if self._probe_since is not None or self._failed >= self._failures:
                self._open(now + self._rest)
                self._rest = min(2 * self._rest, self._longest_rest_ms)

    def abandoned(self, ticket: Ticket) -> None:
        """The request was cancelled, or answered with nothing: it says nothing."""
        if ticket == self._era:
            self._probe_since = None

    def _open(self, until: int) -> None:
        self._rests_until = until
        self._probe_since = None
        self._era += 1
