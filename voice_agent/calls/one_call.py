"""One call from its first to its last moment: put together, run, and kept."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from voice_pipelines.conversation.commands import Command
from voice_pipelines.conversation.events import Event, HistoryRestored
from voice_pipelines.conversation.policy import TurnPolicy
from voice_pipelines.engine.call import Call
from voice_pipelines.engine.clock import LoopClock
from voice_pipelines.engine.line import Line
from voice_pipelines.ports import Leg

from ..telemetry.figures import CallMeter
from ..telemetry.metrics import Metrics
from .admission import Admission
from .agent import Agents
from .board import Board
from .journal_file import JournalFile, utc_now
from .kept import KeptConversations
from .limits import Allowance
from .live import LiveCall, Telephone
from .plan import CallPlan, Past
from .record_writer import RecordWriter
from .recording import Recording
from .records import Begun, Conversation, Ended, RecordingKept, Resumed, Status
from .recovery import about
from .scribe import Scribe
from .unsaved import PATIENCE_S, UnsavedConversations
from .views import Transport
from .watch import CallWatch

_CALLER = "caller"
_TRANSPORTS: Mapping[str, Transport] = {"WB": "websocket", "WR": "webrtc"}


@dataclass(frozen=True, slots=True)
class House:
    """What calls work with."""

    agents: Agents
    expected: Callable[[], CallPlan]
    """Who answers where nobody else is asked for; every call gets a plan of its own."""
    writer: RecordWriter | None = None
    """None where nothing is kept."""
    allowance: Allowance | None = None
    telephone: Callable[[LiveCall], Telephone] | None = None
    recording: Callable[[CallPlan, str, Leg, LoopClock], Recording | None] | None = None
    """Gives a recording for a call that is to be recorded; None where none ever is."""
    recorded: Callable[[Path], str] = str
    """Takes a finished recording; returns where it lies from then on."""


class _Recorders:
    """Passes on what happens: to the journal, the metrics, and what others see of it."""

    def __init__(
        self,
        metrics: Metrics,
        journal: JournalFile | None,
        live: LiveCall,
        admission: Admission | None,
        meter: CallMeter,
    ) -> None:
        self._metrics = metrics
        self._journal = journal
        self._live = live
        self._admission = admission
        self._meter = meter

    def event(self, now: int, event: Event) -> None:
        if self._journal is not None:
            self._journal.event(now, event)
        self._metrics.failed(event)
        if (turn := self._meter.event(now, event)) is not None:
            self._metrics.turn_ended(turn)
        self._live.event(now, event)

    def command(self, now: int, command: Command) -> None:
        if self._journal is not None:
            self._journal.command(now, command)
        if (turn := self._meter.command(now, command)) is not None:
            self._metrics.turn_ended(turn)
        if self._admission is not None:
            self._admission.command(command)
        self._live.command(now, command)


class OneCall:
    """A call, from the moment that it takes a slot."""

    def __init__(
        self,
        house: House,
        metrics: Metrics,
        journals: Path | None,
        kept: KeptConversations,
        unsaved: UnsavedConversations,
        board: Board,
        call_id: str,
        leg: Leg,
        plan: CallPlan,
    ) -> None:
        """`kept` takes the conversation if it goes on elsewhere, `unsaved` one of which nothing is
        kept, if its client may come back; `board` shows the call."""
        self.call_id = call_id
        self.leg = leg
        self.started = utc_now()
        self.reason = "crashed"
        self.over = asyncio.Event()
        """Set when nothing of it is left."""
        self.underruns = 0
        self.clock = LoopClock(asyncio.get_running_loop())
        self._house = house
        self._metrics = metrics
        self._journals = journals if plan.saved else None
        self._writer = house.writer if plan.saved else None
        self._kept = kept
        self._unsaved = unsaved
        self._plan = plan
        self._journal: JournalFile | None = None
        self._began = datetime.now(UTC)
        past = plan.past
        scribe = None
        if house.writer is not None:
            first = (past.next_message, past.last_action) if past else (0, 0)
            scribe = Scribe(plan.conversation_id, self._began, *first)
        self.conversation = LiveCall(
            plan,
            call_id,
            state_changed=self._state_changed,
            writer=self._writer,
            scribe=scribe,
            telephone=house.telephone,
            now=self.clock.now,
        )
        self.watch: CallWatch | None = None
        """What consoles see of it; None where nothing is kept, for they get in by what is."""
        if house.writer is not None:
            live = self.conversation
            live.watch = self.watch = CallWatch(
                plan, live, board, self._began, _transport(call_id), self.clock.now
            )
        self.meter = CallMeter(())
        self._call: Call | None = None

    def say_goodbye(self, reason: str) -> None:
        """Let the agent say good-bye and end the call."""
        if self._call is not None:
            self._call.request_hang_up(reason)

    @asynccontextmanager
    async def running(self, acknowledges: bool) -> AsyncIterator[Line]:
        """The call, for as long as its caller's leg is there."""
        try:
            async with self._running(acknowledges) as line:
                yield line
        finally:
            self._keep_recording()

    @asynccontextmanager
    async def _running(self, acknowledges: bool) -> AsyncIterator[Line]:
        async with asyncio.TaskGroup() as group, AsyncExitStack() as stack:
            recording = self._recording()
            call = await self._put_together(group, recording)
            if self._journal is not None:
                stack.callback(group.create_task(self._journal.keep_writing()).cancel)
            if recording is not None:
                stack.callback(group.create_task(recording.keep_writing()).cancel)
            leg = recording.leg(self.leg) if recording else self.leg
            try:
                async with call.running():
                    if (past := self._plan.past) is not None:
                        call.tell(HistoryRestored(past.messages, self._plan.note))
                    async with call.join(_CALLER, leg, acknowledges) as line:
                        line.tap = recording.heard if recording else None
                        if self.watch is not None:
                            self.watch.connected(line, leg.format.encoding)
                        yield line
                        self.underruns = line.player.playout.underruns
                self.reason = call.end_reason or "caller_left"
            finally:
                self._end(call)

    async def _put_together(self, group: asyncio.TaskGroup, recording: Recording | None) -> Call:
        house, plan, live = self._house, self._plan, self.conversation
        admission = None
        if house.allowance is not None:
            spawn: Callable[[Coroutine[Any, Any, bool]], asyncio.Task[bool]] = group.create_task
            admission = Admission(plan, house.allowance, spawn, lambda: datetime.now(UTC))
        agent = await house.agents.agent(
            plan, live.state, live, now=self.clock.now, record=live.action_ended, admit=admission
        )
        policy = _announced(agent.policy, plan) if recording else agent.policy
        meter = self.meter = CallMeter(frozenset(policy.phrases.all()))
        if self.watch is not None:
            self.watch.turns = lambda: meter.turns
        if self._journals is not None:
            self._journal = JournalFile(
                self._journals, self.call_id, policy, self.started, self._about()
            )
        recorders = _Recorders(self._metrics, self._journal, live, admission, self.meter)
        # The numbers of actions begin anew in each part of a conversation.
        part = f".{plan.past.last_action}" if plan.past else ""
        name = f"{plan.conversation_id}{part}"
        call = self._call = Call(policy, agent.services, self.clock, recorders, name)
        live.begin(call, agent)
        if self._writer is not None:
            resumed = Resumed(plan.conversation_id, self.call_id)
            self._writer.write(Begun(self._record()) if plan.past is None else resumed)
        return call

    def _recording(self) -> Recording | None:
        make = self._house.recording if self._plan.saved else None
        recording = make(self._plan, self.call_id, self.leg, self.clock) if make else None
        self.conversation.recording = recording
        return recording

    def _end(self, call: Call) -> None:
        live, plan, writer = self.conversation, self._plan, self._writer
        now = self.clock.now()
        live.write_lines(now)
        if live.leaving:
            before = plan.past or Past(())
            self._kept.keep(plan, self._past(call, before))
        if live.lost and not plan.saved:
            self._keep_unsaved(self._past(call, plan.past or Past(())))
        if writer is None:
            return
        status: Status = "paused" if live.leaving or live.paused else "ended"
        writer.write(Ended(plan.conversation_id, datetime.now(UTC), self.reason, status))

    def _keep_unsaved(self, past: Past) -> None:
        loop, unsaved = asyncio.get_running_loop(), self._unsaved
        records = self._plan.past.records if self._plan.past else ()
        past = replace(past, records=(*records, *self.conversation.messages()))
        unsaved.keep(replace(self._plan, past=past), loop.time())
        loop.call_later(PATIENCE_S + 1, lambda: unsaved.forget_late(loop.time()))

    def _keep_recording(self) -> None:
        recording, writer = self.conversation.recording, self._writer
        if recording is None or recording.path is None:
            return
        place = self._house.recorded(recording.path)
        if writer is not None:
            writer.write(RecordingKept(self._plan.conversation_id, place))

    def _past(self, call: Call, before: Past) -> Past:
        lines = call.transcript.lines
        messages = call.transcript.history("")
        own = [line for line in lines if not line.action]
        return Past(
            messages,
            dict(self.conversation.state.values),
            before.next_message + len(own) - len(before.messages),
            before.last_action + call.transcript.actions,
        )

    def _state_changed(self, state: Any) -> None:
        if self._journal is not None:
            self._journal.state(self.clock.now(), state)

    def _about(self) -> dict[str, Any]:
        past = self._plan.past
        first = (past.next_message, past.last_action) if past else (0, 0)
        return about(self._record(), *first)

    def _record(self) -> Conversation:
        plan = self._plan
        return Conversation(
            id=plan.conversation_id,
            created_at=self._began,
            workspace=plan.workspace,
            persona_id=plan.persona_id,
            persona_name=plan.persona.name,
            persona_version=plan.persona_version,
            user_id=plan.user_id,
            direction=plan.direction,
            call=self.call_id,
            details=plan.details,
            state=dict(self.conversation.state.values),
        )


def _announced(policy: TurnPolicy, plan: CallPlan) -> TurnPolicy:
    """The caller is told of the recording before anything else, unless that was in the past."""
    announcement = plan.persona.telephone.recording_announcement
    if not announcement or plan.past is not None:
        return policy
    greeting = f"{announcement} {policy.phrases.greeting}".strip()
    phrases = msgspec.structs.replace(policy.phrases, greeting=greeting)
    return msgspec.structs.replace(policy, phrases=phrases)


def _transport(call_id: str) -> Transport:
    """How the caller is connected, which the name of a call begins with."""
    return _TRANSPORTS.get(call_id[:2], "telephone")
