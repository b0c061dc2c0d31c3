"""Time for calls: milliseconds since a call began, and one 20 ms beat for all of them."""

import asyncio
from collections.abc import Callable

BEAT_MS = 20


class LoopClock:
    """Milliseconds of the event loop's clock since this object was made."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._began = loop.time()

    def now(self) -> int:
        return int((self._loop.time() - self._began) * 1000)


class Metronome:
    """Calls every registered function each 20 ms: one timer for all calls, not one per call.

    It keeps to absolute times, so it does not drift; beats that a busy loop missed are skipped, and
    how late each beat was is told to `late` (milliseconds), the process's load signal. A function
    that raises is told to the loop's exception handler and keeps none of the others from theirs.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, late: Callable[[float], None] | None = None
    ) -> None:
        self._loop = loop
        self._late = late
        self._beats: dict[int, Callable[[], None]] = {}
        self._next_key = 0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, beat: Callable[[], None]) -> Callable[[], None]:
        """Call `beat` from now on; call what is returned to stop that."""
        key = self._next_key
        self._next_key += 1
        self._beats[key] = beat
        if self._timer is None:
            self._due = self._loop.time()
            self._schedule()

        def stop() -> None:
            self._beats.pop(key, None)
            if not self._beats and self._timer is not None:
                self._timer.cancel()
                self._timer = None

        return stop

    def _schedule(self) -> None:
        beat = BEAT_MS / 1000
        missed = max(0, int((self._loop.time() - self._due) / beat))
        self._due += (missed + 1) * beat
        self._timer = self._loop.call_at(self._due, self._beat)

    def _beat(self) -> None:
        if self._late is not None:
            self._late((self._loop.time() - self._due) * 1000)
        self._schedule()
        for key in list(self._beats):
            if (beat := self._beats.get(key)) is None:
                continue  # Another one stopped it just now.
            try:
                beat()
            except Exception as error:  # The boundary between what shares the beat.
                context = {"message": "a beat failed", "exception": error}
                self._loop.call_exception_handler(context)
