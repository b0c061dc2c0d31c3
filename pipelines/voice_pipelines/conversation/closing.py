"""How a call comes to its end: decided, said, hung up."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Closing:
    """What is known of the end. True once it is decided: nobody is listened to any more.

    ::

        open ──begin──> decided (hung up by `by`, whatever happens) ──linger──> all is said
          │                                                                    (hung up at `at`)
          └────────────linger─────────> all is said; the caller may still keep it open: `stay`
    """

    reason: str = ""
    by: int | None = None
    at: int | None = None

    def __bool__(self) -> bool:
        return self.by is not None

    def begin(self, reason: str, by: int) -> None:
        """It is decided, and takes until `by` at most."""
        self.reason, self.by = reason, by

    def prolong(self, ms: int) -> None:
        """What is left to say takes longer; nothing if it is not decided."""
        if self.by is not None:
            self.by += ms

    def linger(self, reason: str, at: int) -> None:
        """Everything was said: hang up at `at`."""
        self.reason, self.at = reason, at

    def stay(self) -> None:
        """Somebody speaks: do not hang up, unless it is decided."""
        if not self:
            self.at = None

    def due(self) -> Iterator[int]:
        """When to hang up."""
        yield from (moment for moment in (self.by, self.at) if moment is not None)
