"""One live conversation, as everybody outside of its audio sees it.

It is what actions do things to, what clients and the API talk to, and what is kept of it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Protocol

import structlog

from voice_codecs.convert import convert
from voice_codecs.pcm import MULAW_8K
from voice_pipelines.conversation.commands import Command
from voice_pipelines.conversation.events import (
    ActionEnded,
    Event,
    HangUpRequested,
    ReactRequested,
    SayRequested,
    Transcribed,
    UserTyped,
)
from voice_pipelines.conversation.machine import Phase
from voice_pipelines.engine.call import Call

from ..actions.dispatch import ActionRecord, Dispatcher
from ..actions.state import State
from .agent import Agent
from .answers import Answers
from .captions import Captions, ClientEvent
from .plan import CallPlan
from .record_writer import RecordWriter
from .recording import Recording
from .records import Action, Message, StateChanged, Write
from .scribe import Scribe
from .views import RecordingState
from .watch import CallWatch

_CALLER = "caller"
"""The leg of the party that the conversation is with."""
_LOOK_S = 0.05
_SILENT = (Phase.LISTENING, Phase.ENDED)
_NO_TELEPHONE = "Not done: this is no telephone call."

log = structlog.get_logger()


class Telephone(Protocol):
    """What can be done to a call on the telephone; each returns what the LLM is told."""

    async def transfer(self, number: str) -> str: ...

    async def send_sms(self, text: str) -> str: ...

    async def press_keys(self, keys: Sequence[str]) -> str: ...


Client = Callable[[ClientEvent], None]
"""Takes an event at once; it may neither block nor raise."""


class LiveCall:
    """A conversation while it is on a call. Satisfies `actions.dispatch.Effects`.

    Its state, its clients and its records live here; the talking is its `call`'s.
    """

    def __init__(
        self,
        plan: CallPlan,
        call_sid: str = "",
        *,
        state_changed: Callable[[Mapping[str, Any]], None] = lambda _: None,
        writer: RecordWriter | None = None,
        scribe: Scribe | None = None,
        telephone: "Callable[[LiveCall], Telephone] | None" = None,
        now: Callable[[], int] = lambda: 0,
    ) -> None:
        """`state_changed` keeps the state in the journal, `writer` and `scribe` in the records.

        `now` are the milliseconds since the call began.
        """
        self.plan = plan
        self.state = State(plan.past.state if plan.past else {})
        self._state_changed = state_changed
        self._writer = writer
        self._scribe = scribe
        self._now = now
        self._telephone = telephone(self) if telephone else None
        self._clients: list[Client] = []
        past = plan.past
        self._captions = Captions(past.next_message, len(past.messages)) if past else Captions()
        self._call: Call | None = None
        self._agent: Agent | None = None
        self._answers = Answers()
        self._written = 0
        """The transcript's changes when its lines were last looked at."""
        self._known: Mapping[str, Any] = self.state.values
        """The state as it was last told."""
        self._sounds = 0
        self._done: dict[int, ActionRecord] = {}
        """Actions that are over, until the conversation knows of it."""
        self.watch: CallWatch | None = None
        """What consoles see of it."""
        self.call_sid = call_sid
        """The carrier's name of the call."""
        self.leaving = False
        """Whether the conversation goes on elsewhere when the stream ends."""
        self.paused = False
        """Whether whoever ended it meant to come back."""
        self.lost = False
        """Whether its client was lost without a word, and may come back."""
        self.recording: Recording | None = None

    def begin(self, call: Call, agent: Agent) -> None:
        """The conversation is talking now."""
        self._call, self._agent = call, agent

    @property
    def dispatcher(self) -> Dispatcher | None:
        return self._agent.dispatcher if self._agent else None

    # For consoles; satisfies `watch.Shown` --------------------------------------------------------

    @property
    def phase(self) -> str:
        """What the conversation is doing."""
        return self._call.phase.name.lower() if self._call else "connecting"

    @property
    def known(self) -> Mapping[str, Any]:
        return self.state.values

    @property
    def recording_state(self) -> RecordingState:
        if self.recording is None:
            return "off"
        return "paused" if self.recording.paused else "on"

    def catch_up(self) -> None:
        self.write_lines(self._now())

    def messages(self) -> Sequence[Message]:
        """What was said, as of the last `catch_up`."""
        return self._scribe.all_messages() if self._scribe else ()

    # For clients and the API ---------------------------------------------------------------------

    def subscribe(self, client: Client) -> Callable[[], None]:
        """Tell `client` of what happens; call what is returned to stop that."""
        self._clients.append(client)
        return lambda: self._clients.remove(client) if client in self._clients else None

    def merge_state(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Assign `values`; return the whole state. Raises StateRefused."""
        if self.dispatcher is not None:
            self.dispatcher.update_state(values)
        elif self.state.merge(values):
            self.state_changed(self.state.values)
        return self.state.values

    def say(self, text: str) -> None:
        """Have the agent say exactly this."""
        self._tell(SayRequested(text))

    def react(self, text: str) -> None:
        """Tell the agent of something, so that it speaks of it."""
        self._tell(ReactRequested(text))

    def typed(self, text: str) -> None:
        """The other party wrote this."""
        self._tell(UserTyped(_CALLER, text))

    def say_goodbye(self, reason: str) -> None:
        """Let the agent say good-bye and hang up."""
        self._tell(HangUpRequested(reason))

    def pause_recording(self, paused: bool) -> bool:
        """Record silence from now on, or voices again; False if nothing is recorded."""
        if self.recording is None:
            return False
        if paused:
            self.recording.pause()
        else:
            self.recording.resume()
        if self.watch is not None:
            self.watch.recording_changed()
        return True

    def client_is_gone(self) -> None:
        """The connection is lost, or another one takes over."""
        self.paused = self.lost = True

    # For the telephone ---------------------------------------------------------------------------

    @property
    def conversation_id(self) -> str:
        return self.plan.conversation_id

    @property
    def persona(self) -> str:
        """The id of the persona that speaks."""
        return self.plan.persona_id or self.plan.persona.name

    @property
    def remote(self) -> str:
        """The other party's number in E.164; empty if it is withheld."""
        return self.plan.remote

    @property
    def own(self) -> str:
        """Our number in E.164."""
        return self.plan.own

    async def spoken(self, within_s: float) -> None:
        """Return when the agent's words so far were heard, or after `within_s`."""
        for _ in range(round(within_s / _LOOK_S)):
            if self._call is None or self._call.phase in _SILENT:
                return
            await asyncio.sleep(_LOOK_S)

    def end(self, reason: str) -> None:
        """Hang up when the agent's words so far were heard."""
        self._tell(HangUpRequested(reason, after_speech=True))

    def leave_message(self, text: str) -> None:
        """Say `text`, whatever is heard meanwhile, and hang up: this is an answering machine."""
        self._tell(SayRequested(text, hang_up="voicemail"))

    def play(self, mulaw: bytes) -> None:
        """Play audio that is not speech after what is queued: mu-law, 8 kHz."""
        if self._agent is None:
            return
        self._sounds += 1
        name = f"(sound {self._sounds})"
        audio_format = self._agent.services.tts.format
        self._agent.sounds[name] = convert(mulaw, MULAW_8K, audio_format)
        self._tell(SayRequested(name))

    def leaves(self) -> None:
        """The carrier is about to take the call away from its media stream; it may come back."""
        self.leaving = True

    def stays(self) -> None:
        """It does not, after all."""
        self.leaving = False

    # Effects of actions --------------------------------------------------------------------------

    def emitted(self, name: str, arguments: Mapping[str, object]) -> None:
        self._publish(ClientEvent("action", {name: dict(arguments)}))

    def state_changed(self, state: Mapping[str, object]) -> None:
        changes = {
            key: value
            for key, value in state.items()
            if key not in self._known or self._known[key] != value
        }
        self._known = dict(state)
        self._state_changed(state)
        self._write(StateChanged(self.plan.conversation_id, changes))
        self._publish(ClientEvent("state_updated", dict(state)))
        if self.watch is not None:
            self.watch.state_changed(state)

    def action_ended(self, record: ActionRecord) -> None:
        """The dispatcher tells what became of an action, before the conversation hears of it."""
        self._done[int(record.key.rpartition(":")[2])] = record

    async def hang_up(self) -> str:
        self._tell(HangUpRequested("hang_up_call", after_speech=True))
        return "The call ends as soon as you have said good-bye. Say nothing else."

    async def transfer(self, number: str) -> str:
        return await self._telephone.transfer(number) if self._telephone else _NO_TELEPHONE

    async def send_sms(self, text: str) -> str:
        return await self._telephone.send_sms(text) if self._telephone else _NO_TELEPHONE

    async def press_keys(self, keys: Sequence[str]) -> str:
        return await self._telephone.press_keys(keys) if self._telephone else _NO_TELEPHONE

    # What happens in the call; satisfies `engine.call.Recorder` ----------------------------------

    def event(self, now: int, event: Event) -> None:
        if isinstance(event, Transcribed) and self._agent and self._call and event.text:
            transcript, words = self._call.transcript, event.text
            self._agent.model.prepare(lambda: transcript.history("", words))
        if self._scribe is not None:
            if (action := self._scribe.event(now, event)) is not None:
                assert isinstance(event, ActionEnded)  # No other event ends one.
                self._acted(_with_outcome(action, self._done.pop(event.action, None)))
            self.write_lines(now)
        if self._clients and self._call is not None:
            for told in self._captions.event(event, self._call.transcript):
                self._publish(told)
        if self.watch is not None:
            self.watch.event(event)

    def command(self, now: int, command: Command) -> None:
        if self._answers.command(command) and self.dispatcher is not None:
            self.dispatcher.caller_spoke()
        if self._scribe is not None:
            if (action := self._scribe.command(now, command)) is not None:
                kind = self.dispatcher.kind(action.name) if self.dispatcher else None
                self._acted(replace(action, kind=kind.value if kind else None))
        if self._clients and self._call is not None:
            for told in self._captions.command(command, self._call.transcript):
                self._publish(told)
        if self.watch is not None:
            self.watch.command(command)

    def write_lines(self, now: int) -> None:
        """Hand the lines that have changed to the records."""
        if self._scribe is None or self._call is None:
            return
        transcript = self._call.transcript
        if transcript.changes != self._written:
            self._written = transcript.changes
            changed = self._scribe.messages(transcript.lines, now)
            self._write(*changed)
            if self.watch is not None:
                self.watch.said(changed)

    def _acted(self, action: Action) -> None:
        self._write(action)
        if self.watch is not None:
            self.watch.acted(action)

    def _write(self, *writes: Write) -> None:
        if self._writer is not None:
            self._writer.write(*writes)

    def _tell(self, event: Event) -> None:
        if self._call is not None:
            self._call.tell(event)

    def _publish(self, event: ClientEvent) -> None:
        for client in list(self._clients):
            try:
                client(event)
            except Exception:  # A client's bug is not the caller's.
                log.exception("client_failed")


def _with_outcome(action: Action, record: ActionRecord | None) -> Action:
    if record is None:  # The conversation did not wait any longer.
        return action
    webhook = None if record.webhook is None else asdict(record.webhook)
    return replace(action, outcome=record.outcome, webhook=webhook)
