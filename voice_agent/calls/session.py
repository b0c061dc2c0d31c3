"""The live calls of one process: who is let in, what is noted of each, how they end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from voice_pipelines.conversation.commands import Command
from voice_pipelines.conversation.events import Event
from voice_pipelines.conversation.policy import TurnPolicy
from voice_pipelines.engine.call import Call, Line, Recorder, Services
from voice_pipelines.engine.clock import LoopClock
from voice_pipelines.ports import Leg

from ..errors import CallRefused
from ..settings import PriceSettings
from ..telemetry.cost import estimate
from ..telemetry.figures import CallFigures, CallMeter
from ..telemetry.metrics import Metrics
from .journal_file import JournalFile, utc_now

_CLOSE_MS = 3000
"""How long calls may take to end once their legs are hung up."""

log = structlog.get_logger()


class _Meter:
    """Passes the journal on and fills the metrics turn by turn."""

    def __init__(
        self, metrics: Metrics, journal: JournalFile | None, phrases: Collection[str]
    ) -> None:
        self._metrics = metrics
        self._journal = journal
        self.call = CallMeter(phrases)

    def event(self, now: int, event: Event) -> None:
        if self._journal is not None:
            self._journal.event(now, event)
        self._metrics.failed(event)
        if (turn := self.call.event(now, event)) is not None:
            self._metrics.turn_ended(turn)

    def command(self, now: int, command: Command) -> None:
        if self._journal is not None:
            self._journal.command(now, command)
        if (turn := self.call.command(now, command)) is not None:
            self._metrics.turn_ended(turn)


@dataclass(frozen=True, slots=True)
class Live:
    """One live call."""

    call_id: str
    call: Call
    leg: Leg
    """The caller's."""


class Switchboard:
    """Admits calls by an atomic count of slots and runs each to its end."""

    def __init__(
        self,
        policy: TurnPolicy,
        metrics: Metrics,
        journals: Path | None,
        max_calls: int,
        prices: PriceSettings | None = None,
        ended: Callable[[CallFigures], None] | None = None,
    ) -> None:
        """`journals` is the folder for the calls' journals, None to keep none.

        `ended` is told the figures of every call that is over; it must return at once.
        """
        self.services: Services | None = None
        """What calls work with, once it is there; before, none is taken."""
        self._policy = policy
        self._metrics = metrics
        self._journals = journals
        self._max_calls = max_calls
        self._prices = prices or PriceSettings()
        self._ended = ended
        self._phrases = frozenset(policy.phrases.all())
        self._live: dict[int, Live] = {}
        self._numbers = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False
        self.expecting = asyncio.Event()
        """Set when a call is about to begin; whoever prepares for it clears it."""

    def __len__(self) -> int:
        return len(self._live)

    def check(self) -> None:
        """Raises CallRefused if no further call is taken now."""
        if self.services is None:
            self._metrics.call_refused("starting")
            raise CallRefused("The server is still starting.")
        if self.draining:
            self._metrics.call_refused("draining")
            raise CallRefused("The server is shutting down.")
        if len(self._live) >= self._max_calls:
            self._metrics.call_refused("full")
            raise CallRefused(f"All {self._max_calls} lines are busy.")
        self.expecting.set()

    @asynccontextmanager
    async def caller(self, call_id: str, leg: Leg, acknowledges: bool) -> AsyncIterator[Line]:
        """Run a call with one caller for as long as the context lasts. Raises CallRefused."""
        self.check()
        services = self.services
        assert services is not None  # `check` has refused the call otherwise.
        loop = asyncio.get_running_loop()
        clock = LoopClock(loop)
        started = utc_now()
        journal = (
            JournalFile(self._journals, call_id, self._policy, started) if self._journals else None
        )
        meter = _Meter(self._metrics, journal, self._phrases)
        recorder: Recorder = meter
        call = Call(self._policy, services, clock, recorder)
        self._numbers += 1
        number = self._numbers
        self._live[number] = Live(call_id, call, leg)
        self._idle.clear()
        self._metrics.live_calls.set(len(self._live))
        log.info("call_started")
        reason, underruns, connected = "crashed", 0, False
        try:
            async with asyncio.TaskGroup() as group:
                writing = group.create_task(journal.keep_writing()) if journal else None
                try:
                    async with call.running(), call.join("caller", leg, acknowledges) as line:
                        connected = True
                        yield line
                        underruns = line.player.playout.underruns
                    reason = call.end_reason or "caller_left"
                finally:
                    if writing is not None:
                        writing.cancel()
        except* Exception as problem:
            # The boundary of a call: a bug ends this one and is told with its traceback.
            log.error("call_crashed", exc_info=problem)
        finally:
            del self._live[number]
            if not self._live:
                self._idle.set()
            self._metrics.live_calls.set(len(self._live))
            self._metrics.call_ended(reason)
            self._metrics.underran(underruns)
            figures = meter.call.figures(call_id, started)
            cost = estimate(figures.usage, self._prices)
            self._metrics.call_used(figures.usage, cost)
            if self._ended is not None:
                self._ended(figures)
            first_audio = sorted(figures.first_audio_ms)
            log.info(
                "call_ended",
                reason=reason,
                duration_ms=clock.now(),
                turns=len(figures.answers),
                interrupted=sum(turn.interrupted for turn in figures.answers),
                first_audio_ms_median=first_audio[len(first_audio) // 2] if first_audio else None,
                underruns=underruns,
                cost=None if cost is None else round(cost.total, 6),
            )
        if not connected:
            raise CallRefused("The call could not be connected.")

    async def drain(self, deadline_ms: int, grace_ms: int = 15_000) -> None:
        """Take no further call; wait for the live ones, then let the agent say good-bye.

        Returns when the last one has ended, or `grace_ms` after the deadline whatever happens.
        """
        self.draining = True
        if await self.becomes_idle(deadline_ms):
            return
        for live in list(self._live.values()):
            live.call.request_hang_up("draining")
        await self.becomes_idle(grace_ms)

    async def close(self) -> None:
        """Take no further call and end the live ones at once, without a word."""
        self.draining = True
        async with asyncio.TaskGroup() as group:
            for live in self._live.values():
                group.create_task(live.leg.hang_up())
        await self.becomes_idle(_CLOSE_MS)

    async def becomes_idle(self, within_ms: int) -> bool:
        """Wait until no call is live; False if that takes longer."""
        try:
            await asyncio.wait_for(self._idle.wait(), within_ms / 1000)
        except TimeoutError:
            return False
        return True
