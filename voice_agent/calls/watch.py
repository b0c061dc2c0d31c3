"""One live call as consoles see it.

Nothing is computed as long as nobody watches; what is then shown is read off the call itself: its
transcript, its records and the meter of its turns. While it is watched, words go out as soon as the
facts of a moment are handled, everything else at most four times a second.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from voice_codecs.meter import needle
from voice_codecs.pcm import Encoding
from voice_pipelines.conversation.commands import Command, Silence
from voice_pipelines.conversation.events import Event, Transcribed
from voice_pipelines.engine.line import Line

from ..telemetry.turns import Turn
from . import views
from .captions import Speakers, SpeechKind
from .plan import CallPlan
from .records import Action, Message

_TURNS = 500
_ACTIONS = 200
"""Of both, the last ones are shown of a live call; the records have all."""
_LATE = views.LATE
"""Turns, and messages, that may still change."""

_Tap = Callable[[bytes], None]


class Shown(Protocol):
    """What is shown of a call."""

    @property
    def phase(self) -> str: ...

    @property
    def known(self) -> Mapping[str, Any]:
        """The state of the conversation."""

    @property
    def recording_state(self) -> views.RecordingState: ...

    def catch_up(self) -> None:
        """Tell `CallWatch.said` what is new of what was said."""

    def messages(self) -> Sequence[Message]:
        """All that was said, as of the last `catch_up`."""


class Audience(Protocol):
    """Who is told."""

    def changed(self, call: "CallWatch") -> None:
        """Have `flush` called within a quarter of a second."""

    def soon(self, call: "CallWatch") -> None:
        """Have `look` called when the facts of this moment are handled."""

    def tell(self, call: "CallWatch", event: Mapping[str, Any]) -> None:
        """Tell those who watch this call."""


class CallWatch:
    """What the board and a call's own page are told of one call."""

    def __init__(
        self,
        plan: CallPlan,
        shown: Shown,
        audience: Audience,
        began: datetime,
        transport: views.Transport,
        now: Callable[[], int],
    ) -> None:
        self.plan = plan
        self._bare = not plan.saved
        """Nothing of what is said and done is shown."""
        self.listed = False
        """Somebody watches the board."""
        self.watched = False
        """Somebody watches this call."""
        self.waits = False
        """`flush` is going to be called."""
        self.turns: Callable[[], Sequence[Turn]] = tuple
        """The released turns so far."""
        self._shown = shown
        self._audience = audience
        self._began = began
        self._started = began.isoformat(timespec="milliseconds")
        self._tally = views.Tally()
        self._transport: views.Transport = transport
        self._now = now
        self._actions: dict[int, Action] = {}
        self._last: views.LiveCallView | None = None
        self._turns: dict[int, views.TurnView] = {}
        """Those that were told of last."""
        self._speakers = Speakers()
        self._interim = self._told_interim = ""
        self._news: dict[int, Message] = {}
        self._cut: set[int] = set()
        """Turns that were cut off since messages were sent."""
        self._looking = False
        self._line: Line | None = None
        self._encoding = Encoding.PCM16
        self._taps: tuple[_Tap | None, _Tap | None] | None = None
        self._levels = [0.0, 0.0]
        self._told_levels = (0.0, 0.0)

    # The call tells ------------------------------------------------------------------------------

    def event(self, event: Event) -> None:
        """To be told every event, after the call has handled the one before."""
        if self.watched:
            if isinstance(event, Transcribed) and not self._bare:
                self._interim = event.text
            self._speech(self._speakers.event(event))
            self._look_soon()
        if (self.listed or self.watched) and not self.waits:
            self._audience.changed(self)

    def command(self, command: Command) -> None:
        """To be told every command."""
        if self.watched:
            if isinstance(command, Silence) and not self._bare:
                self._cut.add(command.turn)
            self._speech(self._speakers.command(command))
            self._look_soon()
        if (self.listed or self.watched) and not self.waits:
            self._audience.changed(self)

    def said(self, messages: Sequence[Message]) -> None:
        """Contributions that are new or have changed."""
        if self.watched and messages and not self._bare:
            self._news.update((message.number, message) for message in messages)
            self._look_soon()

    def acted(self, action: Action) -> None:
        """An action has begun or ended."""
        if self._bare:
            return
        self._actions[action.number] = action
        if len(self._actions) > _ACTIONS:
            del self._actions[next(iter(self._actions))]
        if self.watched:
            view = views.action(action, self._began)
            self._audience.tell(self, {"kind": "action", "action": view})

    def state_changed(self, state: Mapping[str, Any]) -> None:
        if self._bare:
            return
        if self.watched:
            told = {"kind": "state", "state": dict(state), "at": self._now()}
            self._audience.tell(self, told)
        if (self.listed or self.watched) and not self.waits:
            self._audience.changed(self)

    def recording_changed(self) -> None:
        """It is paused, or goes on."""
        if (self.listed or self.watched) and not self.waits:
            self._audience.changed(self)

    def connected(self, line: Line, encoding: Encoding) -> None:
        """The caller's line; its audio is in `encoding`, in both directions."""
        self._line, self._encoding = line, encoding
        if self.watched:
            self._listen()

    def disconnected(self) -> None:
        """The call is over: nothing of its audio is to live on with what was shown of it."""
        self._stop_listening()
        self._line = None

    # The board asks ------------------------------------------------------------------------------

    def view(self) -> views.LiveCallView:
        """The call as the board has it."""
        return views.live_call(
            self.plan,
            self._started,
            self._transport,
            self._shown.phase,
            self._shown.recording_state,
            self._tally.of(self.turns()),
            self._known(),
        )

    def changed_view(self) -> views.LiveCallView | None:
        """The same; None if it is as it was when this was last asked."""
        view = self.view()
        if view == self._last:
            return None
        self._last = view
        return view

    def snapshot(self) -> dict[str, Any]:
        """All that is known of the call."""
        self._shown.catch_up()
        messages = () if self._bare else self._shown.messages()
        turns = [self._turn(turn) for turn in self.turns()[-_TURNS:]]
        self._turns = {turn.number: turn for turn in turns[-_LATE:]}
        return {
            "call": self.view(),
            "messages": self._views(messages),
            "interim": self._interim,
            "state": dict(self._known()),
            "actions": [views.action(each, self._began) for each in self._actions.values()],
            "turns": turns,
            "participants": views.participants(self.plan),
        }

    def watch(self) -> None:
        """Somebody watches the call from now on."""
        if not self.watched:
            self.watched = True
            self._speakers = Speakers()
            self._shown.catch_up()  # What was said before is not news.
            self._news.clear()
            self._listen()

    def unwatch(self) -> None:
        """Nobody does any more."""
        self.watched = False
        self._interim = self._told_interim = ""
        self._news.clear()
        self._cut.clear()
        self._turns.clear()
        self._stop_listening()

    def look(self) -> None:
        """Tell what was said since the last time."""
        self._looking = False
        if not self.watched:
            return
        self._shown.catch_up()
        news, self._news = self._news, {}
        if self._cut:
            late = self._shown.messages()[-_LATE:]
            news |= {each.number: each for each in late if each.turn in self._cut}
            self._cut.clear()
        if any(message.speaker == "caller" for message in news.values()):
            self._interim = ""  # The words have been taken.
        shown = self._views(news.values())
        if shown or self._interim != self._told_interim:
            self._told_interim = self._interim
            told = {"kind": "messages", "messages": shown, "interim": self._interim}
            self._audience.tell(self, told)

    def flush(self) -> views.LiveCallView | None:
        """Tell of turns that have changed; the call's line on the board, if that has."""
        self.waits = False
        view = self.changed_view()
        if self.watched:
            if view is not None:
                self._audience.tell(self, {"kind": "call", "call": view})
            for turn in [self._turn(each) for each in self.turns()[-_LATE:]]:
                if self._turns.get(turn.number) != turn:
                    self._turns[turn.number] = turn
                    self._audience.tell(self, {"kind": "turn", "turn": turn})
            for number in list(self._turns)[: -2 * _LATE]:
                del self._turns[number]
        return view

    def levels(self) -> tuple[float, float] | None:
        """How loud the user and the agent were since this was last asked; None if nobody has
        anything new to see."""
        levels = round(self._levels[0], 2), round(self._levels[1], 2)
        self._levels = [0.0, 0.0]
        if levels == self._told_levels:
            return None
        self._told_levels = levels
        return levels

    # ---------------------------------------------------------------------------------------------

    def _known(self) -> Mapping[str, Any]:
        return {} if self._bare else self._shown.known

    def _turn(self, turn: Turn) -> views.TurnView:
        return views.turn(turn.without_words() if self._bare else turn)

    def _views(self, messages: Collection[Message]) -> list[views.SaidView]:
        if not messages:
            return []
        cut = {turn.number for turn in self.turns() if turn.interrupted}
        return [
            views.said(each, self._began, each.speaker == "agent" and each.turn in cut)
            for each in messages
            if each.speaker != "note"
        ]

    def _speech(self, kind: SpeechKind | None) -> None:
        if kind is not None:
            who = "user" if kind.startswith("user") else "ai"
            speaking = kind.endswith("started")
            self._audience.tell(self, {"kind": "speech", "who": who, "speaking": speaking})

    def _look_soon(self) -> None:
        if not self._looking:
            self._looking = True
            self._audience.soon(self)

    def _listen(self) -> None:
        """Measure the audio that passes; nothing does as long as nobody watches."""
        line = self._line
        if line is None or self._taps is not None:
            return
        self._taps = line.tap, line.player.tap
        line.tap = self._measuring(0, line.tap)
        line.player.tap = self._measuring(1, line.player.tap)

    def _stop_listening(self) -> None:
        if self._line is not None and self._taps is not None:
            self._line.tap, self._line.player.tap = self._taps
            self._taps = None

    def _measuring(self, who: int, before: _Tap | None) -> _Tap:
        encoding, levels = self._encoding, self

        def tap(audio: bytes) -> None:
            if before is not None:
                before(audio)
            loud = needle(audio, encoding)
            if loud > levels._levels[who]:
                levels._levels[who] = loud

        return tap
