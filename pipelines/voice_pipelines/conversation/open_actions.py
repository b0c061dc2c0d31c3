"""Actions that were started: which are not over, and what the caller is still owed because of them.

They decide nothing: the machine says when, these keep count.
"""

from collections.abc import Iterator

from .commands import RunAction
from .policy import WatchdogPolicy
from .reply import Reply
from .transcript import Transcript


class OpenActions:
    """The actions of one conversation. Numbers are never used twice."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._number = 0
        self._open: dict[int, tuple[str, int, int]] = {}
        """Name, turn of the reply that wanted it, and when it was started."""
        self._wordless: set[int] = set()
        """Turns of which nothing was said: what their actions give has to be spoken of."""
        self.reaction_due = False
        """Something has been learned that the agent should speak of."""
        self.rounds = 0
        """How often in a row it spoke, or was to speak, of what an action gave."""
        self.holds = 0
        """How often the caller was asked to wait since the oldest open one was started."""

    def __bool__(self) -> bool:
        """Whether any is not over."""
        return bool(self._open)

    @property
    def oldest(self) -> int | None:
        """When the oldest open one was started."""
        return min((started for _, _, started in self._open.values()), default=None)

    def patience_ms(self, rule: WatchdogPolicy) -> int:
        """How long nobody speaks before the caller is asked to wait.

        Sooner if the agent started any of them without a word, and has said nothing since.
        """
        wordless = any(turn in self._wordless for _, turn, _ in self._open.values())
        return rule.checking_ms if wordless and not self.holds else rule.hold_ms

    def start(self, reply: Reply, now: int) -> Iterator[RunAction]:
        """Do what `reply` wants done."""
        wanted, reply.actions = reply.actions, []
        if wanted and not self._open:
            self.holds = 0
        for action in wanted:
            self._number += 1
            self._open[self._number] = (action.name, reply.turn, now)
            reply.acted = True
            self._transcript.started(self._number, f"({action.name} was started.)")
            yield RunAction(self._number, reply.turn, action.name, action.arguments)

    def said_nothing(self, reply: Reply) -> None:
        """The reply is written and has no words: whatever it did has to be spoken of."""
        if not reply.acted or reply.pieces:
            return
        if any(turn == reply.turn for _, turn, _ in self._open.values()):
            self._wordless.add(reply.turn)
        else:
            self.reaction_due = True

    def ended(self, action: int, result: str, react: bool) -> bool:
        """An action is over; False if it was before."""
        if (found := self._open.pop(action, None)) is None:
            return False
        name, turn, _ = found
        self._transcript.ended(action, f"(Result of {name}: {result})")
        self.reaction_due = self.reaction_due or react or turn in self._wordless
        if all(other != turn for _, other, _ in self._open.values()):
            self._wordless.discard(turn)
        return True

    def overdue(self, before: int) -> list[int]:
        """The numbers of those that were started at `before` or earlier."""
        return [action for action, (_, _, at) in self._open.items() if at <= before]
