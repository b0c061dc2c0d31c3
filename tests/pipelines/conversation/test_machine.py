"""Turn-taking as scripts: timed events in, commands out, on a clock that only the test moves."""

import msgspec

from tests.pipelines.conversation.script import QUIET, Script, kinds, played, replying
from voice_pipelines.conversation.commands import (
    CancelReply,
    Duck,
    Finish,
    HangUp,
    Message,
    Pause,
    PredictTurnEnd,
    Prefill,
    Release,
    Resume,
    RunAction,
    Settle,
    Silence,
    Speak,
    StartReply,
    StartUtterance,
    Unduck,
)
from voice_pipelines.conversation.events import (
    ActionEnded,
    HangUpRequested,
    Heard,
    KeyPressed,
    LegJoined,
    LegLeft,
    PlaybackEnded,
    PlaybackStarted,
    ReplyAction,
    ReplyEnded,
    ReplyFailed,
    ReplyText,
    SpeechConfirmed,
    SpeechFailed,
    SpeechStarted,
    SpeechStopped,
    Transcribed,
    TranscriptionFailed,
    TurnEndPredicted,
)
from voice_pipelines.conversation.machine import Phase
from voice_pipelines.conversation.policy import (
    EndpointingPolicy,
    IdlePolicy,
    InterruptionPolicy,
    LimitsPolicy,
    Phrases,
    SpeculationPolicy,
    TurnPolicy,
    WatchdogPolicy,
)

# The ordinary turn -------------------------------------------------------------------------------


def test_the_greeting_is_said_at_once() -> None:
    """S004-09: the initial message comes without the caller speaking."""
    script = Script(TurnPolicy(phrases=Phrases(greeting="Hello!")))
    assert script.commands == [Speak(1, 0, "Hello!"), Finish(1), Release(1)]


def test_a_reply_is_drafted_at_the_pause_and_released_when_the_turn_is_over() -> None:
    script = Script()
    assert script.says("two tickets", 0, 1000) == [
        Settle("a", 1),
        StartReply(1, (Message("system", "Be brief."), Message("user", "two tickets"))),
    ]
    assert script.answers("Certainly.", 1200) == [Speak(1, 0, "Certainly."), Finish(1)]
    assert script.phase() is Phase.LISTENING
    assert script.at(1499) == []
    assert script.at(1500) == [StartUtterance("a"), Release(1)]
    assert script.times[-1] == 1500
    assert script.phase() is Phase.THINKING


def test_silence_counts_from_the_last_voiced_audio_not_from_the_news_of_it() -> None:
    script = Script()
    script.at(0, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(1300, SpeechStopped("a", 300))
    script.at(1310, Transcribed("a", "yes", 1))
    script.at(5000)
    assert script.times[script.commands.index(Release(1))] == 1500


def test_a_late_transcript_is_waited_for_and_then_the_turn_is_over_at_once() -> None:
    script = Script()
    script.at(0, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(1000, SpeechStopped("a", 0))
    assert script.at(1900) == []
    commands = script.at(1950, Transcribed("a", "yes please", 1))
    assert kinds(commands) == [StartReply, StartUtterance, Release]


def test_an_equal_final_transcript_keeps_the_draft_of_the_interim() -> None:
    script = Script()
    script.at(0, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(900, Transcribed("a", "two tickets"))
    assert kinds(script.at(1000, SpeechStopped("a", 0))) == [Settle, StartReply]
    assert script.at(1100, Transcribed("a", "Two tickets.", 1)) == []


def test_other_words_replace_the_draft() -> None:
    script = Script()
    script.at(0, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(900, Transcribed("a", "two"))
    script.at(1000, SpeechStopped("a", 0))
    commands = script.at(1100, Transcribed("a", "two tickets", 1))
    assert kinds(commands) == [Silence, CancelReply, StartReply]


def test_resumed_speech_drops_the_draft_without_a_trace() -> None:
    script = Script()
    script.says("two tickets", 0, 1000)
    script.answers("Certainly.", 1100)
    assert script.at(1200, SpeechStarted("a")) == []
    assert script.at(1300, SpeechConfirmed("a")) == [Silence(1), CancelReply(1)]
    script.at(2000, SpeechStopped("a", 0))
    script.at(2050, Transcribed("a", "two tickets and a poster", 2))
    history = script.last(StartReply).history
    assert history == (Message("system", "Be brief."), Message("user", "two tickets and a poster"))


def test_a_cough_after_the_words_keeps_the_draft_but_delays_its_release() -> None:
    script = Script()
    script.says("two tickets", 0, 1000)
    script.at(1300, SpeechStarted("a"))
    script.at(1400, SpeechStopped("a", 60))
    assert script.at(1450, Transcribed("a", "two tickets", 2)) == []
    assert script.at(2000) == [StartUtterance("a"), Release(1)]
    assert script.times[-1] == 1840


def test_noise_without_words_is_no_turn() -> None:
    script = Script()
    assert script.says("", 0, 1000) == [Settle("a", 1), StartUtterance("a")]
    assert script.phase() is Phase.LISTENING
    assert not [c for c in script.at(5000) if isinstance(c, Release)]


def test_an_overtaken_answer_of_the_recognizer_is_dropped() -> None:
    script = Script()
    script.at(0, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(1000, SpeechStopped("a", 0))
    script.at(1100, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(1900, SpeechStopped("a", 0))
    assert script.at(1950, Transcribed("a", "two", 1)) == []
    assert kinds(script.at(2000, Transcribed("a", "two tickets", 2))) == [StartReply]


# Endpointing -------------------------------------------------------------------------------------

ADAPTIVE = msgspec.structs.replace(
    QUIET,
    endpointing=EndpointingPolicy(min_ms=250, typical_ms=600, max_ms=1800),
    speculation=SpeculationPolicy(turn_detector=True),
)


def released_at(script: Script) -> int:
    script.at(script.now + 10_000)
    release = next(i for i, c in enumerate(script.commands) if isinstance(c, Release))
    return script.times[release]


def test_the_end_of_turn_model_is_asked_at_each_pause_and_shortens_the_wait() -> None:
    script = Script(ADAPTIVE)
    assert PredictTurnEnd("a", 1) in script.says("how much is the lasagna", 0, 1000)
    script.at(1200, TurnEndPredicted("a", 1, 0.9))
    assert released_at(script) == 1250


def test_a_doubt_of_the_model_lengthens_it() -> None:
    script = Script(ADAPTIVE)
    script.says("how much is the lasagna", 0, 1000)
    script.at(1200, TurnEndPredicted("a", 1, 0.05))
    assert released_at(script) == 1000 + 1200


def test_without_its_word_the_wait_is_the_typical_one() -> None:
    script = Script(ADAPTIVE)
    script.says("how much is the lasagna", 0, 1000)
    assert released_at(script) == 1600


def test_an_unfinished_sentence_is_waited_for_whatever_the_model_says() -> None:
    script = Script(ADAPTIVE)
    script.says("I would like to", 0, 1000)
    script.at(1200, TurnEndPredicted("a", 1, 0.99))
    assert released_at(script) == 2800


def test_a_number_that_was_asked_for_gets_more_patience_until_it_is_complete() -> None:
    script = Script(ADAPTIVE)
    script.says("book a table", 0, 1000)
    script.answers("What is your phone number?", 1100)
    script.at(2000)
    turn = script.last(Release).turn
    script.at(2100, PlaybackStarted("a", turn))
    script.at(4000, Heard("a", turn, "What is your phone number?", 1900), PlaybackEnded("a", turn))
    script.says("it's 555 01", 5000, 6000)
    script.at(6200, TurnEndPredicted("a", 2, 0.95))
    script.at(7199)
    assert script.last(Release).turn == turn
    script.at(7200)
    assert script.last(Release).turn > turn


def test_speech_that_never_stops_is_taken_as_a_turn() -> None:
    script = Script()
    script.at(0, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(29_000, Transcribed("a", "and another thing"))
    script.at(29_900, Transcribed("a", "and another thing is"))
    assert Settle("a", 1) in script.at(30_000)
    commands = script.at(30_600, Transcribed("a", "and another thing is this", 1))
    assert kinds(commands + script.at(31_000)).count(Release) == 1


def test_words_that_do_not_change_any_more_end_the_turn_behind_babble() -> None:
    script = Script()
    script.at(0, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(1500, Transcribed("a", "are you open on friday"))
    assert script.at(4499) == []
    assert Settle("a", 1) in script.at(4500)
    script.at(4600, Transcribed("a", "are you open on friday", 1))
    assert Release(1) in script.at(5100)


def test_the_words_are_read_ahead_while_the_caller_speaks() -> None:
    policy = msgspec.structs.replace(
        QUIET, speculation=SpeculationPolicy(prefill_words=3, prefills=1)
    )
    script = Script(policy)
    opening = (Message("system", "Be brief."), Message("user", ""))
    assert script.at(0, SpeechStarted("a"), SpeechConfirmed("a")) == [Prefill(opening)]
    assert script.at(700, Transcribed("a", "how much is")) == []
    assert script.at(1400, Transcribed("a", "how much is the large")) == [
        Prefill((Message("system", "Be brief."), Message("user", "how much is")))
    ]
    assert script.at(2000, Transcribed("a", "how much is the large lasagna with spinach")) == []


# Barge-in ----------------------------------------------------------------------------------------


def test_a_voice_over_the_reply_ducks_it_then_pauses_it() -> None:
    script = Script()
    turn = replying(script)
    assert script.at(3000, SpeechStarted("a")) == [Duck(turn)]
    assert script.at(3100, SpeechConfirmed("a")) == [Pause(turn)]
    assert script.phase() is Phase.PAUSED


def test_a_click_only_ducks() -> None:
    script = Script()
    turn = replying(script)
    script.at(3000, SpeechStarted("a"))
    assert script.at(3100, SpeechStopped("a", 60)) == [Unduck(turn), StartUtterance("a")]
    assert script.phase() is Phase.SPEAKING


def test_words_interrupt_and_silence_comes_before_the_cancellation() -> None:
    script = Script()
    turn = replying(script)
    script.at(3000, Heard("a", turn, "Certainly, two", 1300), SpeechStarted("a"))
    script.at(3100, SpeechConfirmed("a"))
    assert script.at(3300, Transcribed("a", "no wait")) == [Silence(turn), CancelReply(turn)]
    assert script.phase() is Phase.LISTENING
    script.at(3600, SpeechStopped("a", 0))
    script.at(3650, Transcribed("a", "no wait three tickets", 2))
    assert script.last(StartReply).history == (
        Message("system", "Be brief."),
        Message("user", "two tickets"),
        Message("assistant", "Certainly, two"),
        Message("user", "no wait three tickets"),
    )


def test_sustained_speech_interrupts_without_words() -> None:
    script = Script()
    turn = replying(script)
    script.at(3000, SpeechStarted("a"), SpeechConfirmed("a"))
    assert script.at(3499) == []
    assert script.at(3500) == [Silence(turn), CancelReply(turn)]


def test_a_backchannel_lets_the_agent_go_on_where_it_paused() -> None:
    script = Script()
    turn = replying(script)
    script.at(3000, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(3300, SpeechStopped("a", 60))
    commands = script.at(3400, Transcribed("a", "Uh-huh.", 2))
    assert commands == [StartUtterance("a"), Resume(turn), Unduck(turn)]
    assert script.phase() is Phase.SPEAKING


def test_a_noise_without_words_lets_the_agent_go_on() -> None:
    script = Script()
    turn = replying(script)
    script.at(3000, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(3300, SpeechStopped("a", 60))
    assert Resume(turn) in script.at(3350, Transcribed("a", "", 2))


def test_without_any_answer_of_the_recognizer_the_agent_goes_on_as_well() -> None:
    script = Script()
    turn = replying(script)
    script.at(3000, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(3300, SpeechStopped("a", 60))
    assert Resume(turn) not in script.at(4439)
    assert Resume(turn) in script.at(4440)


def test_short_words_interrupt_when_they_are_known() -> None:
    script = Script()
    turn = replying(script)
    script.at(3000, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(3300, SpeechStopped("a", 60))
    commands = script.at(3400, Transcribed("a", "Stop.", 2))
    assert kinds(commands) == [Silence, CancelReply, StartReply]
    assert commands[0] == Silence(turn)


def test_an_uninterruptible_agent_talks_on_and_answers_afterwards() -> None:
    policy = msgspec.structs.replace(QUIET, interruption=InterruptionPolicy(enabled=False))
    script = Script(policy)
    turn = replying(script)
    script.at(3000, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(3900, SpeechStopped("a", 0))
    assert not {Pause, Silence, Duck} & set(kinds(script.commands))
    script.at(4000, Heard("a", turn, "Certainly, two tickets for tonight.", 2300))
    script.at(4001, PlaybackEnded("a", turn))
    script.at(4100, Transcribed("a", "and a poster", script.last(Settle).request))
    script.at(6000)
    assert script.last(StartReply).history[-1] == Message("user", "and a poster")


# Retractable turns -------------------------------------------------------------------------------


def test_speech_just_after_the_first_audio_takes_the_whole_turn_back() -> None:
    script = Script()
    turn = replying(script)
    script.at(1900, Heard("a", turn, "Certainly,", 200), SpeechStarted("a"))
    script.at(2000, SpeechConfirmed("a"))
    script.at(2500, Transcribed("a", "for the late show"))
    script.at(3000, SpeechStopped("a", 0))
    script.at(3050, Transcribed("a", "for the late show", 2))
    assert script.last(StartReply).history == (
        Message("system", "Be brief."),
        Message("user", "two tickets for the late show"),
    )
    withdrawn = [line.text for line in script.conversation.transcript.lines if line.withdrawn]
    assert withdrawn == ["two tickets", "Certainly,"]


def test_speech_before_the_first_audio_takes_it_back_as_well() -> None:
    script = Script()
    script.says("two tickets", 0, 1000)
    script.at(1500)
    assert script.phase() is Phase.THINKING
    script.at(1600, SpeechStarted("a"), SpeechConfirmed("a"))
    assert script.phase() is Phase.PAUSED
    script.at(2100)
    script.at(2500, SpeechStopped("a", 0))
    script.at(2550, Transcribed("a", "please", 2))
    assert script.last(StartReply).history[-1] == Message("user", "two tickets please")


def test_a_turn_whose_action_has_begun_is_not_taken_back() -> None:
    script = Script()
    script.says("two tickets", 0, 1000)
    script.at(1200, ReplyAction(1, "book", "{}"), ReplyText(1, "Done."), ReplyEnded(1))
    assert RunAction(1, 1, "book", "{}") in script.at(1500)
    script.at(1600, PlaybackStarted("a", 1), SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(2200)
    script.at(2500, SpeechStopped("a", 0))
    script.at(2550, Transcribed("a", "wait", 2))
    assert (
        Message("user", "two tickets (book was started.) wait") in script.last(StartReply).history
    )
    assert [line.text for line in script.conversation.transcript.lines][0] == "two tickets"


# Failures ----------------------------------------------------------------------------------------


def test_a_silent_llm_brings_a_filler_then_an_apology() -> None:
    script = Script()
    script.says("two tickets", 0, 1000)
    script.at(1500)
    script.at(3500)
    assert script.spoken() == ["One moment, please."]
    filler = script.last(Release).turn
    script.at(3520, PlaybackStarted("a", filler))
    script.at(4500, Heard("a", filler, "One moment, please.", 980), PlaybackEnded("a", filler))
    script.at(7500)
    assert script.spoken()[-1] == QUIET.phrases.apology
    assert len(script.spoken()) == 2
    assert CancelReply(1) in script.commands


def test_a_failed_llm_is_asked_again_at_once_and_then_after_a_filler() -> None:
    script = Script()
    script.says("two tickets", 0, 1000)
    script.at(1500)
    assert kinds(script.at(1510, ReplyFailed(1, "down"))) == [
        Silence,
        CancelReply,
        StartReply,
        Release,
    ]
    script.at(1520, ReplyFailed(2, "down"))
    assert script.spoken() == ["One moment, please."]
    script.at(2520)
    retried = script.last(StartReply)
    assert retried.turn > retried.again >= 2
    assert retried.history[-1] == Message("user", "two tickets")
    script.at(2600, ReplyText(retried.turn, "Certainly."), ReplyEnded(retried.turn))
    assert script.spoken()[-1] == "Certainly."


def failed_with_a_filler() -> Script:
    """The LLM failed twice at once, at 1520, and the filler was heard until 2500."""
    script = Script()
    script.says("two tickets", 0, 1000)
    script.at(1500)
    script.at(1510, ReplyFailed(1, "down"))
    script.at(1520, ReplyFailed(2, "down"))
    filler = script.last(Release).turn
    script.at(1540, PlaybackStarted("a", filler))
    script.at(2500, Heard("a", filler, "One moment, please.", 980), PlaybackEnded("a", filler))
    return script


def test_the_filler_of_a_failed_llm_is_no_part_of_the_next_question() -> None:
    script = failed_with_a_filler()
    script.at(2520)
    assert script.last(StartReply).history[-1] == Message("user", "two tickets")


def test_after_an_early_filler_a_failing_llm_is_given_up_earlier() -> None:
    """The caller bears no longer silence than after a filler at its usual time."""
    script = failed_with_a_filler()
    for at in (2520, 3530, 4540):
        script.at(at)
        script.at(at + 5, ReplyFailed(script.last(StartReply).turn, "down"))
    rule = QUIET.watchdog
    script.at(1520 + rule.reply_ms - rule.filler_ms)
    assert script.spoken() == ["One moment, please.", QUIET.phrases.apology]


def test_half_a_question_that_a_failing_recognizer_heard_is_asked_for_again() -> None:
    script = Script()
    script.at(0, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(900, Transcribed("a", "two"))
    assert kinds(script.at(2000, SpeechStopped("a", 60))) == [Settle, StartReply]
    commands = script.at(3000, TranscriptionFailed("a", "lost"))
    assert kinds(commands)[:3] == [Silence, CancelReply, StartUtterance]
    assert script.spoken() == [QUIET.phrases.not_heard]


def test_words_to_the_end_are_answered_though_the_recognizer_fails() -> None:
    script = Script()
    script.at(0, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(1700, Transcribed("a", "two tickets"))
    script.at(2000, SpeechStopped("a", 60))
    script.at(3000, TranscriptionFailed("a", "lost"))
    assert script.spoken() == []
    assert script.last(StartReply).history[-1] == Message("user", "two tickets")


def test_an_answer_that_is_tried_again_while_somebody_speaks_stays_paused() -> None:
    script = Script()
    script.says("two tickets", 0, 1000)
    script.at(1500)
    script.at(1600, SpeechStarted("a"), SpeechConfirmed("a"))
    commands = script.at(1700, ReplyFailed(1, "down"))
    assert kinds(commands) == [Silence, CancelReply, StartReply, Release, Pause]


def test_a_draft_that_fails_is_drafted_again() -> None:
    script = Script()
    script.says("two tickets", 0, 1000)
    assert kinds(script.at(1100, ReplyFailed(1, "down"))) == [Silence, CancelReply, StartReply]
    script.at(1150, ReplyFailed(2, "down"))
    commands = script.at(1500)
    assert kinds(commands) == [StartUtterance, Silence, CancelReply, StartReply, Release]


def test_a_reply_that_breaks_off_says_so() -> None:
    script = Script()
    turn = replying(script)
    script2 = Script()
    script2.says("two tickets", 0, 1000)
    script2.answers("Certainly,", 1200, end=False)
    script2.at(1500)
    assert script2.at(1600, ReplyFailed(1, "gone")) == [
        Speak(1, 1, QUIET.phrases.broken_off),
        Finish(1),
    ]
    assert turn == 1


def test_a_tts_that_fails_brings_the_apology() -> None:
    script = Script()
    script.says("two tickets", 0, 1000)
    script.answers("Certainly.", 1200)
    script.at(1500)
    script.at(1600, SpeechFailed(1, 0, "no voice"))
    assert script.spoken()[-1] == QUIET.phrases.apology


def test_a_reply_that_stalls_in_the_middle_is_given_up() -> None:
    script = Script()
    turn = replying(script)
    script.at(2000, Heard("a", turn, "Certainly, two", 300))
    assert script.at(4499) == []
    commands = script.at(4500)
    assert commands[:2] == [Silence(turn), CancelReply(turn)]
    assert script.spoken()[-1] == QUIET.phrases.apology


def test_a_recognizer_that_does_not_answer_is_apologized_for() -> None:
    script = Script()
    script.at(0, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(1000, SpeechStopped("a", 0))
    script.at(3000)
    assert script.spoken() == [QUIET.phrases.not_heard]


def test_a_recognizer_that_fails_is_apologized_for_at_once() -> None:
    script = Script()
    script.at(0, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(1000, SpeechStopped("a", 0))
    script.at(1100, TranscriptionFailed("a", "gone"))
    assert script.spoken() == [QUIET.phrases.not_heard]


def test_the_interim_serves_where_the_final_does_not_come() -> None:
    script = Script()
    script.at(0, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(900, Transcribed("a", "two tickets"))
    script.at(1000, SpeechStopped("a", 0))
    assert Release(1) in script.at(3000)


def test_so_many_failures_in_a_row_end_the_call() -> None:
    script = Script()
    for number in range(3):
        start = 10_000 * number
        script.at(start, SpeechStarted("a"), SpeechConfirmed("a"))
        script.at(start + 1000, SpeechStopped("a", 0))
        script.at(start + 3000)
        turn = script.last(Release).turn
        script.at(start + 3050, PlaybackStarted("a", turn))
        script.at(start + 5000, PlaybackEnded("a", turn))
    assert script.spoken()[-1] == QUIET.phrases.failure
    script.at(40_000)
    assert script.commands[-1] == HangUp("failures")
    assert script.phase() is Phase.ENDED


def test_a_voice_that_never_speaks_ends_the_call() -> None:
    """Not even the apology is heard: nothing is left but to hang up."""
    script = Script(TurnPolicy(phrases=Phrases(greeting="Hello!")))
    script.at(600_000)
    assert isinstance(script.commands[-1], HangUp)


# Idle callers, limits, the end -------------------------------------------------------------------


def test_a_silent_caller_is_asked_twice_and_then_left() -> None:
    script = Script(msgspec.structs.replace(QUIET, idle=IdlePolicy(prompt_ms=5000, prompts=2)))
    script.at(5000)
    played(script, 6000)
    script.at(11_000)
    played(script, 12_000)
    script.at(17_000)
    assert script.spoken() == ["Are you still there?"] * 2 + [QUIET.phrases.goodbye]
    played(script, 18_000)
    script.at(19_000)
    assert script.commands[-1] == HangUp("idle")


def test_an_answer_forgets_the_prompts() -> None:
    script = Script(msgspec.structs.replace(QUIET, idle=IdlePolicy(prompt_ms=5000, prompts=1)))
    script.at(5000)
    played(script, 6000)
    script.says("yes I am", 7000, 8000)
    script.answers("Good.", 8100)
    script.at(8500)
    played(script, 9000)
    script.at(14_000)
    assert script.spoken()[-1] == "Are you still there?"


def test_a_farewell_ends_the_call_when_it_was_answered() -> None:
    script = Script()
    script.says("Thank you, goodbye.", 0, 1000)
    script.answers("Bye!", 1200)
    script.at(1500)
    played(script, 2500)
    assert script.at(2899) == []
    assert script.at(2900)[-1] == HangUp("goodbye")


def test_a_farewell_after_words_that_were_given_back_is_one() -> None:
    script = Script()
    script.says("How much is the lasagna?", 0, 1000)
    script.at(1500)
    script.at(1600, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(1900, Transcribed("a", "Goodbye."))
    script.at(2300, SpeechStopped("a", 0))
    script.at(2350, Transcribed("a", "Goodbye.", script.last(Settle).request))
    assert script.last(StartReply).history[-1].text == "How much is the lasagna? Goodbye."
    script.answers("Bye!", 2400)
    script.at(2800)
    played(script, 4000)
    assert script.at(6000)[-1] == HangUp("goodbye")


def test_a_caller_who_goes_on_after_the_farewell_is_heard() -> None:
    script = Script()
    script.says("Thank you, goodbye.", 0, 1000)
    script.answers("Bye!", 1200)
    script.at(1500)
    played(script, 2500)
    script.at(2800, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(9000)
    assert HangUp("goodbye") not in script.commands


def test_a_farewell_ends_the_call_even_if_the_llm_fails() -> None:
    script = Script()
    script.says("Goodbye.", 0, 1000)
    script.at(1500)
    script.at(30_000)
    assert QUIET.phrases.goodbye in script.spoken()
    assert script.commands[-1] == HangUp("goodbye")


def test_time_is_up() -> None:
    script = Script(msgspec.structs.replace(QUIET, limits=LimitsPolicy(max_call_ms=4000)))
    turn = replying(script)
    commands = script.at(4000)
    assert commands[:2] == [Silence(turn), CancelReply(turn)]
    assert script.spoken()[-1] == QUIET.phrases.time_up
    played(script, 5000)
    assert script.at(6000)[-1] == HangUp("time_up")


def test_the_server_may_ask_for_the_end() -> None:
    script = Script()
    script.at(100, HangUpRequested("draining"))
    assert script.spoken() == [QUIET.phrases.goodbye]
    script.at(100_000)
    assert script.commands[-1] == HangUp("draining")


def test_a_caller_who_leaves_ends_everything() -> None:
    script = Script()
    turn = replying(script)
    assert script.at(2000, LegLeft("a")) == [
        Silence(turn),
        CancelReply(turn),
        HangUp("caller_left"),
    ]
    assert script.at(3000, Transcribed("a", "hello", 9)) == []
    assert script.conversation.deadline() is None


# Keys, actions, legs -----------------------------------------------------------------------------


def test_keys_become_a_turn_after_a_pause() -> None:
    script = Script()
    script.at(100, KeyPressed("a", "4"))
    script.at(300, KeyPressed("a", "2"))
    script.at(1800)
    assert script.last(StartReply).history[-1].text == "(The caller pressed the keys 4 2.)"


def test_a_hash_key_completes_them_and_keys_silence_the_agent() -> None:
    script = Script()
    turn = replying(script)
    assert script.at(2000, KeyPressed("a", "1"))[:2] == [Silence(turn), CancelReply(turn)]
    assert StartReply in kinds(script.at(2100, KeyPressed("a", "#")))


def test_actions_run_only_for_a_committed_turn_and_are_answered_once() -> None:
    script = Script()
    script.says("book it", 0, 1000)
    script.at(1100, ReplyAction(1, "book", '{"seats": 2}'), ReplyText(1, "Booked."), ReplyEnded(1))
    assert RunAction not in kinds(script.commands)
    script.at(1500)
    assert script.commands[-1] == RunAction(1, 1, "book", '{"seats": 2}')
    played(script, 2500)
    reaction = script.at(3000, ActionEnded(1, "row 5", react=True))
    assert kinds(reaction) == [StartReply, Release]
    assert "(Result of book: row 5)" in script.last(StartReply).history[-1].text
    assert script.at(3100, ActionEnded(1, "row 6", react=True)) == []


def test_a_result_that_comes_while_the_agent_speaks_is_told_afterwards() -> None:
    script = Script()
    script.says("book it", 0, 1000)
    script.at(1100, ReplyAction(1, "book", "{}"), ReplyText(1, "One moment."), ReplyEnded(1))
    script.at(1500)
    script.at(1600, PlaybackStarted("a", 1))
    assert script.at(1700, ActionEnded(1, "row 5", react=True)) == []
    assert StartReply in kinds(script.at(2500, PlaybackEnded("a", 1)))


def test_another_leg_is_heard_but_the_call_lives_by_the_callers() -> None:
    script = Script()
    script.at(100, LegJoined("b"))
    script.says("I am the owner", 200, 1000, leg="b")
    assert Release(1) in script.at(1500)
    script.at(1600, LegLeft("b"))
    assert script.phase() is not Phase.ENDED


def test_nobody_is_answered_while_another_leg_speaks() -> None:
    script = Script()
    script.at(100, LegJoined("b"))
    script.says("two tickets", 200, 1000)
    script.at(1200, SpeechStarted("b"), SpeechConfirmed("b"))
    assert Release not in kinds(script.at(4000))


def test_policies_are_numbers_with_units_and_bounds() -> None:
    assert msgspec.convert({"filler_ms": 100}, WatchdogPolicy).filler_ms == 100
