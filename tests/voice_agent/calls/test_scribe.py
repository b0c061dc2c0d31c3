"""Transcripts and actions as records."""

from datetime import UTC, datetime, timedelta

from voice_agent.calls.scribe import Scribe
from voice_pipelines.conversation import commands
from voice_pipelines.conversation.commands import RunAction
from voice_pipelines.conversation.events import ActionEnded, HistoryRestored
from voice_pipelines.conversation.transcript import Transcript

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def test_only_what_changed_is_told() -> None:
    transcript, scribe = Transcript(), Scribe("c", NOW)
    transcript.caller_said(1, "caller", "Hi")
    transcript.agent_intends(1, "Hello there.")
    first = scribe.messages(transcript.lines, 1000)
    assert [(m.number, m.speaker, m.text) for m in first] == [(0, "caller", "Hi"), (1, "agent", "")]
    assert scribe.messages(transcript.lines, 1500) == ()
    transcript.agent_heard(1, "Hello")
    (grown,) = scribe.messages(transcript.lines, 2000)
    assert (grown.number, grown.text, grown.intended) == (1, "Hello", "Hello there.")
    assert grown.at == NOW + timedelta(seconds=1)
    transcript.retract(1)
    assert all(m.withdrawn for m in scribe.messages(transcript.lines, 3000))


def test_notes_of_actions_do_not_shift_the_numbers() -> None:
    transcript, scribe = Transcript(), Scribe("c", NOW)
    transcript.started(1, "(started)")
    transcript.caller_said(1, "caller", "Hi")
    scribe.messages(transcript.lines, 0)
    transcript.ended(1, "(ended)")
    transcript.caller_said(2, "caller", "There")
    assert [m.number for m in scribe.messages(transcript.lines, 0)] == [1]


def test_a_resumed_conversation_goes_on_counting() -> None:
    """S004-99"""
    transcript, scribe = Transcript(), Scribe("c", NOW, first_message=7, first_action=2)
    earlier = (commands.Message("user", "Hi"), commands.Message("assistant", "Hello"))
    scribe.event(0, HistoryRestored(earlier))
    transcript.restore(earlier)
    assert scribe.messages(transcript.lines, 0) == ()
    transcript.caller_said(1, "caller", "I am back")
    assert [m.number for m in scribe.messages(transcript.lines, 0)] == [7]
    begun = scribe.command(0, RunAction(1, 1, "save", "{}"))
    assert begun is not None and begun.number == 3
    ended = scribe.event(900, ActionEnded(1, "saved", False))
    assert ended is not None
    assert (ended.number, ended.result, ended.ended_at) == (3, "saved", scribe.time(900))
