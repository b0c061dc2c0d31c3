"""What consoles cost a call in the event loop, step by step; their sockets left out."""

import itertools
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from voice_agent.calls.feed import Feed, Topic, Watcher
from voice_agent.calls.plan import CallPlan
from voice_agent.calls.records import Message
from voice_agent.calls.views import RecordingState
from voice_agent.calls.watch import CallWatch
from voice_agent.personas.persona import Persona
from voice_agent.telemetry.turns import Turn
from voice_codecs.meter import needle
from voice_codecs.pcm import Encoding
from voice_pipelines.conversation.events import Heard

from .steps import Cost, best_us
from .utterances import tone

_CALLS, _CONSOLES, _TURNS = 100, 20, 20
_BOARD = Topic("default", "board")


class _Changing:
    """A call that is in another phase whenever it is looked at."""

    known: Mapping[str, Any] = {"email_address": "ann@example.com"}
    recording_state: RecordingState = "off"

    def __init__(self) -> None:
        self._phases = itertools.cycle(("listening", "thinking", "speaking"))

    @property
    def phase(self) -> str:
        return next(self._phases)

    def catch_up(self) -> None:
        pass

    def messages(self) -> Sequence[Message]:
        return ()


class _Nobody:
    """Takes what is told, and knows no topic's snapshot."""

    def changed(self, call: CallWatch) -> None:
        pass

    def soon(self, call: CallWatch) -> None:
        pass

    def tell(self, call: CallWatch, event: Mapping[str, Any]) -> None:
        pass

    def opened(self, topic: Topic) -> None:
        pass

    def closed(self, topic: Topic) -> None:
        pass

    def snapshot(self, topic: Topic) -> Mapping[str, Any]:
        return {}


def watching() -> list[Cost]:
    """The steps."""
    heard = Heard("caller", 1, "Thank you for calling us today", 1200)
    frame = tone(20)
    unwatched, watched = _call(0), _call(1)
    watched.watch()
    calls = [_call(number) for number in range(_CALLS)]
    feed = Feed(_Nobody(), lambda _: None)
    consoles = [Watcher(feed, _BOARD.workspace, lambda: None) for _ in range(_CONSOLES)]
    for console in consoles:
        console.watch(_BOARD.name)

    def board() -> None:
        changed = [view for call in calls if (view := call.flush()) is not None]
        feed.publish(_BOARD, {"kind": "calls", "calls": changed})
        for console in consoles:
            deque(console.take(), 0)

    def talk() -> None:
        watched.event(heard)
        watched.look()

    quarter = f"{_CALLS} calls that change, {_CONSOLES} consoles"
    return [
        Cost(
            "console: a call that nobody watches", best_us(lambda: unwatched.event(heard)), "event"
        ),
        Cost("console: a call that is watched", best_us(talk), "event"),
        Cost("console: level", best_us(lambda: needle(frame, Encoding.MULAW)), "20 ms, watched"),
        Cost(f"console: board, {quarter}", best_us(board), "quarter second"),
    ]


def _call(number: int) -> CallWatch:
    plan = CallPlan(conversation_id=f"{number:024x}", persona=Persona(name="Anna"), remote="+1415")
    nobody = _Nobody()
    call = CallWatch(plan, _Changing(), nobody, datetime.now(UTC), "telephone", lambda: 0)
    turns = [
        Turn(n, "hello there", started=0, speech_ended=0, first_audio=200 + n, released=190)
        for n in range(_TURNS)
    ]
    call.turns = lambda: turns
    return call
