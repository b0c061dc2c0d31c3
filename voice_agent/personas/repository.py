"""Where personas are kept, as whoever uses them sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ..errors import VoiceAgentError
from .persona import Persona


class NotFound(VoiceAgentError):
    """There is no such persona, or it has no such version."""


class Conflict(VoiceAgentError):
    """Somebody else changed it in the meantime, or its name is taken; read it again."""


class Stale(Conflict):
    """Somebody else changed it in the meantime; read it again."""


@dataclass(frozen=True, slots=True)
class StoredPersona:
    """A persona as it is kept: what is edited, and what calls get."""

    id: str
    name: str
    draft: Persona
    """What is edited."""
    published: Persona | None
    """What new calls get, None before the first publication; a live call keeps its own."""
    version: int
    """The number of `published`, counted from 1; 0 before the first publication."""
    etag: str
    """Changes with every change of the draft or of the publication."""
    created_at: datetime
    updated_at: datetime


class Personas(Protocol):
    """The personas of one workspace. All raise NotFound for an unknown id."""

    async def list(self, after: str = "", limit: int = 100) -> Sequence[StoredPersona]:
        """The next `limit` of them in a stable order, those after the id `after`."""

    async def get(self, id: str) -> StoredPersona: ...

    async def named(self, name: str) -> StoredPersona:
        """The one of that name. Raises NotFound."""

    async def create(self, persona: Persona) -> StoredPersona:
        """Keep a new draft. Raises Conflict if the name is taken."""

    async def save(self, id: str, persona: Persona, etag: str | None = None) -> StoredPersona:
        """Replace the draft. Raises Stale if `etag` is given and is not the current one."""

    async def publish(self, id: str, etag: str | None = None) -> StoredPersona:
        """Give the draft to all calls from now on, as the next version. Raises Conflict."""

    async def roll_back(self, id: str, version: int) -> StoredPersona:
        """Publish an earlier version again, as the next one; the draft becomes that, too."""

    async def version(self, id: str, version: int) -> Persona:
        """What was published under that number."""

    async def delete(self, id: str) -> None:
        """Forget it with its versions; conversations keep what they recorded."""
