"""What another policy would have changed in a recorded call, turn by turn."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from voice_pipelines.conversation.commands import Command, Release, StartReply
from voice_pipelines.conversation.events import SpeechConfirmed, SpeechStarted
from voice_pipelines.conversation.journal import Journal

_SAME_TURN_MS = 5000
"""Decisions further apart than this are about different turns."""


@dataclass(frozen=True, slots=True)
class Slider:
    """A value of the policy that is worth trying, within bounds that make sense."""

    section: Literal["endpointing", "interruption"]
    name: str
    min: float
    max: float
    step: float


SLIDERS = (
    Slider("endpointing", "fixed_ms", 100, 3000, 20),
    Slider("endpointing", "min_ms", 100, 1500, 10),
    Slider("endpointing", "typical_ms", 200, 3000, 20),
    Slider("endpointing", "max_ms", 500, 5000, 50),
    Slider("endpointing", "spelling_ms", 500, 5000, 50),
    Slider("endpointing", "finished_probability", 0, 1, 0.01),
    Slider("endpointing", "unfinished_probability", 0, 1, 0.01),
    Slider("endpointing", "max_turn_ms", 5000, 60_000, 1000),
    Slider("endpointing", "stable_ms", 1000, 10_000, 100),
    Slider("endpointing", "keypad_ms", 500, 5000, 50),
    Slider("interruption", "sustained_ms", 100, 2000, 20),
    Slider("interruption", "false_alarm_ms", 200, 5000, 50),
    Slider("interruption", "retract_ms", 0, 2000, 20),
)


@dataclass(frozen=True, slots=True)
class Decision:
    """The moment at which the agent took the floor, and on which words."""

    at: int
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One turn as it was and as it would have been."""

    turn: int
    recorded: Decision | None
    replayed: Decision | None
    cut_off: bool
    """The caller began to speak again before the recorded decision, after the replayed one."""

    @property
    def earlier_ms(self) -> int | None:
        """By how much the agent would have answered earlier; negative for later."""
        if self.recorded is None or self.replayed is None:
            return None
        return self.recorded.at - self.replayed.at

    def as_row(self) -> dict[str, Any]:
        return {
            "turn": self.turn,
            "recorded_ms": self.recorded.at if self.recorded else None,
            "replayed_ms": self.replayed.at if self.replayed else None,
            "earlier_ms": self.earlier_ms,
            "cut_off": self.cut_off,
            "text": (self.recorded or self.replayed or Decision(0, "")).text,
        }

    def sentence(self) -> str:
        if self.recorded is None and self.replayed is not None:
            return f"turn {self.turn}: an answer at {self.replayed.at} ms that was not given: " + (
                f"{self.replayed.text!r}" + (", cutting the caller off" if self.cut_off else "")
            )
        if self.replayed is None and self.recorded is not None:
            return f"turn {self.turn}: no answer at {self.recorded.at} ms any more"
        earlier = self.earlier_ms or 0
        if earlier == 0:
            return f"turn {self.turn}: the same"
        what = f"{abs(earlier)} ms {'earlier' if earlier > 0 else 'later'}"
        return f"turn {self.turn}: {what}" + (", cutting the caller off" if self.cut_off else "")


def decisions(commands: Iterable[tuple[int, Command]]) -> list[Decision]:
    """When the agent took the floor to answer."""
    asked: dict[int, str] = {}
    found = []
    for now, command in commands:
        match command:
            case StartReply(turn, history):
                asked[turn] = history[-1].text if history else ""
            case Release(turn) if turn in asked:
                found.append(Decision(now, asked[turn]))
            case _:
                pass
    return found


def compare(journal: Journal, replayed: Iterable[tuple[int, Command]]) -> list[Change]:
    """The turns of a record beside those of a replay under another policy."""
    before, after = decisions(journal.commands()), decisions(replayed)
    resumed = [
        now for now, event in journal.events() if isinstance(event, SpeechStarted | SpeechConfirmed)
    ]
    changes: list[Change] = []
    while before or after:
        if not after or (before and before[0].at < after[0].at - _SAME_TURN_MS):
            old, new = before.pop(0), None
        elif not before or after[0].at < before[0].at - _SAME_TURN_MS:
            old, new = None, after.pop(0)
        else:
            old, new = before.pop(0), after.pop(0)
        end = old.at if old else (new.at + _SAME_TURN_MS if new else 0)
        cut_off = new is not None and any(new.at < at < end for at in resumed)
        changes.append(Change(len(changes) + 1, old, new, cut_off))
    return changes
