"""The figures of a whole call, as a pure function of its events and commands."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from voice_pipelines.conversation.commands import Command, HangUp
from voice_pipelines.conversation.events import Event
from voice_pipelines.conversation.journal import Journal

from .turns import Turn, TurnMeter
from .usage import CallUsage, UsageMeter


@dataclass(frozen=True, slots=True)
class CallFigures:
    """One call, over or as far as it is known."""

    call: str
    started: str
    """ISO 8601, UTC."""
    duration_ms: int
    reason: str
    """Why the agent's end hung up; empty if the record ends before."""
    turns: tuple[Turn, ...]
    """The released ones, phrases included, in the order of release."""
    usage: CallUsage

    def without_words(self) -> "CallFigures":
        """Of a conversation that is not saved."""
        return replace(self, turns=tuple(turn.without_words() for turn in self.turns))

    @property
    def answers(self) -> list[Turn]:
        """The turns that the LLM wrote, those that nobody heard included."""
        return [turn for turn in self.turns if turn.is_answer]

    @property
    def heard_answers(self) -> list[Turn]:
        """Without those that were given up, tried again or taken back before any of it was heard:
        what they took says nothing about what the caller waited for."""
        return [turn for turn in self.answers if turn.first_audio is not None]

    @property
    def interruptions(self) -> int:
        """How many turns were cut off while they were heard."""
        return sum(turn.interrupted for turn in self.turns)

    @property
    def first_audio_ms(self) -> list[int]:
        """Of every answer that has it, in order."""
        return [turn.first_audio_ms for turn in self.answers if turn.first_audio_ms is not None]


class CallMeter:
    """Collects the figures of a call from its events and commands in their order."""

    def __init__(self, phrases: Collection[str] = ()) -> None:
        """`phrases` are the texts that were synthesized beforehand."""
        self._turns = TurnMeter()
        self._usage = UsageMeter(phrases)
        self._now = 0
        self._reason = ""

    @property
    def turns(self) -> Sequence[Turn]:
        """The released ones so far, in the order of release."""
        return self._turns.turns

    def event(self, now: int, event: Event) -> Turn | None:
        """Take an event; return the turn that it completes, if it does."""
        self._now = now
        self._usage.event(now, event)
        return self._turns.event(now, event)

    def command(self, now: int, command: Command) -> Turn | None:
        """Take a command; return the turn that it completes, if it does."""
        self._now = now
        if isinstance(command, HangUp):
            self._reason = command.reason
        self._usage.command(now, command)
        return self._turns.command(now, command)

    def figures(self, call: str, started: str) -> CallFigures:
        """What is known; nothing more may come."""
        self._usage.close(self._now)
        turns = tuple(self._turns.turns)
        return CallFigures(call, started, self._now, self._reason, turns, self._usage.usage)


def figures(journal: Journal) -> CallFigures:
    """The figures of a recorded call."""
    header = journal.header
    meter = CallMeter(frozenset(header.policy.phrases.all()))
    for entry in journal.entries:
        if entry.event is not None:
            meter.event(entry.now, entry.event)
        if entry.command is not None:
            meter.command(entry.now, entry.command)
    return meter.figures(header.call, header.started)
