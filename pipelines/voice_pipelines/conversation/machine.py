"""The turn-taking state machine: events in, commands out, no I/O and no clock.

::

                          pause, words           due            first audio
    WAITING ─joined─> LISTENING ──> (draft) ──> THINKING ──────> SPEAKING
                       ^  ^  ^         │resumes    │   ^            │  ^
                       │  │  └─────────┘           │   │            │  │ false alarm
                       │  └──── taken back ────────┤   └──┐  speech │  │
                       │                           └─────> PAUSED <─┘  │
                       ├────── interrupted ─────────────────┤└─────────┘
                       └────── playback ended, given up ────┘

Whatever state: the caller leaves, time is up, or too much failed ──> ENDED.

* LISTENING: the floor is the caller's. At each pause the words so far are asked for and answered
  by a *draft*: a reply that nobody hears. Speech drops it, other words replace it, and once the
  silence has lasted long enough (`endpointing.patience`) it is committed.
* THINKING: a reply was committed and nothing of it is audible. SPEAKING: something is.
* PAUSED: somebody speaks over the reply. Words or sustained speech interrupt it, shortly after its
  beginning they take the whole turn back; otherwise it goes on from the sample where it stopped.

No state lasts for ever: `_timers` lists what will happen in each, and everything that is waited for
has a watchdog there.
"""

from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import TypeVar, assert_never

from .closing import Closing
from .commands import (
    Command,
    HangUp,
    PredictTurnEnd,
    Prefill,
    Settle,
    StartUtterance,
)
from .ear import Ear
from .endpointing import patience
from .events import (
    ActionEnded,
    Event,
    HangUpRequested,
    Heard,
    HistoryRestored,
    KeyPressed,
    LegJoined,
    LegLeft,
    Listened,
    MessagesSpent,
    PlaybackEnded,
    PlaybackStarted,
    Played,
    Prepared,
    ReactRequested,
    ReplyAction,
    ReplyEnded,
    ReplyFailed,
    ReplyStarted,
    ReplyText,
    ReplyUsage,
    SayRequested,
    SpeechConfirmed,
    SpeechEnded,
    SpeechFailed,
    SpeechReady,
    SpeechStarted,
    SpeechStopped,
    Tick,
    Told,
    Transcribed,
    TranscriptionFailed,
    TurnEndPredicted,
    UserTyped,
)
from .keypad import Keypad
from .open_actions import OpenActions
from .policy import TurnPolicy
from .replies import Replies
from .reply import Reply
from .transcript import Transcript
from .words import expectation, is_backchannel, is_farewell, same_words

Commands = Iterator[Command]
_Subject = TypeVar("_Subject")
Timer = tuple[int, Callable[[int], Commands]]

_SLOWEST_MS = 150
"""A character of a text that is spoken slowly."""
_TIMERS_AT_ONCE = 16
"""More timers than this cannot fall due in one moment; a bug must not hang the event loop."""


class Phase(Enum):
    WAITING = auto()
    LISTENING = auto()
    THINKING = auto()
    SPEAKING = auto()
    PAUSED = auto()
    ENDED = auto()


class Conversation:
    """An agent and the parties of one call taking turns.

    The first leg that joins is the *caller*: the agent greets it, and the call ends when it leaves.
    What other legs say counts as well; playback is judged by the caller's leg.
    """

    def __init__(self, policy: TurnPolicy) -> None:
        self.policy = policy
        self.transcript = Transcript()
        self._replies = Replies(self.transcript, policy.instructions)
        self._ears: dict[str, Ear] = {}
        self._caller: str | None = None
        self._ended = False
        self._began = 0
        self._quiet_since = 0
        self._idle_prompts = 0
        self._failures = 0
        """Turns that failed in a row."""
        self._keypad = Keypad()
        self._closing = Closing()
        self._time_up = False
        self._actions = OpenActions(self.transcript)
        self._restored = False
        self._spent = ""
        """What callers are told who may have no further answers."""

    # The two questions ---------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """Where in the drawing the conversation is."""
        if self._ended:
            return Phase.ENDED
        if self._caller is None:
            return Phase.WAITING
        if self._replies.paused:
            return Phase.PAUSED
        if self._replies.audible:
            return Phase.SPEAKING
        return Phase.THINKING if self._replies else Phase.LISTENING

    def deadline(self) -> int | None:
        """When a `Tick` is due, if ever."""
        return min((due for due, _ in self._timers()), default=None)

    def handle(self, event: Event, now: int) -> tuple[Command, ...]:
        """Take one event and return the commands it causes, in order."""
        if self._ended:
            return ()
        commands = list(self._on(event, now))
        for _ in range(_TIMERS_AT_ONCE):
            due, act = min(self._timers(), key=lambda timer: timer[0], default=(now + 1, None))
            if act is None or due > now:
                break
            commands += act(now)
        return tuple(commands)

    def _on(self, event: Event, now: int) -> Commands:
        if isinstance(event, Listened):
            if ear := self._ears.get(event.leg):
                yield from self._on_listened(ear, event, now)
        elif isinstance(event, Prepared):
            if reply := self._replies.find(event.turn):
                yield from self._on_prepared(reply, event, now)
        elif isinstance(event, Played):
            if event.leg == self._caller:
                yield from self._on_played(event, now)
        else:
            yield from self._on_told(event, now)

    def _on_listened(self, ear: Ear, event: Listened, now: int) -> Commands:
        match event:
            case SpeechStarted():
                yield from self._speech_started(ear, now)
            case SpeechConfirmed():
                yield from self._speech_confirmed(ear, now)
            case SpeechStopped(_, silence_ms):
                yield from self._speech_stopped(ear, now - silence_ms, now)
            case Transcribed(_, text, request):
                yield from self._transcribed(ear, text, request, now)
            case TranscriptionFailed():
                if ear.asked_at is not None:
                    yield from self._recognizer_is_late(ear, now)
            case TurnEndPredicted(_, request, probability):
                if request == ear.request:
                    ear.probability = probability
            case _:
                assert_never(event)

    def _on_prepared(self, reply: Reply, event: Prepared, now: int) -> Commands:
        match event:
            case SpeechReady(_, piece):
                reply.ready_pieces = max(reply.ready_pieces, piece + 1)
                reply.progress_at = now
            case ReplyStarted() | SpeechEnded():
                reply.progress_at = now
            case SpeechFailed():
                yield from self._not_spoken(reply, now)
            case ReplyText() | ReplyAction() | ReplyEnded() | ReplyFailed() if reply.complete:
                pass  # The LLM's, after its end.
            case ReplyText(_, text):
                yield from self._replies.speak(reply, text, now)
            case ReplyAction():
                reply.actions.append(event)
                reply.progress_at = now
                if reply.committed_at is not None:
                    yield from self._actions.start(reply, now)
            case ReplyEnded():
                yield from self._written(reply, now)
            case ReplyFailed():
                yield from self._not_written(reply, now)
            case _:
                assert_never(event)

    def _on_played(self, event: Played, now: int) -> Commands:
        """What the caller's leg was played; that of the others tells nothing."""
        reply = self._replies.find_released(event.turn)
        match event:
            case PlaybackStarted():
                if reply:
                    reply.audible_at = reply.audible_at or now
                    reply.progress_at = now
            case Heard(_, turn, text):
                self.transcript.agent_heard(turn, text)
                if reply:
                    reply.progress_at = now
            case PlaybackEnded():
                if reply:
                    yield from self._played(reply, now)
            case _:
                assert_never(event)

    def _on_told(self, event: Told, now: int) -> Commands:
        match event:
            case LegJoined(leg):
                yield from self._joined(leg, now)
            case LegLeft(leg):
                yield from self._left(leg)
            case KeyPressed(_, key):
                yield from self._key_pressed(key, now)
            case ActionEnded(action, result, react):
                yield from self._action_ended(action, result, react, now)
            case HangUpRequested(reason, after_speech):
                yield from self._hang_up_by_order(reason, after_speech, now)
            case HistoryRestored(messages, note):
                self._restored = True
                self.transcript.restore(messages)
                if note:
                    yield from self._learned(note, now)
            case UserTyped(leg, text):
                yield from self._typed(leg, text, now)
            case SayRequested(text, hang_up):
                yield from self._say_by_order(text, hang_up, now)
            case ReactRequested(text):
                yield from self._learned(text, now)
            case MessagesSpent(text):
                yield from self._no_more_answers(text, now)
            case ReplyUsage():
                pass  # For the bill alone.
            case Tick():
                pass  # What is due is done after every event.
            case _:
                assert_never(event)

    # Time ----------------------------------------------------------------------------------------

    def _timers(self) -> Iterator[Timer]:
        """Everything that will happen by itself, with when."""
        if self._ended or self._caller is None:
            return
        policy = self.policy
        if not self._time_up:
            yield self._began + policy.limits.max_call_ms, self._is_time_up
        for due in self._closing.due():
            yield due, self._hang_up
        for ear in self._ears.values():
            if ear.speaking and not self._replies.paused:
                yield ear.started_at + policy.endpointing.max_turn_ms, _for(self._ignore, ear)
                if ear.confirmed and ear.text:
                    stable = max(ear.text_changed_at, ear.started_at) + policy.endpointing.stable_ms
                    yield stable, _for(self._ignore, ear)
            if ear.asked_at is not None:
                yield ear.asked_at + policy.watchdog.stt_ms, _for(self._recognizer_is_late, ear)
        if (since := self._actions.oldest) is not None:
            yield since + policy.watchdog.action_ms, self._actions_are_late
        if self._keypad:
            yield self._keypad.due(policy.endpointing.keypad_ms), self._keys_complete
        if self._replies.paused:
            yield from self._pause_timers()
        elif self._replies:
            for reply in self._replies.released:
                yield from self._watchdogs(reply)
        else:
            yield from self._listening_timers()

    def _listening_timers(self) -> Iterator[Timer]:
        if any(ear.speaking for ear in self._ears.values()) or self._closing.at is not None:
            return
        waiting = False
        for ear in self._ears.values():
            if ear.settled and ear.words:
                waiting = True
                yield self._turn_ends_at(ear), _for(self._commit, ear)
            waiting = waiting or ear.asked_at is not None
        if waiting or self._keypad:
            return
        if self._actions.reaction_due:
            yield self._quiet_since, self._react
        elif (since := self._actions.oldest) is not None:
            wait = self._actions.patience_ms(self.policy.watchdog)
            yield max(self._quiet_since, since) + wait, self._hold_on
        else:
            yield self._quiet_since + self.policy.idle.prompt_ms, self._nobody_speaks

    def _pause_timers(self) -> Iterator[Timer]:
        rule = self.policy.interruption
        speaking = [ear for ear in self._ears.values() if ear.speaking]
        for ear in speaking:
            at = ear.confirmed_at if ear.confirmed else ear.started_at
            yield at + rule.sustained_ms, _for(self._interrupted, ear)
        if not speaking:
            last = max((ear.voiced_until for ear in self._ears.values()), default=0)
            yield last + rule.false_alarm_ms, self._false_alarm

    def _watchdogs(self, reply: Reply) -> Iterator[Timer]:
        """What happens if nothing happens to `reply` any more."""
        rule = self.policy.watchdog
        if reply.phrase:
            wait = rule.phrase_ms if reply.audible_at is None else rule.stall_ms
            yield reply.progress_at + wait, _for(self._phrase_is_stuck, reply)
        elif reply.audible_at is not None:
            yield reply.progress_at + rule.stall_ms, _for(self._give_up, reply)
        else:
            committed = reply.committed_at or 0
            yield reply.given_up_at(rule), _for(self._give_up, reply)
            if reply.filled_at is None:
                late = reply.progress_at if reply.failed else committed + rule.filler_ms
                yield late, _for(self._fill, reply)
            if reply.failed:
                yield reply.progress_at + rule.retry_ms, _for(self._replies.try_again, reply)

    # Legs ----------------------------------------------------------------------------------------

    def _joined(self, leg: str, now: int) -> Commands:
        self._ears.setdefault(leg, Ear(leg))
        if self._caller is None:
            self._caller = leg
            self._began = self._quiet_since = now
            if self._actions.reaction_due:
                yield from self._react(now)
            elif self.policy.phrases.greeting and not self._restored:
                yield from self._say(self.policy.phrases.greeting, now)

    def _left(self, leg: str) -> Commands:
        self._ears.pop(leg, None)
        if leg == self._caller:
            yield from self._replies.drop_all()
            self._closing.reason = "caller_left"
            yield from self._hang_up(0)

    # The caller speaks ---------------------------------------------------------------------------

    def _speech_started(self, ear: Ear, now: int) -> Commands:
        if ear.talking:
            return
        ear.starts(now)
        if self.policy.interruption.enabled:
            yield from self._replies.duck()

    def _speech_confirmed(self, ear: Ear, now: int) -> Commands:
        if not ear.talking or ear.confirmed:
            return
        ear.confirms(now)
        self._closing.stay()
        if ear.words and not self._replies:
            ear.pauses.resumed_after(ear.started_at - ear.voiced_until)
        yield from self._replies.drop_draft()
        if self._replies and not self._replies.paused and self._may_be_interrupted():
            yield from self._replies.pause()
        elif not self._replies and not ear.words and self.policy.speculation.prefill_words:
            yield Prefill(self.transcript.opening(self.policy.instructions))

    def _speech_stopped(self, ear: Ear, voiced_until: int, now: int) -> Commands:
        if not ear.talking:
            return
        ear.stops(voiced_until)
        if self._replies and not self._replies.paused:
            yield from self._replies.unduck()
            if self._may_be_interrupted():
                yield from self._forget(ear)  # Too short to be anything.
            return
        yield from self._ask_for_words(ear, now)

    def _ask_for_words(self, ear: Ear, now: int) -> Commands:
        yield Settle(ear.leg, ear.ask(now))
        if self._replies.paused:
            return
        if self.policy.speculation.turn_detector:
            yield PredictTurnEnd(ear.leg, ear.request)
        if self.policy.speculation.on_interim and ear.text:
            yield from self._draft_reply(ear, now)

    def _transcribed(self, ear: Ear, text: str, request: int | None, now: int) -> Commands:
        if not ear.takes(text, request, now):
            return
        if self._replies.paused:
            yield from self._words_over_reply(ear, now)
        elif self._replies:
            pass  # The agent cannot be interrupted now; the words wait.
        elif ear.settled:
            if ear.words:
                yield from self._draft_reply(ear, now)
            else:
                yield from self._replies.drop_draft()
                yield from self._forget(ear)
        elif ear.speaking:
            if stable := ear.prefill(self.policy.speculation):
                yield Prefill(self.transcript.history(self.policy.instructions, stable))

    def _recognizer_is_late(self, ear: Ear, now: int) -> Commands:
        ear.asked_at = None
        if ear.words and (self._replies or not ear.stale):
            ear.settled = True
            if self._replies.paused:
                yield from self._words_over_reply(ear, now)
            elif not self._replies:
                yield from self._draft_reply(ear, now)
            return
        yield from self._replies.drop_draft()
        yield from self._forget(ear)
        if self._replies.paused:
            yield from self._false_alarm(now)
        elif not self._replies and not ear.speaking:
            yield from self._failed(self.policy.phrases.not_heard, now)

    def _ignore(self, ear: Ear, now: int) -> Commands:
        """The gate does not close, but what it hears is not the caller any more."""
        ear.taken = True
        ear.voiced_until = now
        if not self._replies:
            yield from self._ask_for_words(ear, now)

    def _forget(self, ear: Ear) -> Commands:
        ear.begin_utterance()
        yield StartUtterance(ear.leg)

    def _key_pressed(self, key: str, now: int) -> Commands:
        if self._closing:
            return
        if self._replies and self._may_be_interrupted():
            yield from self._replies.drop_all()
        self._quiet_since = now
        if self._keypad.press(key, now):
            yield from self._keys_complete(now)

    def _keys_complete(self, now: int) -> Commands:
        keys = self._keypad.take()
        yield from self._replies.drop_all()
        yield from self._answer(f"(The caller pressed the keys {keys}.)", self._caller or "", now)

    def _say_by_order(self, text: str, hang_up: str, now: int) -> Commands:
        if self._closing:
            return
        if hang_up:
            yield from self._replies.drop_all()
        yield from self._say(text, now, hang_up)
        self._closing.prolong(_SLOWEST_MS * len(text))  # It may be long.

    def _typed(self, leg: str, text: str, now: int) -> Commands:
        if self._closing or self._caller is None or not text.strip():
            return
        yield from self._replies.drop_all()
        for ear in self._ears.values():
            yield from self._forget(ear)
        self._quiet_since = now
        self._actions.rounds = 0
        if self._spent:
            yield from self._refuse(text, leg, now)
        else:
            yield from self._answer(text, leg, now, text)

    # The turn ends -------------------------------------------------------------------------------

    def _turn_ends_at(self, ear: Ear) -> int:
        expected = expectation(self.transcript.last_agent_text())
        rule = self.policy.endpointing
        return ear.voiced_until + patience(rule, ear.words, ear.probability, expected, ear.pauses)

    def _draft_reply(self, ear: Ear, now: int) -> Commands:
        """Begin to answer what was said so far, unless just that is being answered."""
        draft = self._replies.draft
        if draft and draft.leg == ear.leg and same_words(draft.source, ear.words):
            return
        if self._spent:
            return
        yield from self._replies.drop_draft()
        yield from self._replies.make_draft(ear.words, ear.leg, now)

    def _commit(self, ear: Ear, now: int) -> Commands:
        """The caller's turn is over: the draft becomes the reply."""
        source, said, leg = ear.words, ear.text or ear.words, ear.leg
        yield from self._forget(ear)
        self._actions.rounds = 0
        if self._spent:
            yield from self._refuse(source, leg, now)
            return
        draft = self._replies.draft
        if draft is None or draft.failed or not same_words(draft.source, source):
            yield from self._replies.drop_draft()
            yield from self._answer(source, leg, now, said)
            return
        self._replies.draft = None
        self.transcript.caller_said(draft.turn, leg, source)
        yield from self._release(draft, now, said)

    def _answer(self, source: str, leg: str, now: int, said: str = "") -> Commands:
        """Answer without having speculated."""
        reply, start = self._replies.answer_at_once(source, leg, now)
        yield start
        yield from self._release(reply, now, said)

    def _release(self, reply: Reply, now: int, said: str) -> Commands:
        """Let the reply be heard; `said` are the caller's last words, without any given back."""
        self._idle_prompts = 0
        self._actions.reaction_due = False
        if is_farewell(said):
            reply.hang_up = "goodbye"
        yield from self._replies.release(reply, now)
        yield from self._actions.start(reply, now)
        if reply.complete:
            self._actions.said_nothing(reply)

    def _refuse(self, source: str, leg: str, now: int) -> Commands:
        """Say that there are no further answers."""
        yield from self._replies.drop_draft()
        self._idle_prompts = 0
        self.transcript.caller_said(0, leg, source)
        if is_farewell(source):
            yield from self._say(self.policy.phrases.goodbye, now, hang_up="goodbye")
        else:
            yield from self._say(self._spent, now)

    def _no_more_answers(self, text: str, now: int) -> Commands:
        self._spent = text
        yield from self._replies.drop_draft()
        answer = self._replies.answer
        if answer and not answer.pieces and not self._closing:  # It was just committed.
            yield from self._replies.drop(answer)
            yield from self._say(text, now)

    # The reply -----------------------------------------------------------------------------------

    def _written(self, reply: Reply, now: int) -> Commands:
        if not reply.pieces and not reply.actions and not reply.acted:
            yield from self._not_written(reply, now)
        else:
            yield from self._replies.finish(reply, now)
            if reply.committed_at is not None:
                self._actions.said_nothing(reply)

    def _not_written(self, reply: Reply, now: int) -> Commands:
        """The LLM failed, or had nothing to say."""
        if reply.pieces:
            if reply.committed_at is not None:
                yield from self._replies.speak(reply, self.policy.phrases.broken_off, now)
            yield from self._replies.finish(reply, now)
        elif reply.attempt < self.policy.watchdog.attempts:
            yield from self._replies.try_again(reply, now)
        else:
            # If it is a draft, whether that matters is known when the turn is over; the watchdogs
            # of a committed turn say a filler, ask again, and in the end apologize.
            reply.failed = True
            reply.progress_at = now

    def _not_spoken(self, reply: Reply, now: int) -> Commands:
        """The TTS failed."""
        if reply.phrase:
            yield from self._phrase_is_stuck(reply, now)
        elif reply is self._replies.draft:
            reply.failed = True
        else:
            yield from self._give_up(reply, now)

    def _fill(self, reply: Reply, now: int) -> Commands:
        """The answer is late: say something that keeps the line alive."""
        reply.filled_at = now
        yield from self._say(self.policy.phrases.filler, now)

    def _give_up(self, reply: Reply, now: int) -> Commands:
        closing = reply.hang_up
        yield from self._replies.drop_all()
        if closing:
            yield from self._say(self.policy.phrases.goodbye, now, hang_up=closing)
        else:
            yield from self._failed(self.policy.phrases.apology, now)

    def _failed(self, phrase: str, now: int) -> Commands:
        """Something behind the agent failed; say so, or end the call if it keeps failing."""
        if self._too_many_failures():
            yield from self._say(self.policy.phrases.failure, now, hang_up="failures")
        else:
            yield from self._say(phrase, now)

    def _too_many_failures(self) -> bool:
        """Count one more turn that failed; whether that is to be the end."""
        self._failures += 1
        return self._failures >= self.policy.watchdog.failures

    def _phrase_is_stuck(self, reply: Reply, now: int) -> Commands:
        self._quiet_since = now
        yield from self._replies.drop(reply)
        reason = reply.hang_up
        if not reason and self._too_many_failures():
            reason = "failures"
        if reason:
            self._closing.reason = reason
            yield from self._hang_up(now)

    def _say(self, phrase: str, now: int, hang_up: str = "") -> Commands:
        """Speak a fixed phrase at once."""
        if hang_up:
            self._closing.begin(hang_up, now + self.policy.watchdog.closing_ms)
        yield from self._replies.say(phrase, now, hang_up)

    def _played(self, reply: Reply, now: int) -> Commands:
        self._replies.played(reply)
        self._quiet_since = now
        if not reply.phrase:
            self._failures = 0
        if reply.hang_up and not reply.pieces:
            yield from self._say(self.policy.phrases.goodbye, now, hang_up=reply.hang_up)
        elif reply.hang_up:
            self._closing.linger(reply.hang_up, now + self.policy.limits.linger_ms)
        elif self._actions.reaction_due and not self._replies:
            yield from self._react(now)
        elif not self._replies:
            yield from self._listen_again(now)

    def _listen_again(self, now: int) -> Commands:
        """The floor is free: what was said over the agent, or is still being said, counts now."""
        for ear in self._ears.values():
            if ear.taken:
                ear.counts_again(now)
            if ear.spoke and not (ear.speaking or ear.settled or ear.asked_at is not None):
                yield from self._ask_for_words(ear, now)

    # Interruption --------------------------------------------------------------------------------

    def _may_be_interrupted(self) -> bool:
        return self.policy.interruption.enabled and not self._closing

    def _words_over_reply(self, ear: Ear, now: int) -> Commands:
        if ear.text and not is_backchannel(ear.text):
            yield from self._interrupted(ear, now)
        elif ear.settled:
            yield from self._false_alarm(now)

    def _interrupted(self, ear: Ear, now: int) -> Commands:
        """The caller takes the floor; shortly after the agent's first word, it never left it."""
        answer = self._replies.answer
        yield from self._replies.drop_all()
        audible = answer.audible_at if answer else None
        early = audible is None or ear.started_at <= audible + self.policy.interruption.retract_ms
        if answer and early and not answer.acted and answer.source and answer.leg == ear.leg:
            ear.prefix = self.transcript.retract(answer.turn)
            ear.pauses.resumed_after(ear.started_at - (answer.committed_at or ear.started_at))
        self._quiet_since = now
        if ear.settled and ear.words:
            yield from self._draft_reply(ear, now)
        elif not ear.speaking:
            yield from self._ask_for_words(ear, now)

    def _false_alarm(self, now: int) -> Commands:
        """Nobody wanted to speak: go on where the agent paused."""
        for ear in self._ears.values():
            if not ear.speaking:
                yield from self._forget(ear)
        yield from self._replies.resume(now)

    # Actions -------------------------------------------------------------------------------------

    def _action_ended(self, action: int, result: str, react: bool, now: int) -> Commands:
        if not self._actions.ended(action, result, react):
            return  # Answered already.
        yield from self._news(now)

    def _actions_are_late(self, now: int) -> Commands:
        for action in self._actions.overdue(now - self.policy.watchdog.action_ms):
            self._actions.ended(action, "no answer in time; it may or may not be done", react=True)
        yield from self._news(now)

    def _learned(self, text: str, now: int) -> Commands:
        """Something happened that the agent shall speak of."""
        self.transcript.note(0, f"({text})")
        self._actions.reaction_due = True
        self._actions.rounds = 0
        yield from self._news(now)

    def _news(self, now: int) -> Commands:
        """Let the agent take up what has been learned, at once or with what it answers next."""
        draft = self._replies.draft
        if draft and draft.source and (ear := self._ears.get(draft.leg)):
            yield from self._replies.drop_draft()  # It was begun without knowing.
            yield from self._draft_reply(ear, now)
        busy = self._replies or self._replies.draft or self._somebody_speaks()
        if self._actions.reaction_due and not busy and self._caller is not None:
            yield from self._react(now)

    def _react(self, now: int) -> Commands:
        """Let the agent say what has been learned."""
        self._actions.reaction_due = False
        if self._closing:
            return
        self._actions.rounds += 1
        if self._actions.rounds > self.policy.limits.action_rounds:
            yield from self._failed(self.policy.phrases.apology, now)
        else:
            yield from self._answer("", "", now)

    def _hold_on(self, now: int) -> Commands:
        """What the agent does takes its time."""
        self._actions.holds += 1
        phrases = self.policy.phrases
        yield from self._say(phrases.checking if self._actions.holds == 1 else phrases.filler, now)

    def _somebody_speaks(self) -> bool:
        return any(ear.speaking for ear in self._ears.values())

    # Silence and the end -------------------------------------------------------------------------

    def _nobody_speaks(self, now: int) -> Commands:
        self._idle_prompts += 1
        if self._idle_prompts > self.policy.idle.prompts:
            yield from self._say(self.policy.phrases.goodbye, now, hang_up="idle")
        else:
            yield from self._say(self.policy.phrases.idle, now)

    def _hang_up_by_order(self, reason: str, after_speech: bool, now: int) -> Commands:
        if self._closing:
            return
        if after_speech:
            yield from self._close_after_speech(reason, now)
        else:
            yield from self._replies.drop_all()
            yield from self._say(self.policy.phrases.goodbye, now, hang_up=reason)

    def _close_after_speech(self, reason: str, now: int) -> Commands:
        """The agent ends the call: hang up when what it is saying has been heard."""
        self._closing.begin(reason, now + self.policy.watchdog.closing_ms)
        yield from self._replies.drop_draft()
        if self._replies:
            self._replies.released[-1].hang_up = reason
        else:
            self._closing.linger(reason, now + self.policy.limits.linger_ms)

    def _is_time_up(self, now: int) -> Commands:
        self._time_up = True
        if not self._closing:
            yield from self._replies.drop_all()
            yield from self._say(self.policy.phrases.time_up, now, hang_up="time_up")

    def _hang_up(self, now: int) -> Commands:
        yield from self._replies.drop_all()
        self._ended = True
        yield HangUp(self._closing.reason or "ended")


def _for(act: Callable[[_Subject, int], Commands], subject: _Subject) -> Callable[[int], Commands]:
    return lambda now: act(subject, now)
