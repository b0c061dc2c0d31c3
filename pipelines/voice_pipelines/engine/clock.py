"""Time for calls: milliseconds since a call began, and one 20 ms beat for all of them."""

import asyncio
from collections.abc import Callable

BEAT_MS = 20
PHASES = 4
_STEP_S = BEAT_MS / 1000 / PHASES


class LoopClock:
    """Milliseconds of the event loop's clock since this object was made."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._began = loop.time()

    def now(self) -> int:
        return int((self._loop.time() - self._began) * 1000)


class Metronome:
    """Calls every registered function each 20 ms: one timer for all calls, not one per call.

    The functions are spread over four phases 5 ms apart, so that a hundred calls do not all send
    in the same moment. It keeps to absolute times, so it does not drift. What a busy loop missed is
    made up for at once, each phase at most once, and how late it was is told to `late`
    (milliseconds), the process's load signal. A function that raises is told to the loop's
    exception handler and keeps none of the others from theirs.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, late: Callable[[float], None] | None = None
    ) -> None:
        self._loop = loop
        self._late = late
        self._beats: list[dict[int, Callable[[], None]]] = [{} for _ in range(PHASES)]
        self._next_key = 0
        self._phase = 0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, beat: Callable[[], None], phase: int | None = None) -> Callable[[], None]:
        """Call `beat` from now on; call what is returned to stop that.

        It comes into the emptiest phase unless one is named.
        """
        beats = min(self._beats, key=len) if phase is None else self._beats[phase]
        key = self._next_key
        self._next_key += 1
        beats[key] = beat
        if self._timer is None:
            self._due = self._loop.time()
            self._schedule()

        def stop() -> None:
            beats.pop(key, None)
            if not any(self._beats) and self._timer is not None:
                self._timer.cancel()
                self._timer = None

        return stop

    def _schedule(self) -> None:
        self._due += _STEP_S
        self._timer = self._loop.call_at(self._due, self._beat)

    def _beat(self) -> None:
        late = max(self._loop.time() - self._due, 0.0)
        if self._late is not None:
            self._late(late * 1000)
        missed = int(late / _STEP_S)
        first, self._phase = self._phase, (self._phase + missed + 1) % PHASES
        self._due += missed * _STEP_S
        self._schedule()
        for phase in range(first, first + min(missed + 1, PHASES)):
            self._beat_phase(self._beats[phase % PHASES])

    def _beat_phase(self, beats: dict[int, Callable[[], None]]) -> None:
        for key in list(beats):
            if (beat := beats.get(key)) is None:
                continue  # Another one stopped it just now.
            try:
                beat()
            except Exception as error:  # The boundary between what shares the beat.
                context = {"message": "a beat failed", "exception": error}
                self._loop.call_exception_handler(context)
