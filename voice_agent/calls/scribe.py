"""What happens in a call, told as records."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from voice_pipelines.conversation.commands import Command, RunAction
from voice_pipelines.conversation.events import ActionEnded, Event, HistoryRestored
from voice_pipelines.conversation.transcript import Line

from .records import Action, Message


class Scribe:
    """One call as records: the transcript's lines and the actions, as they change.

    A resumed conversation goes on counting: `first_message` and `first_action` are the numbers of
    those that it had before.
    """

    def __init__(
        self,
        conversation_id: str,
        started: datetime,
        first_message: int = 0,
        first_action: int = 0,
    ) -> None:
        self._id = conversation_id
        self._started = started
        self._first_message = first_message
        self._first_action = first_action
        self._restored = 0
        """Lines of the transcript that are an earlier part's."""
        self._lines: list[Line] = []
        self._at: list[datetime] = []
        self._running: dict[int, Action] = {}

    def time(self, now: int) -> datetime:
        """The time of day at `now` milliseconds of the call."""
        return self._started + timedelta(milliseconds=now)

    def messages(self, lines: Sequence[Line], now: int) -> tuple[Message, ...]:
        """Those lines of the transcript that are new or changed since this was last asked."""
        # What is said of actions moves about; they are kept as actions.
        own = [line for line in lines if not line.action][self._restored :]
        changed = []
        for at, line in enumerate(own):
            if at == len(self._lines):
                self._lines.append(line)
                self._at.append(self.time(now))
            elif self._lines[at] is line:
                continue
            else:
                same = self._lines[at] == line
                self._lines[at] = line
                if same:
                    continue
            changed.append(self._message(at, line))
        return tuple(changed)

    def all_messages(self) -> tuple[Message, ...]:
        """All lines that it was asked for so far."""
        return tuple(self._message(at, line) for at, line in enumerate(self._lines))

    def _message(self, at: int, line: Line) -> Message:
        return Message(
            conversation_id=self._id,
            number=self._first_message + at,
            speaker=line.speaker,
            text=line.text,
            at=self._at[at],
            intended=line.intended,
            turn=line.turn,
            leg=line.leg,
            withdrawn=line.withdrawn,
        )

    def command(self, now: int, command: Command) -> Action | None:
        """The action that the command starts."""
        if not isinstance(command, RunAction):
            return None
        action = Action(
            conversation_id=self._id,
            number=self._first_action + command.action,
            name=command.name,
            arguments=command.arguments,
            started_at=self.time(now),
        )
        self._running[command.action] = action
        return action

    def event(self, now: int, event: Event) -> Action | None:
        """The action that the event ends. To be told every event before its lines are asked for."""
        if isinstance(event, HistoryRestored):
            self._restored += len(event.messages)
        if not isinstance(event, ActionEnded):
            return None
        if (action := self._running.pop(event.action, None)) is None:
            return None
        return replace(action, ended_at=self.time(now), result=event.result)
