"""The load generator: simulated callers who speak, listen and interrupt.

All judge by the caller's side of the line alone. Calls begin one after another within a *ramp*,
so that they are out of step; what is judged lies in the *window* after it, in which all are live.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from voice_agent.telephony.caller import FRAME_MS, Script, Utterance
from voice_agent.telephony.carrier import (
    CallEvent,
    CallRecord,
    CarrierError,
    Happening,
    place_call,
)
from voice_agent.telephony.line import SAMPLES_PER_MS
from voice_agent.telephony.measure import BargeIn, Turn
from voice_agent.telephony.pacer import Pacer

INTERRUPT_AFTER_MS = 1000
ANSWER_WITHIN_MS = 3000
"""A turn so soon before the end of the window is not judged: its answer might come after it."""
_SETTLE_S = 1.0
_PATIENCE_MS = 5000


@dataclass(frozen=True, slots=True)
class Heard:
    """What the callers heard, all calls together, in the window."""

    calls: int
    failed: int
    """Calls that did not come about or did not last through the window."""
    first_audio_ms: list[tuple[int, float]]
    """For each answered turn: which of the words was said, and how long it was from its last
    voiced sample to the first one heard."""
    clear_ms: list[float]
    """For each interruption: from the first frame of speech to the carrier's `clear`."""
    missed_clears: int
    """Interruptions that brought no `clear`."""
    unanswered: int
    cut_in: int
    """Turns in which the agent began before the caller had finished; they have no latency."""
    gaps_ms: list[float]
    """Underruns: the silent holes inside what the agent was saying."""
    beat_late_ms: list[float]
    """By how much the generator missed its own deadlines."""


@dataclass(frozen=True, slots=True)
class Lived:
    """A call and when it began, in seconds of the pacer's clock."""

    began_s: float
    record: CallRecord


@dataclass(slots=True)
class _Lateness:
    """A member of the beat that does nothing but look at the clock."""

    pacer: Pacer
    samples: list[tuple[float, float]] = field(default_factory=list)
    """(when, in seconds; how late, in milliseconds)"""

    async def watch(self) -> None:
        beats, beat = self.pacer.join(), 0
        while True:
            beat += 1
            await beats.reached(beat)
            now = self.pacer.clock()
            self.samples.append((now, (now - beats.start) * 1000 - beat * FRAME_MS))


class Callers:
    """A number of calls to `url`. Use `hold` once, beside it `steady` and `over`."""

    def __init__(
        self,
        url: str,
        calls: int,
        ramp_s: float,
        window_s: float,
        words: Sequence[bytes],
        seed: int,
    ) -> None:
        self._url = url
        self._calls = calls
        self._ramp_s = ramp_s
        self._window_s = window_s
        self._words = words
        self._seed = seed
        self._lived: list[Lived] = []
        self._failed = 0
        self._opens_s = self._closes_s = 0.0
        self.steady = asyncio.Event()
        """The window has begun."""
        self.over = asyncio.Event()
        """The window has ended; the calls hang up."""

    async def hold(self) -> Heard:
        """Hold the calls to their end and tell what was heard."""
        async with Pacer() as pacer:
            began = pacer.clock()
            self._opens_s = began + self._ramp_s + _SETTLE_S
            self._closes_s = self._opens_s + self._window_s
            lateness = _Lateness(pacer)
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(lateness.watch())
                async with asyncio.TaskGroup() as calls:
                    calls.create_task(self._tell_the_time(pacer))
                    for number in range(self._calls):
                        at = began + self._ramp_s * number / self._calls
                        calls.create_task(self._hold_one(number, at, pacer))
                watching.cancel()
        late = [ms for at, ms in lateness.samples if self._opens_s <= at <= self._closes_s]
        return judge(self._lived, self._failed, self._opens_s, self._closes_s, late)

    async def _tell_the_time(self, pacer: Pacer) -> None:
        await asyncio.sleep(self._opens_s - pacer.clock())
        self.steady.set()
        await asyncio.sleep(self._closes_s - pacer.clock())
        self.over.set()

    async def _hold_one(self, number: int, at_s: float, pacer: Pacer) -> None:
        await asyncio.sleep(at_s - pacer.clock())
        limit_ms = int((self._closes_s - at_s) * 1000) + 500
        begun: list[float] = []

        def note(event: CallEvent) -> None:
            if event.what is Happening.CONNECTED:
                begun.append(pacer.clock() - event.at_ms / 1000)

        chance = random.Random(self._seed * 10_000 + number)
        script = script_of(self._words, chance, limit_ms)
        try:
            record = await place_call(self._url, script, pacer=pacer, report=note)
        except CarrierError:
            self._failed += 1
            return
        if record.hung_up_by_agent or not begun:
            self._failed += 1
        if begun:
            self._lived.append(Lived(begun[0], record))


def script_of(words: Sequence[bytes], chance: random.Random, limit_ms: int) -> Script:
    """Two answers are heard to their end, the third is interrupted, and so on until the limit."""
    said = [chance.randrange(len(words)) for _ in range(limit_ms // 1000 + 1)]
    steps = tuple(
        Utterance(
            words[which],
            str(which),
            barge_in_after_ms=INTERRUPT_AFTER_MS if number % 3 == 2 else None,
        )
        for number, which in enumerate(said)
    )
    return Script(
        steps,
        greeting_ms=chance.randrange(100, 1500, FRAME_MS),
        pause_ms=700,
        patience_ms=_PATIENCE_MS,
        limit_ms=limit_ms,
    )


def judge(
    lived: Sequence[Lived], failed: int, opens_s: float, closes_s: float, late_ms: list[float]
) -> Heard:
    """What lies in the window, of all calls. Pure; takes some 20 ms for each minute of a call."""
    first_audio: list[tuple[int, float]] = []
    clears: list[float] = []
    gaps: list[float] = []
    missed = unanswered = cut_in = 0
    for call in lived:
        opens, closes = (opens_s - call.began_s) * 1000, (closes_s - call.began_s) * 1000
        last = closes - ANSWER_WITHIN_MS
        turns = [turn for turn in call.record.turns if opens <= turn.ended_ms <= last]
        cut_in += sum(turn.cut_in for turn in turns)
        unanswered += sum(turn.answered_ms is None and not turn.cut_in for turn in turns)
        first_audio += _latencies(turns)
        cuts = [cut for cut in call.record.barge_ins if opens <= cut.at_ms <= last]
        cleared = _clears(cuts)
        missed += len(cuts) - len(cleared)
        clears += cleared
        gaps += [
            gap.ms for gap in call.record.gaps if opens <= gap.start / SAMPLES_PER_MS <= closes
        ]
    return Heard(
        calls=len(lived) + failed,
        failed=failed,
        first_audio_ms=first_audio,
        clear_ms=clears,
        missed_clears=missed,
        unanswered=unanswered,
        cut_in=cut_in,
        gaps_ms=gaps,
        beat_late_ms=late_ms,
    )


def _latencies(turns: Sequence[Turn]) -> list[tuple[int, float]]:
    return [
        (int(turn.label), turn.latency_ms)
        for turn in turns
        if turn.latency_ms is not None and not turn.cut_in
    ]


def _clears(cuts: Sequence[BargeIn]) -> list[float]:
    """Counted from when the first frame of speech was sent: at the end of its 20 ms."""
    return [cut.clear_after_ms - FRAME_MS for cut in cuts if cut.clear_after_ms is not None]
