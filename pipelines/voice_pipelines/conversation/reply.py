"""One reply of the agent on its way from the LLM to the caller's ear."""

from dataclasses import dataclass, field

from .events import ReplyAction
from .policy import WatchdogPolicy


@dataclass(slots=True)
class Reply:
    """A reply, from the order to the last sample.

    ::

        drafted ──committed──> released ──PlaybackStarted──> audible ──PlaybackEnded──> over
    """

    turn: int
    source: str = ""
    """The caller's words that it answers; empty for a phrase."""
    leg: str = ""
    """Whose words they were."""
    phrase: bool = False
    """A fixed phrase: no LLM is involved."""
    attempt: int = 1
    """How often the LLM has been asked for this answer, this time included."""
    pieces: list[str] = field(default_factory=list)
    ready_pieces: int = 0
    """Pieces of which some audio exists."""
    complete: bool = False
    """No further pieces will come."""
    failed: bool = False
    """The LLM failed and has not been asked again yet."""
    filled_at: int | None = None
    """When a filler was said because it was late."""
    actions: list[ReplyAction] = field(default_factory=list)
    """What the LLM wanted done, held until the turn is committed."""
    acted: bool = False
    """An action was started: the turn cannot be taken back."""
    committed_at: int | None = None
    audible_at: int | None = None
    progress_at: int = 0
    """When something last happened to it."""
    hang_up: str = ""
    """Why the call ends when it has been heard; empty if it does not."""

    @property
    def text(self) -> str:
        """All that it says so far."""
        return " ".join(self.pieces)

    def given_up_at(self, rule: WatchdogPolicy) -> int:
        """When it is given up if nothing of it is heard.

        The filler comes early if the LLM failed at once; the silence after it is not to be longer
        for that.
        """
        latest = (self.committed_at or 0) + rule.reply_ms
        if self.filled_at is None:
            return latest
        return min(latest, self.filled_at + max(rule.reply_ms - rule.filler_ms, 0))
