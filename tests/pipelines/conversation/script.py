"""A conversation as a script: timed events in, commands out; only the test moves the clock."""

from typing import TypeVar

from voice_pipelines.conversation.commands import Command, Release, Settle, Speak, StartReply
from voice_pipelines.conversation.events import (
    Event,
    Heard,
    LegJoined,
    PlaybackEnded,
    PlaybackStarted,
    ReplyEnded,
    ReplyStarted,
    ReplyText,
    SpeechConfirmed,
    SpeechReady,
    SpeechStarted,
    SpeechStopped,
    Tick,
    Transcribed,
)
from voice_pipelines.conversation.machine import Conversation, Phase
from voice_pipelines.conversation.policy import EndpointingPolicy, Phrases, TurnPolicy

_C = TypeVar("_C", bound=Command)

QUIET = TurnPolicy(
    endpointing=EndpointingPolicy(mode="fixed", fixed_ms=500),
    phrases=Phrases(greeting=""),
    instructions="Be brief.",
)
"""No greeting, and every turn ends after half a second."""


class Script:
    """A conversation, played event by event; deadlines that pass on the way tick by themselves."""

    def __init__(self, policy: TurnPolicy = QUIET) -> None:
        self.conversation = Conversation(policy)
        self.commands: list[Command] = []
        self.times: list[int] = []
        self.now = 0
        self.at(0, LegJoined("a"))

    def at(self, now: int, *events: Event) -> list[Command]:
        """Move to `now` and let `events` happen; return what all that caused."""
        before = len(self.commands)
        while (due := self.conversation.deadline()) is not None and due <= now:
            due = max(due, self.now)
            if not self._handle(Tick(), due) and self.conversation.deadline() == due:
                raise AssertionError(f"the deadline {due} does not pass")
        for event in events:
            self._handle(event, now)
        self.now = now
        return self.commands[before:]

    def _handle(self, event: Event, now: int) -> tuple[Command, ...]:
        self.now = now
        caused = self.conversation.handle(event, now)
        self.commands += caused
        self.times += [now] * len(caused)
        return caused

    def says(self, text: str, start: int, end: int, leg: str = "a") -> list[Command]:
        """The caller speaks from `start` to `end` and is understood at once."""
        commands = self.at(start, SpeechStarted(leg))
        commands += self.at(start + 100, SpeechConfirmed(leg))
        commands += self.at(end + 60, SpeechStopped(leg, 60))
        request = self.last(Settle).request
        return commands + self.at(end + 80, Transcribed(leg, text, request))

    def answers(self, text: str, now: int, end: bool = True) -> list[Command]:
        """The LLM writes `text` for the newest turn, and the TTS speaks it."""
        turn = self.last(StartReply).turn
        commands = self.at(now, ReplyStarted(turn), ReplyText(turn, text), SpeechReady(turn, 0))
        return commands + (self.at(now, ReplyEnded(turn)) if end else [])

    def last(self, kind: type[_C]) -> _C:
        return next(c for c in reversed(self.commands) if isinstance(c, kind))

    def spoken(self) -> list[str]:
        return [c.text for c in self.commands if isinstance(c, Speak)]

    def phase(self) -> Phase:
        return self.conversation.phase


def kinds(commands: list[Command]) -> list[type]:
    return [type(command) for command in commands]


def replying(script: Script) -> int:
    """Bring the script to a reply that is being heard since 1700; return its turn."""
    script.says("two tickets", 0, 1000)
    script.answers("Certainly, two tickets for tonight.", 1200)
    script.at(1500)
    turn = script.last(Release).turn
    script.at(1700, PlaybackStarted("a", turn))
    assert script.phase() is Phase.SPEAKING
    return turn


def played(script: Script, now: int) -> None:
    """Whatever was released last is heard to its end."""
    turn = script.last(Release).turn
    text = " ".join(c.text for c in script.commands if isinstance(c, Speak) and c.turn == turn)
    script.at(now, PlaybackStarted("a", turn), Heard("a", turn, text, 1), PlaybackEnded("a", turn))
