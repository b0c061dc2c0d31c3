"""Who said what, and what the language model is shown of it."""

from voice_pipelines.conversation.commands import Message
from voice_pipelines.conversation.transcript import Line, Transcript


def shown(transcript: Transcript, caller: str = "") -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in transcript.history("Be brief.", caller)]


def test_the_model_is_shown_what_was_heard_and_not_what_was_meant() -> None:
    transcript = Transcript()
    transcript.agent_intends(1, "Hello, how can I help you?")
    transcript.agent_heard(1, "Hello, how")
    transcript.caller_said(2, "caller", "A table.")
    transcript.agent_intends(2, "For how many?")
    assert shown(transcript) == [
        ("system", "Be brief."),
        ("assistant", "Hello, how"),
        ("user", "A table."),
    ]
    assert transcript.lines[0] == Line(
        "agent", 1, "Hello, how", intended="Hello, how can I help you?"
    )
    assert transcript.last_agent_text() == "Hello, how"


def test_a_line_grows_with_what_is_heard() -> None:
    transcript = Transcript()
    transcript.agent_intends(1, "One.")
    transcript.agent_heard(1, "One.")
    transcript.agent_intends(1, "One. Two.")
    assert transcript.lines == [Line("agent", 1, "One.", intended="One. Two.")]
    transcript.agent_heard(1, "One. Two.")
    assert transcript.lines == [Line("agent", 1, "One. Two.", intended="One. Two.")]


def test_nobody_hears_what_nobody_was_going_to_say() -> None:
    transcript = Transcript()
    transcript.agent_heard(7, "Boo.")
    assert transcript.lines == []


def test_neighbors_of_one_speaker_are_joined() -> None:
    transcript = Transcript()
    transcript.caller_said(1, "caller", "Hello.")
    transcript.note(0, "(A key.)")
    transcript.agent_intends(1, "Yes?")
    transcript.agent_intends(2, "Unheard.")
    transcript.agent_heard(1, "Yes?")
    transcript.caller_said(3, "caller", "A table")
    assert shown(transcript, "for two") == [
        ("system", "Be brief."),
        ("user", "Hello. (A key.)"),
        ("assistant", "Yes?"),
        ("user", "A table for two"),
    ]


def test_a_turn_that_is_taken_back_is_not_shown_but_kept() -> None:
    transcript = Transcript()
    transcript.caller_said(1, "caller", "I want")
    transcript.caller_said(1, "caller", "a table")
    transcript.agent_intends(1, "Which one?")
    transcript.agent_heard(1, "Which")
    assert transcript.retract(1) == "I want a table"
    assert shown(transcript) == [("system", "Be brief.")]
    assert all(line.withdrawn for line in transcript.lines)


def test_another_attempt_answers_the_same_line() -> None:
    transcript = Transcript()
    transcript.caller_said(1, "caller", "A table.")
    transcript.agent_intends(1, "It is")
    transcript.readdress(1, 2)
    assert [(line.speaker, line.turn) for line in transcript.lines] == [("caller", 2), ("agent", 1)]
    assert transcript.retract(2) == "A table."


def test_without_instructions_there_is_no_system_prompt() -> None:
    assert Transcript().history("") == ()
    assert Transcript().history("", "Hi.") == (Message("user", "Hi."),)
    assert Transcript().last_agent_text() == ""
