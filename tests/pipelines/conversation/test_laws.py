"""What holds for every conversation, tried on scripts that no sensible world would play.

The worlds here are worse than real ones: events of turns that never were, transcripts of questions
that nobody asked, playback that ends before it began, two legs, clocks that jump.
"""

from collections import Counter
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from voice_pipelines.conversation import journal
from voice_pipelines.conversation.commands import (
    CancelReply,
    Command,
    Duck,
    Finish,
    HangUp,
    Pause,
    Release,
    Resume,
    RunAction,
    Settle,
    Silence,
    Speak,
    StartReply,
    Unduck,
)
from voice_pipelines.conversation.events import (
    ActionEnded,
    Event,
    HangUpRequested,
    Heard,
    KeyPressed,
    LegJoined,
    LegLeft,
    MessagesSpent,
    PlaybackEnded,
    PlaybackStarted,
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
    Transcribed,
    TranscriptionFailed,
    TurnEndPredicted,
    UserTyped,
)
from voice_pipelines.conversation.machine import Conversation, Phase
from voice_pipelines.conversation.policy import (
    EndpointingPolicy,
    InterruptionPolicy,
    Phrases,
    SpeculationPolicy,
    TurnPolicy,
)

RECOVERY_MS = 45_000
"""From any state, without any news: the longest turn that is believed (30 s), the recognizer's and
the LLM's watchdogs (2 s and 6 s) and an idle prompt are shorter together."""

LEGS = st.sampled_from(["a", "a", "a", "b"])
TURNS = st.integers(0, 12)
SAID = st.sampled_from(
    ["", "yes", "uh-huh", "two tickets", "two tickets please", "I would like to", "goodbye", "stop"]
)
SPOKEN = st.sampled_from(["Certainly.", "What is your phone number?", "One moment.", "Goodbye!"])
REQUESTS = st.one_of(st.none(), st.integers(0, 12))

EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(SpeechStarted, LEGS),
    st.builds(SpeechConfirmed, LEGS),
    st.builds(SpeechStopped, LEGS, st.integers(0, 200)),
    st.builds(Transcribed, LEGS, SAID, REQUESTS),
    st.builds(TranscriptionFailed, LEGS, st.just("down")),
    st.builds(TurnEndPredicted, LEGS, st.integers(0, 12), st.floats(0, 1)),
    st.builds(KeyPressed, LEGS, st.sampled_from(["1", "5", "#"])),
    st.builds(ReplyStarted, TURNS),
    st.builds(ReplyText, TURNS, SPOKEN),
    st.builds(ReplyAction, TURNS, st.just("book"), st.just("{}")),
    st.builds(ReplyUsage, TURNS, st.just(9), st.just(3), st.just(2)),
    st.builds(ReplyEnded, TURNS),
    st.builds(ReplyFailed, TURNS, st.just("down")),
    st.builds(SpeechReady, TURNS, st.integers(0, 2)),
    st.builds(SpeechEnded, TURNS, st.integers(0, 2), st.integers(0, 3000)),
    st.builds(SpeechFailed, TURNS, st.integers(0, 2), st.just("down")),
    st.builds(PlaybackStarted, LEGS, TURNS),
    st.builds(Heard, LEGS, TURNS, st.sampled_from(["Cert", "One", "What is"]), st.just(100)),
    st.builds(PlaybackEnded, LEGS, TURNS),
    st.builds(ActionEnded, st.integers(0, 4), st.just("done"), st.booleans()),
    st.builds(Tick),
)
RARE: st.SearchStrategy[Event] = st.one_of(
    st.builds(LegJoined, LEGS),
    st.builds(LegLeft, st.just("b")),
    st.builds(HangUpRequested, st.just("draining"), st.booleans()),
    st.builds(UserTyped, LEGS, SAID),
    st.builds(SayRequested, st.just("One"), st.sampled_from(["", "voicemail"])),
    st.builds(ReactRequested, st.just("the door was opened")),
    st.builds(MessagesSpent, st.just("That was all for today.")),
    st.builds(LegLeft, LEGS),
)
POLICIES = st.builds(
    TurnPolicy,
    endpointing=st.sampled_from([EndpointingPolicy(), EndpointingPolicy("fixed", 200)]),
    interruption=st.builds(InterruptionPolicy, enabled=st.booleans()),
    speculation=st.builds(
        SpeculationPolicy,
        on_interim=st.booleans(),
        turn_detector=st.booleans(),
        prefill_words=st.integers(0, 2),
    ),
    phrases=st.sampled_from([Phrases(), Phrases(greeting="")]),
)


class Answer:
    """An event about the newest turn or question: what makes a script go somewhere."""

    __slots__ = ("kind", "text")

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self.text = text

    def __repr__(self) -> str:
        return f"Answer({self.kind!r}, {self.text!r})"

    def event(self, commands: list[Command]) -> Event:
        """What it is, given what was ordered so far."""
        turn = max((c.turn for c in commands if isinstance(c, StartReply | Speak)), default=0)
        request = max((c.request for c in commands if isinstance(c, Settle)), default=0)
        released = max((c.turn for c in commands if isinstance(c, Release)), default=0)
        match self.kind:
            case "words":
                return Transcribed("a", self.text, request)
            case "text":
                return ReplyText(turn, self.text)
            case "written":
                return ReplyEnded(turn)
            case "failed":
                return ReplyFailed(turn, "down")
            case "action":
                return ReplyAction(turn, "book", "{}")
            case "audible":
                return PlaybackStarted("a", released)
            case "heard":
                return Heard("a", released, self.text, 100)
            case _:
                return PlaybackEnded("a", released)


ANSWERS = st.builds(
    Answer,
    st.sampled_from(
        ["words", "text", "written", "failed", "action", "audible", "heard", "played"],
    ),
    SPOKEN | SAID,
)
Step = tuple[int, Event | Answer]


def _speech(text: str, gap: int, pause: int) -> list[Step]:
    """The caller says something and falls silent."""
    return [
        (gap, SpeechStarted("a")),
        (100, SpeechConfirmed("a")),
        (700, SpeechStopped("a", 60)),
        (50, Answer("words", text)),
        (pause, Tick()),
    ]


def _reply(text: str, gap: int, action: bool, end: bool) -> list[Step]:
    """The LLM answers and the beginning of it is heard."""
    return [
        (gap, Answer("text", text)),
        *([(10, Answer("action", ""))] if action else []),
        *([(10, Answer("written", ""))] if end else []),
        (700, Answer("audible", "")),
        (200, Answer("heard", text)),
    ]


ONE = st.tuples(st.integers(0, 2500), st.one_of(ANSWERS, ANSWERS, EVENTS, EVENTS, RARE)).map(
    lambda step: [step]
)
SPEECH = st.builds(_speech, SAID, st.integers(0, 1500), st.sampled_from([0, 300, 900, 2500]))
REPLY = st.builds(_reply, SPOKEN, st.integers(0, 900), st.booleans(), st.booleans())
SCRIPTS = st.lists(st.one_of(ONE, ONE, SPEECH, REPLY), max_size=25).map(
    lambda parts: [step for part in parts for step in part]
)
"""Single events of any kind, among stretches of sense that bring them into every state."""

Timed = list[tuple[int, Event]]


class Played(NamedTuple):
    """A script that was run."""

    conversation: Conversation
    events: Timed
    commands: list[tuple[int, Command]]
    now: int
    """When the last step was."""


def play(policy: TurnPolicy, script: list[Step]) -> Played:
    """Run a script with ticks at the deadlines, as the shell does."""
    conversation = Conversation(policy)
    events: Timed = []
    commands: list[tuple[int, Command]] = []

    def handle(event: Event, now: int) -> None:
        events.append((now, event))
        commands.extend((now, command) for command in conversation.handle(event, now))
        due = conversation.deadline()
        assert due is None or due > now, "a timer that is due must have been done"

    now = 0
    handle(LegJoined("a"), 0)
    for gap, step in script:
        until = now + gap
        while (due := conversation.deadline()) is not None and due <= until:
            handle(Tick(), due)
        now = until
        event = step.event([c for _, c in commands]) if isinstance(step, Answer) else step
        handle(event, now)
    return Played(conversation, events, commands, now)


def a_cancelled_turn_never_speaks_again(played: Played) -> None:
    over: set[int] = set()
    silenced: set[int] = set()
    for _, command in played.commands:
        match command:
            case Silence(turn):
                silenced.add(turn)
            case CancelReply(turn):
                assert turn in silenced, "Silence precedes CancelReply"
                over.add(turn)
            case (
                StartReply(turn)
                | Speak(turn)
                | Finish(turn)
                | Release(turn)
                | Resume(turn)
                | Pause(turn)
                | Duck(turn)
                | Unduck(turn)
                | RunAction(turn=turn)
            ):
                assert turn not in over
            case _:
                pass


def turns_count_up_and_pieces_too(played: Played) -> None:
    newest = 0
    pieces: Counter[int] = Counter()
    released: set[int] = set()
    for _, command in played.commands:
        match command:
            case StartReply(turn):
                assert turn == newest + 1
                newest = turn
            case Speak(turn, piece):
                newest = max(newest, turn)
                assert piece == pieces[turn]
                pieces[turn] += 1
            case Release(turn):
                assert turn not in released
                released.add(turn)
            case _:
                pass


def the_history_holds_only_what_was_heard(played: Played) -> None:
    events = played.events
    for now, command in played.commands:
        if not isinstance(command, StartReply):
            continue
        heard = {e.text for at, e in events if isinstance(e, Heard) and at <= now and e.leg == "a"}
        words = {word for text in heard for word in text.split()}
        for message in command.history:
            if message.role == "assistant":
                assert set(message.text.split()) <= words


def actions_run_once_for_committed_turns_and_are_answered_once(played: Played) -> None:
    released: set[int] = set()
    actions: list[int] = []
    for _, command in played.commands:
        match command:
            case Release(turn):
                released.add(turn)
            case RunAction(action, turn):
                assert turn in released
                actions.append(action)
            case _:
                pass
    assert actions == sorted(set(actions))
    asked_for = sum(isinstance(event, ReplyAction) for _, event in played.events)
    assert len(actions) <= asked_for
    told = Counter(line.action for line in played.conversation.transcript.lines if line.action)
    assert all(told[action] == 1 for action in actions), "each is told of once at any time"


LAWS = (
    a_cancelled_turn_never_speaks_again,
    turns_count_up_and_pieces_too,
    the_history_holds_only_what_was_heard,
    actions_run_once_for_committed_turns_and_are_answered_once,
)


@settings(max_examples=700, deadline=None)
@given(POLICIES, SCRIPTS)
def test_what_was_ordered_keeps_the_laws(policy: TurnPolicy, script: list[Step]) -> None:
    played = play(policy, script)
    for law in LAWS:
        law(played)


@settings(max_examples=300, deadline=None)
@given(POLICIES, SCRIPTS)
def test_a_journal_replays_equal(policy: TurnPolicy, script: list[Step]) -> None:
    conversation = Conversation(policy)
    lines = [journal.header_line(journal.Header("CA1", "2026-11-22T10:00:00Z", policy))]
    for now, event in play(policy, script).events:
        lines.append(journal.event_line(now, event))
        lines += [journal.command_line(now, c) for c in conversation.handle(event, now)]
    recorded = journal.read(lines)
    assert journal.first_difference(recorded) is None


@settings(max_examples=600, deadline=None)
@given(POLICIES, SCRIPTS)
def test_no_dead_air(policy: TurnPolicy, script: list[Step]) -> None:
    """From every state, with no further news, something is said or the call ends before long."""
    conversation, _, _, now = play(policy, script)
    if conversation.phase is Phase.ENDED:
        return
    limit = now + RECOVERY_MS
    said: list[Command] = []
    while not said:
        due = conversation.deadline()
        assert due is not None, "nothing would ever happen again"
        assert due <= limit
        commands = conversation.handle(Tick(), max(due, now))
        said = [c for c in commands if isinstance(c, Speak | HangUp)]


@settings(max_examples=200, deadline=None)
@given(POLICIES, SCRIPTS)
def test_every_call_ends(policy: TurnPolicy, script: list[Step]) -> None:
    """Deadlines alone bring every conversation to its end."""
    conversation, _, _, now = play(policy, script)
    for _ in range(2000):
        due = conversation.deadline()
        if due is None:
            break
        conversation.handle(Tick(), max(due, now))
    assert conversation.phase is Phase.ENDED
