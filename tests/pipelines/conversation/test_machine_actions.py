"""Actions, and what else happens in a conversation besides speech, as scripts."""

from tests.pipelines.conversation.script import QUIET, Script, kinds, played, replying
from voice_pipelines.conversation.commands import (
    CancelReply,
    HangUp,
    Message,
    Release,
    RunAction,
    Speak,
    StartReply,
)
from voice_pipelines.conversation.events import (
    ActionEnded,
    HangUpRequested,
    Heard,
    HistoryRestored,
    LegJoined,
    MessagesSpent,
    PlaybackEnded,
    PlaybackStarted,
    ReactRequested,
    ReplyAction,
    ReplyEnded,
    ReplyFailed,
    ReplyText,
    SayRequested,
    SpeechConfirmed,
    SpeechStarted,
    SpeechStopped,
    Transcribed,
    UserTyped,
)
from voice_pipelines.conversation.machine import Conversation, Phase
from voice_pipelines.conversation.policy import Phrases, TurnPolicy

CHECKING = QUIET.phrases.checking
FILLER = QUIET.phrases.filler
GOODBYE = QUIET.phrases.goodbye


def acting(text: str = "") -> Script:
    """A script in which a turn was committed at 1500 that wants one action and says `text`."""
    script = Script()
    script.says("book it", 0, 1000)
    words = [ReplyText(1, text)] if text else []
    script.at(1100, *words, ReplyAction(1, "book", "{}"), ReplyEnded(1))
    assert RunAction(1, 1, "book", "{}") in script.at(1500)
    if text:
        played(script, 2500)
    else:
        script.at(1500, PlaybackEnded("a", 1))
    return script


def history(script: Script) -> list[str]:
    return [message.text for message in script.last(StartReply).history]


# What an action gives ----------------------------------------------------------------------------


def test_the_caller_is_told_that_something_is_looked_up() -> None:
    """S004-48: "Let me check", without waiting for the response."""
    script = acting()
    assert script.at(2199) == []
    assert script.at(2200)[0] == Speak(2, 0, CHECKING)
    played(script, 3000)
    assert Speak in kinds(script.at(6500)), "and again, as it takes its time"
    assert script.spoken()[-1] == FILLER


def test_who_said_it_already_is_not_repeated() -> None:
    script = acting("One second, I am looking.")
    assert script.at(5999) == []
    assert script.at(6000)[0] == Speak(2, 0, CHECKING)


def test_an_action_without_words_is_spoken_of_whatever_it_gave() -> None:
    script = acting()
    assert kinds(script.at(1600, ActionEnded(1, "saved", react=False))) == [StartReply, Release]
    assert "(Result of book: saved)" in history(script)[-1]


def test_an_action_with_words_that_needs_no_reaction_gets_none() -> None:
    script = acting("It is booked.")
    assert script.at(2600, ActionEnded(1, "saved", react=False)) == []
    script.says("thanks a lot for that", 3000, 4000)
    assert "(Result of book: saved)" in " ".join(history(script))


def test_the_model_knows_what_is_still_running() -> None:
    script = acting("One second.")
    script.says("is it done", 3000, 4000)
    assert "(book was started.)" in " ".join(history(script))
    script.at(4200, ActionEnded(1, "row 5", react=True))
    assert "(book was started.)" not in " ".join(history(script)), "the draft was begun anew"
    assert "(Result of book: row 5)" in " ".join(history(script))
    assert history(script)[-1].endswith("is it done")


def test_a_result_that_comes_after_an_interruption_is_kept_for_the_next_turn() -> None:
    script = Script()
    script.says("book it", 0, 1000)
    script.at(1100, ReplyText(1, "Let me see."), ReplyAction(1, "book", "{}"), ReplyEnded(1))
    script.at(1500, PlaybackStarted("a", 1))
    script.at(3000, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(3700)
    assert script.at(3800, ActionEnded(1, "row 5", react=True)) == [], "somebody speaks"
    script.at(4000, SpeechStopped("a", 60), Transcribed("a", "and a table", 2))
    assert "(Result of book: row 5) and a table" in history(script)[-1]


def test_what_is_owed_comes_when_a_noise_turns_out_to_be_one() -> None:
    script = acting("One second.")
    script.at(3000, SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(3200, ActionEnded(1, "row 5", react=True))
    script.at(3400, SpeechStopped("a", 60))
    assert StartReply in kinds(script.at(3500, Transcribed("a", "", 2)))


def test_an_action_that_never_ends_is_taken_as_failed() -> None:
    script = acting("One second.")
    for at in range(3_000, 47_000, 500):
        script.at(at)
        if script.phase() is Phase.THINKING and at < 46_000:
            assert script.spoken()[-1] in (CHECKING, FILLER)
            played(script, at)
    assert "(Result of book: no answer in time" in " ".join(history(script))


def test_a_model_that_only_acts_is_stopped() -> None:
    script = acting()
    now = 1600
    for action in range(1, 8):
        script.at(now, ActionEnded(action, "saved", react=False))
        if script.spoken():
            break
        turn = script.last(StartReply).turn
        script.at(now + 100, ReplyAction(turn, "book", "{}"), ReplyEnded(turn))
        script.at(now + 100, PlaybackEnded("a", turn))
        now += 200
    assert script.spoken() == [QUIET.phrases.apology]
    assert sum(isinstance(command, RunAction) for command in script.commands) == 5


# The agent hangs up ------------------------------------------------------------------------------


def test_the_agent_hangs_up_when_it_was_heard() -> None:
    """S004-64, S004-83: the call ends after the last speech was played."""
    script = Script()
    turn = replying(script)
    assert script.at(2000, HangUpRequested("hang_up_call", after_speech=True)) == []
    assert script.at(2500, PlaybackEnded("a", turn)) == []
    assert script.at(2900) == [HangUp("hang_up_call")]


def test_an_agent_that_hangs_up_without_a_word_says_good_bye() -> None:
    script = Script()
    script.says("that was all", 0, 1000)
    script.at(1100, ReplyAction(1, "hang_up_call", "{}"), ReplyEnded(1))
    script.at(1500, HangUpRequested("hang_up_call", after_speech=True))
    script.at(1500, ActionEnded(1, "done", react=False))
    assert Speak(2, 0, GOODBYE) in script.at(1510, PlaybackEnded("a", 1))
    played(script, 3000)
    assert script.at(3400) == [HangUp("hang_up_call")]


def test_nothing_is_being_said_when_the_agent_hangs_up() -> None:
    script = Script()
    script.at(1000, HangUpRequested("hang_up_call", after_speech=True))
    assert script.at(1400) == [HangUp("hang_up_call")]


# What comes from elsewhere -----------------------------------------------------------------------


def test_a_typed_turn_is_answered_and_cuts_the_agent_off() -> None:
    script = Script()
    replying(script)
    commands = script.at(2000, UserTyped("a", "three tickets"))
    assert kinds(commands)[-2:] == [StartReply, Release]
    assert history(script)[-1].endswith("three tickets")
    assert script.at(2100, UserTyped("a", "  ")) == []


def test_the_agent_says_what_it_is_told_to() -> None:
    script = Script()
    assert script.at(500, SayRequested("Look behind you."))[0] == Speak(1, 0, "Look behind you.")


def test_a_message_is_left_whatever_is_heard_meanwhile() -> None:
    script = Script()
    replying(script)
    message = "This is Anna. Please call us back."
    script.at(2000, SayRequested(message, hang_up="voicemail"))
    assert script.spoken()[-1] == message
    turn = script.last(Release).turn
    script.at(2100, PlaybackStarted("a", turn), SpeechStarted("a"), SpeechConfirmed("a"))
    script.at(4000, SpeechStopped("a", 60), Heard("a", turn, message[:12], 1900))
    script.at(6000, PlaybackEnded("a", turn))
    assert script.at(6400) == [HangUp("voicemail")]


def test_the_agent_speaks_of_what_it_learns() -> None:
    script = Script()
    script.at(500, ReactRequested("The door was opened."))
    assert history(script) == ["Be brief.", "(The door was opened.)"]


def test_a_conversation_goes_on_where_it_was_left() -> None:
    """S004-99: history restored, no initial message again."""
    conversation = Conversation(TurnPolicy(phrases=Phrases(greeting="Hello!"), instructions=""))
    past = (Message("assistant", "Hello!"), Message("user", "I am Ann."))
    assert conversation.handle(HistoryRestored(past), 0) == ()
    assert conversation.handle(LegJoined("a"), 0) == ()
    (_, start, *_) = conversation.handle(UserTyped("a", "Who am I?"), 500)
    assert start == StartReply(1, (past[0], Message("user", "I am Ann. Who am I?")))


def test_who_comes_back_is_told_what_happened() -> None:
    conversation = Conversation(TurnPolicy(phrases=Phrases(greeting="Hello!"), instructions=""))
    past = (Message("assistant", "I will put you through."),)
    conversation.handle(HistoryRestored(past, "The transfer failed: busy."), 0)
    (start, *_) = conversation.handle(LegJoined("a"), 0)
    notes = (*past, Message("user", "(The transfer failed: busy.)"))
    assert start == StartReply(1, notes, reaction=True)


def test_who_has_no_messages_left_is_told_so_without_the_model() -> None:
    """S004-11: the limit message is said, no LLM call."""
    script = Script()
    script.at(0, MessagesSpent("That was all for today."))
    script.says("one more thing", 100, 1000)
    script.at(1500)
    assert script.spoken() == ["That was all for today."]
    played(script, 2500)
    script.at(3000, UserTyped("a", "please"))
    assert script.spoken() == ["That was all for today."] * 2
    assert StartReply not in kinds(script.commands)
    played(script, 4000)
    script.says("okay goodbye then", 4500, 5000)
    script.at(6000)
    assert script.spoken()[-1] == GOODBYE


def test_a_turn_that_was_committed_before_the_limit_was_known_is_refused_too() -> None:
    script = Script()
    script.at(500, UserTyped("a", "one more thing"))
    turn = script.last(StartReply).turn
    commands = script.at(510, MessagesSpent("That was all for today."))
    assert CancelReply(turn) in commands
    assert script.spoken() == ["That was all for today."]


def test_what_is_no_answer_to_the_caller_is_told_apart() -> None:
    script = Script()
    script.says("book it", 0, 1000)
    assert not script.last(StartReply).reaction
    script.at(1200, ReplyFailed(1, "down"))
    assert script.last(StartReply).reaction, "it is asked again"
    assert script.last(StartReply).again == 1
    script = acting()
    script.at(1600, ActionEnded(1, "saved", react=False))
    assert script.last(StartReply).reaction
