"""One call as consoles are told of it, fact by fact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from voice_agent.calls.plan import CallPlan
from voice_agent.calls.records import Action, Message
from voice_agent.calls.views import RecordingState, Tally
from voice_agent.calls.watch import CallWatch
from voice_agent.personas.persona import Persona
from voice_agent.telemetry.turns import Turn
from voice_pipelines.conversation.commands import Silence
from voice_pipelines.conversation.events import (
    Event,
    PlaybackStarted,
    SpeechConfirmed,
    SpeechStopped,
    Transcribed,
)

BEGAN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def message(number: int, speaker: str, text: str, turn: int = 1) -> Message:
    at = BEGAN + timedelta(seconds=number)
    return Message(
        conversation_id="c",
        number=number,
        speaker=speaker,
        text=text,
        at=at,
        intended=f"{text} And more." if speaker == "agent" else "",
        turn=turn,
    )


@dataclass
class Call:
    """What is shown, and whoever is told: everything is kept."""

    phase: str = "listening"
    recording_state: RecordingState = "off"
    known: Mapping[str, Any] = field(default_factory=dict)
    said: list[Message] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        plan = CallPlan(conversation_id="c", persona=Persona(name="Anna"), remote="+1")
        self.watch = CallWatch(plan, self, self, BEGAN, "telephone", lambda: 700)
        self.watch.turns = lambda: self.turns

    def catch_up(self) -> None:
        pass

    def messages(self) -> Sequence[Message]:
        return self.said

    def says(self, message: Message) -> None:
        self.said = [each for each in self.said if each.number != message.number] + [message]
        self.watch.said([message])

    def changed(self, call: CallWatch) -> None:
        call.waits = True
        self.waiting.append("flush")

    def soon(self, call: CallWatch) -> None:
        self.waiting.append("look")

    def tell(self, call: CallWatch, event: Mapping[str, Any]) -> None:
        self.told.append(msgspec.json.decode(msgspec.json.encode(event)))

    def take(self) -> list[dict[str, Any]]:
        """Do what was asked for, and what was told by then."""
        waiting, self.waiting = self.waiting, []
        for what in waiting:
            (self.watch.look if what == "look" else self.watch.flush)()
        told, self.told = self.told, []
        return told

    def event(self, *events: Event) -> None:
        for event in events:
            self.watch.event(event)


def test_nothing_is_asked_for_while_nobody_watches() -> None:
    call = Call()
    call.event(SpeechConfirmed("caller"), Transcribed("caller", "Hello"))
    call.watch.command(Silence(1))
    call.says(message(0, "caller", "Hello"))
    call.watch.state_changed({"a": 1})
    assert call.waiting == [] and call.told == []
    call.watch.listed = True
    call.event(SpeechConfirmed("caller"), SpeechStopped("caller", 100))
    assert call.waiting == ["flush"], "once for all that happens until then"


def test_words_are_told_while_they_are_said_and_when_they_are_taken() -> None:
    call = Call()
    call.watch.watch()
    call.event(SpeechConfirmed("caller"), Transcribed("caller", "Hel"))
    call.event(Transcribed("caller", "Hello"))
    told = call.take()
    assert told[0] == {"kind": "speech", "who": "user", "speaking": True}
    assert {"kind": "messages", "messages": [], "interim": "Hello"} in told
    call.says(message(0, "caller", "Hello."))
    (event,) = [each for each in call.take() if each["kind"] == "messages"]
    assert event["interim"] == "" and event["messages"] == [
        {
            "messageId": "0",
            "source": "user",
            "content": "Hello.",
            "intended": "Hello.",
            "withdrawn": False,
            "interrupted": False,
            "at": 0,
        }
    ]
    assert call.take() == []


def test_an_answer_that_is_cut_off_is_told_of_again() -> None:
    call = Call()
    call.watch.watch()
    call.turns.append(Turn(1, started=0, first_audio=100))
    call.event(PlaybackStarted("caller", 1))
    call.says(message(1, "agent", "Well,"))
    told = call.take()
    assert {"kind": "speech", "who": "ai", "speaking": True} in told
    (turn,) = [each["turn"] for each in told if each["kind"] == "turn"]
    assert not turn["interrupted"] and turn["answer"]
    call.turns[0].interrupted = True
    call.watch.command(Silence(1))
    told = call.take()
    assert {"kind": "speech", "who": "ai", "speaking": False} in told
    (said,) = [each for each in told if each["kind"] == "messages"]
    assert said["messages"][0]["interrupted"]
    assert said["messages"][0]["content"] == "Well,"
    assert said["messages"][0]["intended"] == "Well, And more."
    (turn,) = [each["turn"] for each in told if each["kind"] == "turn"]
    assert turn["interrupted"]
    (line,) = [each["call"] for each in told if each["kind"] == "call"]
    assert line["interrupted"] == 1
    call.event(SpeechConfirmed("caller"))
    assert [each["kind"] for each in call.take()] == ["speech"], "nothing else has changed"


def test_who_comes_late_gets_all_of_it() -> None:
    call = Call(known={"a": 1})
    call.says(message(0, "caller", "Hello."))
    call.says(message(1, "note", "Something happened."))
    action = Action(
        conversation_id="c",
        number=1,
        name="book",
        arguments='{"n": NaN}',
        started_at=BEGAN,
        kind="webhook",
        webhook={
            **{"url": "u", "method": "GET", "request": "", "status": None},
            **{"response": "", "took_ms": 3},
        },
    )
    call.watch.acted(action)
    call.turns.append(Turn(1, started=0))
    body = msgspec.json.decode(msgspec.json.encode(call.watch.snapshot()))
    assert [each["content"] for each in body["messages"]] == ["Hello."]
    assert body["actions"][0]["arguments"] == {"n": None}
    assert body["actions"][0]["webhook"]["tookMs"] == 3
    assert body["call"]["turns"] == 1 and body["call"]["startedAt"].startswith("2026-11-22T10:00")
    assert body["state"] == {"a": 1} and len(body["turns"]) == 1
    call.watch.watch()
    call.event(SpeechConfirmed("caller"))
    assert "messages" not in [each["kind"] for each in call.take()], "it is no news"


def test_only_the_last_actions_are_shown() -> None:
    call = Call()
    for number in range(500):
        call.watch.acted(
            Action(conversation_id="c", number=number, name="a", arguments="x", started_at=BEGAN)
        )
    shown = call.watch.snapshot()["actions"]
    assert len(shown) == 200 and shown[-1].number == 499 and shown[0].arguments == "x"


def test_figures_are_those_of_all_turns_whenever_they_are_asked_for() -> None:
    tally, turns = Tally(), list[Turn]()
    for number in range(40):
        turns.append(Turn(number, started=0 if number % 4 else None))
        if number % 3 == 0:
            tally.of(turns)
        if number < 20:  # From then on nobody hears anything.
            turns[-1].speech_ended, turns[-1].first_audio = 0, number * 7 % 11
        turns[-1].interrupted = number % 5 == 0
        answers = [turn for turn in turns if turn.is_answer]
        waits = [wait for turn in answers if (wait := turn.first_audio_ms) is not None]
        assert tally.of(turns) == (
            len(answers),
            sorted(waits),
            waits[-1] if waits else None,
            sum(turn.interrupted for turn in turns),
        )


def test_a_recording_that_is_paused_is_told() -> None:
    call = Call(recording_state="on")
    call.watch.watch()
    assert call.watch.snapshot()["call"].recording == "on"
    call.take()
    call.recording_state = "paused"
    call.watch.recording_changed()
    (told,) = call.take()
    assert told["kind"] == "call" and told["call"]["recording"] == "paused"
