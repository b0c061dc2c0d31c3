"""Who said what, cut at what was heard."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .commands import Message

Speaker = Literal["caller", "agent", "note"]


@dataclass(frozen=True, slots=True)
class Line:
    """One contribution to the conversation."""

    speaker: Speaker
    turn: int
    """The reply that this line is, or that answers it."""
    text: str
    """For the agent: what was heard of it."""
    leg: str = ""
    intended: str = ""
    """For the agent: all that it was going to say, as far as the LLM had written it."""
    withdrawn: bool = False
    """The turn was taken back; the LLM is not shown it any more."""
    action: int = 0
    """For a note: the action that it tells of, if any."""


class Transcript:
    """The lines of one conversation in their order.

    The agent's lines grow as the playout acknowledges them. What nobody heard is kept as `intended`
    and never shown to the LLM.
    """

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.actions = 0
        """How many actions were started."""
        self.changes = 0
        """How often the lines have changed."""

    def caller_said(self, turn: int, leg: str, text: str) -> None:
        self.changes += 1
        self.lines.append(Line("caller", turn, text, leg))

    def note(self, turn: int, text: str) -> None:
        """Something that happened, told to the LLM between the lines."""
        self.changes += 1
        self.lines.append(Line("note", turn, text))

    def started(self, action: int, text: str) -> None:
        """An action was started; the LLM knows of it while it runs."""
        self.changes += 1
        self.actions += 1
        self.lines.append(Line("note", 0, text, action=action))

    def ended(self, action: int, text: str) -> None:
        """An action is over: what it gave comes last."""
        self.changes += 1
        self.lines = [line for line in self.lines if line.action != action]
        self.lines.append(Line("note", 0, text, action=action))

    def restore(self, messages: Sequence[Message]) -> None:
        """Begin with what was said in an earlier part of the conversation."""
        self.changes += 1
        for message in messages:
            speaker: Speaker = "agent" if message.role == "assistant" else "caller"
            self.lines.append(Line(speaker, 0, message.text, intended=message.text))

    def agent_intends(self, turn: int, text: str) -> None:
        """The agent is going to say `text`, all of it so far."""
        self._update(turn, intended=text)

    def agent_heard(self, turn: int, text: str) -> None:
        """This much of the agent's reply has been heard."""
        self._update(turn, heard=text)

    def retract(self, turn: int) -> str:
        """Take back the caller's line that `turn` answered, and the answer; return the words."""
        self.changes += 1
        said = " ".join(
            line.text for line in self.lines if line.turn == turn and line.speaker == "caller"
        )
        self.lines = [
            replace(line, withdrawn=True) if line.turn == turn else line for line in self.lines
        ]
        return said

    def readdress(self, old: int, new: int) -> None:
        """The caller's line that `old` was to answer is answered by `new`."""
        self.changes += 1
        self.lines = [
            replace(line, turn=new) if line.turn == old and line.speaker == "caller" else line
            for line in self.lines
        ]

    def last_agent_text(self) -> str:
        """What the agent said last, as heard."""
        spoken = (
            line.text for line in reversed(self.lines) if line.speaker == "agent" and line.text
        )
        return next(spoken, "")

    def history(
        self, instructions: str, caller: str = "", answering: int = 0
    ) -> tuple[Message, ...]:
        """What the LLM is shown: the system prompt, the lines as heard, and `caller`'s new words.

        Neighbors of one speaker are joined: chat templates expect the roles to alternate. What the
        agent said after the caller's line of the turn `answering`, a filler, is left out: it is no
        answer, and models go on with a last message of their own, or refuse it.
        """
        messages = [Message("system", instructions)] if instructions else []
        spoken = [*self.lines, Line("caller", 0, caller)] if caller else self.lines
        answers = False
        for line in spoken:
            if answers and line.speaker == "agent":
                continue
            answers = answers or (line.speaker == "caller" and 0 < line.turn == answering)
            if not line.text or line.withdrawn:
                continue
            role: Literal["user", "assistant"] = "assistant" if line.speaker == "agent" else "user"
            if messages and messages[-1].role == role:
                messages[-1] = Message(role, f"{messages[-1].text} {line.text}")
            else:
                messages.append(Message(role, line.text))
        return tuple(messages)

    def opening(self, instructions: str) -> tuple[Message, ...]:
        """What the LLM will be shown whatever the caller says next."""
        history = self.history(instructions)
        if history and history[-1].role == "user":
            return history
        return (*history, Message("user", ""))

    def _update(self, turn: int, heard: str | None = None, intended: str | None = None) -> None:
        for at in range(len(self.lines) - 1, -1, -1):
            line = self.lines[at]
            if line.speaker == "agent" and line.turn == turn:
                break
        else:
            if intended is None:
                return  # Nobody was going to say that.
            self.lines.append(Line("agent", turn, ""))
            at, line = len(self.lines) - 1, self.lines[-1]
        self.changes += 1
        self.lines[at] = replace(
            line,
            text=line.text if heard is None else heard,
            intended=line.intended if intended is None else intended,
        )
