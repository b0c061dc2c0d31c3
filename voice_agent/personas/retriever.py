"""What is asked of whoever finds the scenarios that fit a moment: see `retrieval` for how."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .persona import Scenario

TOP = 5
"""So many scenarios are in the prompt of a turn."""


@dataclass(frozen=True, slots=True)
class Query:
    """The moment of a conversation."""

    user: str
    """What the caller is saying; empty before the first words."""
    persona: str = ""
    """What the persona said last; empty if nothing yet."""

    @property
    def normal(self) -> "Query":
        """The same for transcripts that differ in punctuation and capitals alone."""
        return Query(normal_text(self.user), normal_text(self.persona))


@dataclass(frozen=True, slots=True)
class Match:
    """A scenario that was found."""

    index: int
    """Its place among the persona's."""
    score: float
    """1 for the first by words and by meaning of both statements, 0 for an unrelated one."""
    scenario: Scenario


@dataclass(frozen=True, slots=True)
class Matches:
    """What is found at a moment, the best first."""

    found: Sequence[Match]
    by_meaning: bool
    """False where words alone were compared."""


class Retriever(Protocol):
    """Finds the scenarios of one persona; anything may be behind it."""

    def prepare(self, query: Query) -> None:
        """Look ahead for what `find` is probably asked next. Returns at once."""

    async def find(self, query: Query, count: int = TOP) -> Sequence[Scenario]:
        """The `count` most relevant ones, the best first. Bounded in time, never raises."""


def normal_text(text: str) -> str:
    """Its words, without punctuation and in lower case."""
    return " ".join(re.findall(r"[\w$€£%@]+(?:['’]\w+)?", text.casefold()))
