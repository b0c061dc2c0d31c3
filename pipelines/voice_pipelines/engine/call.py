"""One call: the shell around its conversation.

Facts come in on the event loop and go through the conversation synchronously, one at a time; what
it orders is done at once or started in the call's task group, which nothing outlives. Events that
arise while an event is handled wait for their turn in `_facts`.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, assert_never

from ..audio.gate import GatePolicy
from ..audio.playout import Playout
from ..conversation.commands import (
    CancelReply,
    Command,
    Duck,
    Finish,
    HangUp,
    Message,
    Pause,
    PredictTurnEnd,
    Prefill,
    Release,
    Resume,
    RunAction,
    Settle,
    Silence,
    Speak,
    StartReply,
    StartUtterance,
    Steering,
    Unduck,
)
from ..conversation.events import (
    ActionEnded,
    Event,
    HangUpRequested,
    LegJoined,
    LegLeft,
    Tick,
)
from ..conversation.machine import Conversation, Phase
from ..conversation.policy import TurnPolicy
from ..conversation.transcript import Transcript
from ..errors import ProviderError
from ..ports import (
    Actions,
    Clock,
    LanguageModel,
    Leg,
    Prefilling,
    SpeechChunk,
    SpeechToText,
    TextToSpeech,
    TurnDetector,
    VoiceActivityDetector,
)
from .clock import Metronome
from .line import Line
from .listen import Listener
from .play import Player
from .reply import ReplyMaker

_FACTS_AT_ONCE = 10_000
"""Facts that one fact may cause, directly and indirectly; more is a bug, and ends the call."""


@dataclass(frozen=True, slots=True)
class Services:
    """What a call works with. Everything is shared by all calls of the process."""

    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech
    vad: VoiceActivityDetector
    metronome: Metronome
    turn_detector: TurnDetector | None = None
    actions: Actions | None = None
    admit: Callable[[StartReply], Awaitable[str | None]] | None = None
    """Asked before the LLM is: what the agent shall say instead of an answer, None to answer."""
    gate: GatePolicy = GatePolicy()
    lead_ms: int = 240
    """Audio kept ahead in the far end's buffer."""
    phrases: Mapping[str, bytes] = field(default_factory=dict)
    """Audio of fixed phrases by text, in the format of `tts`."""


class Recorder(Protocol):
    """Takes the journal of a call, in order."""

    def event(self, now: int, event: Event) -> None: ...

    def command(self, now: int, command: Command) -> None: ...


class Call:
    """A running call. Make it, then open `running`, and `join` its legs inside."""

    def __init__(
        self,
        policy: TurnPolicy,
        services: Services,
        clock: Clock,
        recorder: Recorder,
        call_id: str = "",
    ) -> None:
        """`call_id` names the conversation towards the outside: no action of it is run twice."""
        self._conversation = Conversation(policy)
        self._services = services
        self._clock = clock
        self._recorder = recorder
        self._call_id = call_id
        self._group = asyncio.TaskGroup()
        self._lines: dict[str, Line] = {}
        self._legs: dict[str, Leg] = {}
        self._replies: dict[int, ReplyMaker] = {}
        self._prefilling: asyncio.Task[None] | None = None
        self._facts: deque[Event] = deque()
        self._handling = False
        self._crash: Exception | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due: int | None = None
        self._loop = asyncio.get_running_loop()
        self.end_reason = ""
        self.ended = asyncio.Event()
        """Set when the conversation has hung up."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Own the call's tasks. On leaving, whatever still runs is cancelled and awaited."""
        stop = self._services.metronome.add(self._beat)
        try:
            async with self._group:
                try:
                    yield
                finally:
                    for leg_id in list(self._lines):
                        self.tell(LegLeft(leg_id))
                    self._stop_tasks()
        finally:
            stop()
            if self._timer is not None:
                self._timer.cancel()
            # What refers to the call must not live on with it until the collector looks.
            self._lines.clear()
            self._legs.clear()
            self._replies.clear()

    @asynccontextmanager
    async def join(self, leg_id: str, leg: Leg, acknowledges: bool) -> AsyncIterator[Line]:
        """Connect a leg for as long as the context lasts.

        `acknowledges` says whether the leg echoes marks when it has played what came before.
        """
        services = self._services
        listener = Listener(
            leg_id,
            leg.format,
            services.vad,
            services.gate,
            self.tell,
            keep_audio=services.turn_detector is not None,
        )
        playout = Playout(leg.format, services.lead_ms, acknowledges=acknowledges)
        player = Player(leg_id, leg, playout, services.tts.format, self.tell, self._clock.now)
        detector = services.turn_detector
        line = Line(leg_id, listener, player, self.tell, self._spawn, detector)
        async with AsyncExitStack() as stack:
            stack.callback(line.close)
            recognizer = await stack.enter_async_context(services.stt.listen(line.recognized))
            line.attach(recognizer, services.stt.format)
            self._lines[leg_id], self._legs[leg_id] = line, leg
            self.tell(LegJoined(leg_id))
            try:
                yield line
            finally:
                self.tell(LegLeft(leg_id))
                self._lines.pop(leg_id, None)
                self._legs.pop(leg_id, None)

    @property
    def phase(self) -> Phase:
        """What the conversation is doing."""
        return self._conversation.phase

    @property
    def transcript(self) -> Transcript:
        """Who has said what so far."""
        return self._conversation.transcript

    def request_hang_up(self, reason: str) -> None:
        """Let the agent say good-bye and end the call."""
        self.tell(HangUpRequested(reason))

    # Facts in, orders out ------------------------------------------------------------------------

    def tell(self, fact: Event) -> None:
        """Something happened. Never raises: a bug ends this call, not who told the fact."""
        self._facts.append(fact)
        if not self._handling:
            self._guarded(self._handle_facts)

    def _guarded(self, work: Callable[[], bool]) -> None:
        """The boundary of the call: what is shared with other calls must not see its bugs.

        `work` says whether any fact was handled: only that can change the deadline.
        """
        self._handling = True
        try:
            if work():
                self._arm()
        except Exception as error:
            if self._crash is None:
                self._crash = error
                self._spawn(self._fail(error))
        finally:
            self._handling = False

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None] | None":
        """Start `work` in the call's task group; nothing, if the group is ending already."""
        try:
            return self._group.create_task(work)
        except RuntimeError:
            work.close()
            return None

    async def _fail(self, error: Exception) -> None:
        raise error

    def _handle_facts(self) -> bool:
        budget = _FACTS_AT_ONCE
        pumped = False
        while self._facts or not pumped:
            while self._facts:
                fact = self._facts.popleft()
                if self._conversation.phase is Phase.ENDED:
                    continue
                now = self._clock.now()
                self._recorder.event(now, fact)
                for command in self._conversation.handle(fact, now):
                    self._recorder.command(now, command)
                    self._do(command)
                budget -= 1
                if budget < 0:
                    raise RuntimeError("the facts of a call cause each other without end")
            for line in list(self._lines.values()):
                line.player.pump()
            pumped = True
        return budget < _FACTS_AT_ONCE

    def _arm(self) -> None:
        due = self._conversation.deadline()
        if due == self._timer_due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due, self._timer = due, None
        if due is not None:
            wait = max(due - self._clock.now(), 0) / 1000
            self._timer = self._loop.call_later(wait, self._tick)

    def _tick(self) -> None:
        self._timer = self._timer_due = None
        self.tell(Tick())

    def _beat(self) -> None:
        if any(line.player.playout.busy for line in self._lines.values()):
            self._guarded(self._handle_facts)

    def _do(self, command: Command) -> None:
        match command:
            case Settle(leg, request):
                if line := self._lines.get(leg):
                    line.settle(request)
            case StartUtterance(leg):
                if line := self._lines.get(leg):
                    line.start_utterance()
            case PredictTurnEnd(leg, request):
                if line := self._lines.get(leg):
                    line.predict(request)
            case Prefill(history):
                self._prefill(history)
            case StartReply(turn, history):
                self._stop_prefilling()
                admit = self._services.admit
                self._reply(turn).write(
                    self._services.llm,
                    history,
                    self._services.actions,
                    None if admit is None else partial(admit, command),
                )
            case Speak(turn, piece, text):
                self._steer(command)
                self._reply(turn).speak(piece, text)
            case Finish() | Release() | Duck() | Unduck() | Pause() | Resume() | Silence():
                self._steer(command)
            case CancelReply(turn):
                if (reply := self._replies.pop(turn, None)) is not None:
                    reply.cancel()
            case RunAction(action, _, name, arguments):
                self._spawn(self._act(action, name, arguments))
            case HangUp(reason):
                self._hang_up(reason)
            case _:
                assert_never(command)

    def _steer(self, order: Steering) -> None:
        for line in self._lines.values():
            line.player.steer(order)

    # Work ----------------------------------------------------------------------------------------

    def _reply(self, turn: int) -> ReplyMaker:
        if (reply := self._replies.get(turn)) is None:
            services = self._services
            reply = self._replies[turn] = ReplyMaker(
                turn,
                self._spawn,
                self.tell,
                services.tts,
                self._play,
                services.phrases,
                self._conversation.policy.speculation.first_clause_words,
            )
        return reply

    def _play(self, turn: int, piece: int, chunk: SpeechChunk | None) -> None:
        for line in list(self._lines.values()):
            if chunk is None:
                line.player.piece_ended(turn, piece)
            else:
                line.player.audio(turn, piece, chunk)
        if not self._handling:
            self._guarded(self._handle_facts)

    def _prefill(self, history: Sequence[Message]) -> None:
        llm = self._services.llm
        self._stop_prefilling()
        if not isinstance(llm, Prefilling):
            return

        async def prefill() -> None:
            try:
                await llm.prefill(history)
            except ProviderError:
                return  # It was only to save time; the reply itself will tell.

        self._prefilling = self._spawn(prefill())

    def _stop_prefilling(self) -> None:
        if self._prefilling is not None:
            self._prefilling.cancel()
            self._prefilling = None

    async def _act(self, action: int, name: str, arguments: str) -> None:
        actions = self._services.actions
        if actions is None:
            self.tell(ActionEnded(action, "There is no such action.", react=False))
            return
        result, react = await actions.run(name, arguments, f"{self._call_id}:{action}")
        self.tell(ActionEnded(action, result, react))

    def _hang_up(self, reason: str) -> None:
        self.end_reason = reason
        self.ended.set()
        for leg in self._legs.values():
            self._spawn(leg.hang_up())

    def _stop_tasks(self) -> None:
        self._stop_prefilling()
        for reply in self._replies.values():
            reply.cancel()
