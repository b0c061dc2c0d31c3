"""Figures per turn from small journals made by hand."""

from collections.abc import Iterable

from voice_agent.telemetry.turns import STAGES, Turn, turns
from voice_pipelines.conversation.commands import (
    CancelReply,
    Command,
    Finish,
    Message,
    Pause,
    Release,
    Resume,
    Settle,
    Silence,
    Speak,
    StartReply,
    StartUtterance,
)
from voice_pipelines.conversation.events import (
    Event,
    Heard,
    KeyPressed,
    PlaybackEnded,
    PlaybackStarted,
    ReplyEnded,
    ReplyFailed,
    ReplyStarted,
    ReplyUsage,
    SpeechReady,
    SpeechStarted,
    SpeechStopped,
    Transcribed,
)
from voice_pipelines.conversation.journal import Entry

Script = Iterable[tuple[int, Event | Command]]
ASKED = (Message("system", "Be brief."), Message("user", "Are you open?"))


def measured(script: Script) -> list[Turn]:
    entries = []
    for now, thing in script:
        if isinstance(thing, Event):
            entries.append(Entry(now, event=thing))
        else:
            entries.append(Entry(now, command=thing))
    return list(turns(entries))


ANSWER: list[tuple[int, Event | Command]] = [
    (1080, SpeechStopped("caller", 80)),
    (1080, Settle("caller", 1)),
    (1200, Transcribed("caller", "Are you open?", 1)),
    (1200, StartReply(1, ASKED)),
    (1350, ReplyStarted(1)),
    (1400, Speak(1, 0, "Yes,")),
    (1460, SpeechReady(1, 0)),
    (1470, Speak(1, 1, "until ten.")),
    (1480, Finish(1)),
    (1500, Release(1)),
    (1501, PlaybackStarted("caller", 1)),
    (2000, Heard("caller", 1, "Yes,", 500)),
]


def test_an_answer() -> None:
    [turn] = measured(
        [
            *ANSWER,
            (3000, Heard("caller", 1, "Yes, until ten.", 1500)),
            (3000, PlaybackEnded("caller", 1)),
        ]
    )
    assert turn.is_answer and not turn.interrupted
    assert turn.user_text == "Are you open?"
    assert turn.agent_text == turn.heard_text == "Yes, until ten."
    assert turn.endpointing_ms == 500
    assert turn.stt_ms == 120
    assert turn.llm_ttft_ms == 150
    assert turn.first_clause_ms == 50
    assert turn.tts_ttfb_ms == 60
    assert turn.first_audio_ms == 501
    assert turn.ended == 3000


def test_the_waterfall_of_an_answer() -> None:
    script = [*ANSWER, (3000, PlaybackEnded("caller", 1))]
    script.insert(9, (1475, ReplyEnded(1)))
    script.insert(9, (1475, ReplyUsage(1, 90, 60, 8)))
    [turn] = measured(script)
    assert [(stage.name, stage.start, stage.end) for stage in turn.stages] == [
        ("endpointing", 1000, 1500),
        ("stt", 1080, 1200),
        ("llm_first_token", 1200, 1350),
        ("first_clause", 1350, 1400),
        ("tts_first_byte", 1400, 1460),
        ("sending", 1500, 1501),
        ("heard", 1501, 3000),
    ]
    assert tuple(stage.name for stage in turn.stages) == STAGES
    assert turn.stages[0].took_ms == turn.endpointing_ms == 500
    assert (turn.input_tokens, turn.cached_tokens, turn.output_tokens) == (90, 60, 8)
    assert turn.written == 1475 and not turn.failed


def test_sending_begins_when_the_audio_is_there_if_that_is_later_than_the_decision() -> None:
    script = [*ANSWER[:6], (1410, Release(1)), (1460, SpeechReady(1, 0))]
    [turn] = measured([*script, (1480, PlaybackStarted("caller", 1))])
    [sending] = [stage for stage in turn.stages if stage.name == "sending"]
    assert (sending.start, sending.end) == (1460, 1480)


def test_a_failed_answer_has_the_stages_it_came_to() -> None:
    [turn] = measured([*ANSWER[:5], (1390, ReplyFailed(1, "gone", "brain")), (1500, Release(1))])
    assert turn.failed and turn.written == 1390
    assert [stage.name for stage in turn.stages] == ["endpointing", "stt", "llm_first_token"]


def test_an_interrupted_answer_keeps_what_was_heard_last() -> None:
    [turn] = measured(
        [
            *ANSWER,
            (2100, Pause(1)),
            (2200, Silence(1)),
            (2200, CancelReply(1)),
            (2200, Heard("caller", 1, "Yes, until", 700)),
        ]
    )
    assert turn.interrupted and turn.paused == 1
    assert turn.heard_text == "Yes, until" and turn.ended == 2200


def test_a_false_alarm_is_no_interruption() -> None:
    [turn] = measured(
        [*ANSWER, (2100, Pause(1)), (2300, Resume(1)), (3500, PlaybackEnded("caller", 1))]
    )
    assert turn.paused == 1 and not turn.interrupted


def test_a_draft_that_nobody_heard_is_no_turn() -> None:
    assert measured([*ANSWER[:8], (1490, Silence(1)), (1490, CancelReply(1))]) == []


def test_an_answer_that_was_given_up_is_not_interrupted() -> None:
    """The LLM stalls, the answer is released all the same and taken back unheard."""
    [turn] = measured([*ANSWER[:4], (1500, Release(1)), (7500, Silence(1)), (7500, CancelReply(1))])
    assert not turn.interrupted
    assert turn.first_audio_ms is None and turn.llm_ttft_ms is None


def test_a_draft_is_measured_from_the_last_pause() -> None:
    """The caller went on after the first pause and paused again; the draft stayed."""
    [turn] = measured(
        [
            *ANSWER[:9],
            (2080, SpeechStopped("caller", 80)),
            (2080, Settle("caller", 2)),
            (2130, Transcribed("caller", "Are you open?", 2)),
            (2300, Release(1)),
            (2301, PlaybackStarted("caller", 1)),
        ]
    )
    assert (turn.endpointing_ms, turn.stt_ms, turn.first_audio_ms) == (300, 50, 301)


def test_late_words_of_another_question_do_not_count() -> None:
    script = [*ANSWER]
    script.insert(3, (1210, Transcribed("caller", "Are", None)))
    script.insert(4, (1220, Transcribed("caller", "Are you", 99)))
    [turn] = measured(script)
    assert turn.stt_ms == 120


def test_an_answer_to_keys_is_not_measured_from_words_said_before() -> None:
    keyed = (*ASKED[:1], Message("user", "(The caller pressed the keys 1 2.)"))
    _, turn = measured(
        [
            *ANSWER,
            (3000, PlaybackEnded("caller", 1)),
            (60_000, KeyPressed("caller", "1")),
            (60_100, KeyPressed("caller", "#")),
            (60_100, StartReply(2, keyed)),
            (60_100, Release(2)),
            (60_400, ReplyStarted(2)),
            (60_500, Speak(2, 0, "Thanks.")),
            (60_600, PlaybackStarted("caller", 2)),
            (61_000, PlaybackEnded("caller", 2)),
        ]
    )
    assert turn.is_answer and turn.llm_ttft_ms == 300
    assert turn.first_audio_ms is None and turn.endpointing_ms is None and turn.stt_ms is None


def test_phrases_are_no_answers() -> None:
    greeting, filler = measured(
        [
            (0, Speak(1, 0, "Hello!")),
            (0, Finish(1)),
            (0, Release(1)),
            (0, PlaybackStarted("caller", 1)),
            (900, PlaybackEnded("caller", 1)),
            (5000, Speak(2, 0, "One moment.")),
            (5000, Release(2)),
            (5001, PlaybackStarted("caller", 2)),
            (5100, Silence(2)),
        ]
    )
    assert not greeting.is_answer and not greeting.interrupted and greeting.agent_text == "Hello!"
    assert greeting.first_audio == 0 and filler.interrupted


def test_answer_that_waits_for_a_phrase() -> None:
    """Two turns are open at once; each has its own figures, in the order of release."""
    script: Script = [
        *ANSWER[:4],
        (1500, Release(1)),
        (3500, Speak(2, 0, "One moment.")),
        (3500, Release(2)),
        (3501, PlaybackStarted("caller", 2)),
        (3600, ReplyStarted(1)),
        (4000, PlaybackEnded("caller", 2)),
        (4100, Speak(1, 0, "Yes.")),
        (4200, PlaybackStarted("caller", 1)),
        (5000, PlaybackEnded("caller", 1)),
    ]
    answer, phrase = measured(script)
    assert answer.first_audio_ms == 3200 and answer.llm_ttft_ms == 2400
    assert (phrase.number, phrase.agent_text) == (2, "One moment.")


Told = tuple[int, Event | Command]


def began(*script: Told) -> list[int | None]:
    return [turn.speech_began for turn in measured(script)]


def answered(now: int, turn: int, text: str, *before: Message) -> list[Told]:
    history = (*before, Message("user", text))
    return [
        (now, Transcribed("caller", text, 1)),
        (now, StartReply(turn, history)),
        (now + 200, StartUtterance("caller")),
        (now + 200, Release(turn)),
    ]


def test_what_is_answered_began_with_its_first_sound() -> None:
    spoken: list[Told] = [(5000, SpeechStarted("caller")), (6080, SpeechStopped("caller", 80))]
    hesitating: list[Told] = [(7000, SpeechStarted("caller")), (8000, SpeechStopped("caller", 80))]
    one = answered(8100, 1, "Are you open?")
    assert began(*spoken, (6100, Transcribed("caller", "Are", None)), *hesitating, *one) == [5000]
    # A cough long before is no part of it.
    later: list[Told] = [(now + 3000, event) for now, event in (*hesitating, *one)]
    assert began(*spoken, *later) == [10_000]
    said = Message("user", "Are you open?"), Message("assistant", "Yes.")
    again: list[Told] = [
        (20_000, SpeechStarted("caller")),
        *answered(21_000, 2, "Are you open?", *said),
    ]
    assert began(*spoken, *one, *again) == [5000, 20_000]


def test_what_goes_on_after_its_answer_began_before_it() -> None:
    first: list[Told] = [(5000, SpeechStarted("caller")), *answered(6000, 1, "A table")]
    more: list[Told] = [(6500, SpeechStarted("caller")), *answered(7000, 2, "A table for four")]
    assert began(*first, *more) == [5000, 5000]


def test_who_speaks_without_a_pause_begins_anew_where_the_last_words_end() -> None:
    first: list[Told] = [(5000, SpeechStarted("caller")), *answered(6000, 1, "One")]
    said = Message("user", "One"), Message("assistant", "Yes.")
    assert began(*first, *answered(9000, 2, "Two", *said)) == [5000, 6200]


def test_what_is_written_has_no_first_sound() -> None:
    keys: list[Told] = [(900, SpeechStarted("caller")), (1000, KeyPressed("caller", "1"))]
    assert began(*keys, *answered(1100, 1, "Pressed 1")) == [None]


def test_nothing() -> None:
    assert measured([]) == []
