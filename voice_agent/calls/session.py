"""The live calls of one process: who is let in, what is told of each, how they end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog

from voice_pipelines.engine.line import Line
from voice_pipelines.ports import Leg

from ..errors import CallRefused
from ..sections import PriceSettings
from ..telemetry.cost import estimate
from ..telemetry.figures import CallFigures
from ..telemetry.metrics import Metrics
from .board import Board
from .kept import KeptConversations
from .live import Client, LiveCall
from .one_call import House, OneCall
from .plan import CallPlan
from .records import Ended
from .unsaved import UnsavedConversations

_CLOSE_MS = 3000
"""How long calls may take to end once their legs are hung up."""

log = structlog.get_logger()


class Switchboard:
    """Admits calls by an atomic count of slots and runs each to its end."""

    def __init__(
        self,
        metrics: Metrics,
        journals: Path | None,
        max_calls: int,
        prices: PriceSettings | None = None,
        ended: Callable[[CallFigures], None] | None = None,
    ) -> None:
        """`journals` is the folder for the calls' journals, None to keep none.

        `ended` is told the figures of every call that is over; it must return at once.
        """
        self.house: House | None = None
        """What calls work with, once it is there; before, none is taken."""
        self.kept = KeptConversations()
        """Conversations that may go on in another stream."""
        self.unsaved = UnsavedConversations()
        """Those of which nothing is kept, while their clients are away."""
        self.board = Board()
        """What consoles see of the calls."""
        self._metrics = metrics
        self._journals = journals
        self._max_calls = max_calls
        self._prices = prices or PriceSettings()
        self._ended = ended
        self._live: dict[int, OneCall] = {}
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
        if self.house is None:
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
    async def caller(
        self,
        call_id: str,
        leg: Leg,
        acknowledges: bool,
        plan: CallPlan | None = None,
        client: Client | None = None,
    ) -> AsyncIterator[Line]:
        """Run a call with one caller for as long as the context lasts. Raises CallRefused.

        Without a `plan` whoever is expected to answer does. A `client` is told of all that
        happens, from the first moment on.
        """
        self.check()
        house = self.house
        assert house is not None  # `check` has refused the call otherwise.
        one = OneCall(
            house,
            self._metrics,
            self._journals,
            self.kept,
            self.unsaved,
            self.board,
            call_id,
            leg,
            plan or house.expected(),
        )
        if client is not None:
            one.conversation.subscribe(client)
        connected = False
        with self._listed(one):
            try:
                async with one.running(acknowledges) as line:
                    connected = True
                    yield line
            except* Exception as problem:
                # The boundary of a call: a bug ends this one and is told with its traceback.
                log.error("call_crashed", exc_info=problem)
        if not connected:
            raise CallRefused("The call could not be connected.")

    @contextmanager
    def _listed(self, one: OneCall) -> Iterator[None]:
        """The call takes a slot and is on the board, and is accounted for at its end."""
        self._numbers += 1
        number = self._numbers
        self._live[number] = one
        self._idle.clear()
        self._metrics.live_calls.set(len(self._live))
        if one.watch is not None:
            self.board.began(one.watch)
        log.info("call_started")
        try:
            yield
        finally:
            del self._live[number]
            if one.watch is not None:
                self.board.ended(one.watch, one.reason)
            one.over.set()
            if not self._live:
                self._idle.set()
            self._metrics.live_calls.set(len(self._live))
            self._account_for(one)

    def _account_for(self, one: OneCall) -> None:
        self._metrics.call_ended(one.reason)
        self._metrics.underran(one.underruns)
        figures = one.meter.figures(one.call_id, one.started)
        if not one.conversation.plan.saved:
            figures = figures.without_words()
        cost = estimate(figures.usage, self._prices)
        self._metrics.call_used(figures.usage, cost)
        if self._ended is not None:
            self._ended(figures)
        first_audio = sorted(figures.first_audio_ms)
        log.info(
            "call_ended",
            reason=one.reason,
            duration_ms=one.clock.now(),
            turns=len(figures.answers),
            interrupted=sum(turn.interrupted for turn in figures.answers),
            first_audio_ms_median=first_audio[len(first_audio) // 2] if first_audio else None,
            underruns=one.underruns,
            cost=None if cost is None else round(cost.total, 6),
        )

    # Conversations -------------------------------------------------------------------------------

    def conversation(self, conversation_id: str) -> LiveCall | None:
        """The live conversation of that id."""
        live = (one.conversation for one in self._live.values())
        return next((each for each in live if each.conversation_id == conversation_id), None)

    def find(self, call_sid: str) -> LiveCall | None:
        """The live conversation on the carrier's call."""
        return next(
            (one.conversation for one in self._live.values() if one.call_id == call_sid), None
        )

    async def leave(self, conversation_id: str) -> None:
        """Let the stream of a conversation that goes on in another one end, if it has not."""
        for one in list(self._live.values()):
            if one.conversation.conversation_id == conversation_id and one.conversation.leaving:
                await one.leg.hang_up()
                with suppress(TimeoutError):
                    await asyncio.wait_for(one.over.wait(), _CLOSE_MS / 1000)

    async def pause(self, conversation_id: str) -> bool:
        """End the stream of a live conversation at once, for it goes on in another one.

        False if it is still there in the end.
        """
        for one in list(self._live.values()):
            if one.conversation.conversation_id == conversation_id:
                one.conversation.client_is_gone()
                await one.leg.hang_up()
                try:
                    await asyncio.wait_for(one.over.wait(), _CLOSE_MS / 1000)
                except TimeoutError:
                    return False
        return True

    def over(self, conversation_id: str, reason: str) -> None:
        """A conversation that was kept, or is about to be, does not go on."""
        if (live := self.conversation(conversation_id)) is not None:
            live.stays()  # Its stream has not ended yet; what ends then is over.
        plan = self.kept.forget(conversation_id)
        if plan is not None and self.house is not None and self.house.writer is not None:
            self.house.writer.write(Ended(conversation_id, datetime.now(UTC), reason))

    # The end -------------------------------------------------------------------------------------

    async def drain(self, deadline_ms: int, grace_ms: int = 15_000) -> None:
        """Take no further call; wait for the live ones, then let the agent say good-bye.

        Returns when the last one has ended, or `grace_ms` after the deadline whatever happens.
        """
        self.draining = True
        if await self.becomes_idle(deadline_ms):
            return
        for live in list(self._live.values()):
            live.say_goodbye("draining")
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
