"""One timer that beats every 20 ms for all simulated calls of a process.

With hundreds of calls, a timer for each would cost as much as all their frames, and be later.
"""

import asyncio
import time
from collections.abc import Callable

from .caller import FRAME_MS


class Pacer:
    """Beats for any number of calls. Use as ``async with`` around them.

    Deadlines are absolute, so the beat does not drift, and a late beat is made up for. Calls are
    spread over `phases` within the 20 ms, as those of a real carrier are.
    """

    def __init__(self, phases: int = 4, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        """Seconds."""
        self._step_s = FRAME_MS / 1000 / phases
        self._phases = [_Phase() for _ in range(phases)]
        self._step = 0
        self._joined = 0

    async def __aenter__(self) -> "Pacer":
        self._loop = asyncio.get_running_loop()
        self._start = self.clock()
        for index, phase in enumerate(self._phases):
            phase.last = self._start + (index - len(self._phases)) * self._step_s
        self._beat()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._timer.cancel()

    def join(self) -> "Beats":
        """Beats of its own for a call, counted from the last that is past."""
        phase = self._phases[self._joined % len(self._phases)]
        self._joined += 1
        return Beats(phase, self._loop)

    def _beat(self) -> None:
        now = self.clock()
        # The loop's timer may fire half a millisecond early.
        while (due := self._start + self._step * self._step_s) <= now + 0.0005:
            self._phases[self._step % len(self._phases)].beat(due)
            self._step += 1
        self._timer = self._loop.call_later(max(0.0, due - now), self._beat)


class _Phase:
    """The calls that beat together."""

    def __init__(self) -> None:
        self.count = 0
        self.last = 0.0
        """When the last beat was due, in seconds of the clock."""
        self.waiting: list[asyncio.Future[None]] = []

    def beat(self, due: float) -> None:
        self.count += 1
        self.last = due
        waiting, self.waiting = self.waiting, []
        for call in waiting:
            if not call.done():
                call.set_result(None)


class Beats:
    """The beats of one call."""

    def __init__(self, phase: _Phase, loop: asyncio.AbstractEventLoop) -> None:
        self._phase = phase
        self._loop = loop
        self._joined_at = phase.count
        self.start = phase.last
        """Beat 0: when the call starts, in seconds of the clock."""

    async def reached(self, number: int) -> None:
        """Wait for beat `number`; it may be past."""
        while self._phase.count - self._joined_at < number:
            beat = self._loop.create_future()
            self._phase.waiting.append(beat)
            await beat
