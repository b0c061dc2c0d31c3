"""What clients see of a call, event by event."""

from typing import Any

from voice_agent.calls.captions import Captions
from voice_pipelines.conversation.commands import Message, Silence
from voice_pipelines.conversation.events import (
    MessagesSpent,
    PlaybackEnded,
    PlaybackStarted,
    SpeechConfirmed,
    SpeechStopped,
    Tick,
    Transcribed,
)
from voice_pipelines.conversation.transcript import Transcript


def told(events: Any) -> list[Any]:
    """Kinds; for messages the numbers, what was heard and the words being said."""
    return [
        ([(number, line.text) for number, line in event.body["said"]], event.body["interim"])
        if event.kind == "messages"
        else event.kind
        for event in events
    ]


def test_speech_is_told_once_when_it_begins_and_ends() -> None:
    captions, transcript = Captions(), Transcript()
    assert told(captions.event(SpeechConfirmed("a"), transcript)) == ["user_speech_started"]
    assert told(captions.event(SpeechConfirmed("a"), transcript)) == []
    assert told(captions.event(SpeechStopped("a", 80), transcript)) == ["user_speech_ended"]
    assert told(captions.event(SpeechStopped("a", 80), transcript)) == []


def test_the_agent_speaks_until_the_last_turn_is_over() -> None:
    captions, transcript = Captions(), Transcript()
    assert told(captions.event(PlaybackStarted("a", 1), transcript)) == ["ai_speech_started"]
    assert told(captions.event(PlaybackStarted("a", 2), transcript)) == []
    assert told(captions.event(PlaybackEnded("a", 1), transcript)) == []
    assert told(captions.command(Silence(2), transcript)) == ["ai_speech_ended"]
    assert told(captions.event(PlaybackEnded("a", 2), transcript)) == []


def test_that_the_limit_is_reached_is_told_once() -> None:
    captions, transcript = Captions(), Transcript()
    (event,) = captions.event(MessagesSpent("Enough."), transcript)
    assert (event.kind, event.body) == ("message_limit_reached", {"message": "Enough."})
    assert told(captions.event(MessagesSpent("Enough."), transcript)) == []


def test_words_being_said_give_way_to_what_was_said() -> None:
    captions, transcript = Captions(), Transcript()
    assert told(captions.event(Transcribed("a", "a ta"), transcript)) == [([], "a ta")]
    assert told(captions.event(Tick(), transcript)) == []
    transcript.caller_said(1, "a", "a table")
    assert told(captions.event(Tick(), transcript)) == [([(0, "a table")], "")]


def test_only_what_has_changed_is_told_and_notes_are_counted_but_not_shown() -> None:
    captions, transcript = Captions(), Transcript()
    transcript.caller_said(1, "a", "hello")
    transcript.note(1, "(a note)")
    transcript.started(1, "(an action)")
    transcript.agent_intends(1, "Good day.")
    assert told(captions.messages(transcript)) == [([(0, "hello"), (2, "")], "")]
    transcript.agent_heard(1, "Good")
    assert told(captions.messages(transcript)) == [([(2, "Good")], "")]
    transcript.retract(1)
    (event,) = captions.messages(transcript)
    assert [(number, line.withdrawn) for number, line in event.body["said"]] == [
        (0, True),
        (2, True),
    ]


def test_numbers_go_on_where_an_earlier_part_ended() -> None:
    transcript = Transcript()
    transcript.restore((Message("user", "hello"), Message("assistant", "Good day.")))
    captions = Captions(first_message=5, restored=2)
    assert told(captions.messages(transcript)) == [], "clients have the earlier part already"
    transcript.caller_said(1, "a", "back")
    assert told(captions.messages(transcript)) == [([(5, "back")], "")]
