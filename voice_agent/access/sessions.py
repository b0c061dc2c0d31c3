"""Sessions of the console: who signed in, when, how and from where.

A session is a key of the kind ``session``; this is what is known besides. A session that a link
has opened belongs to nobody until its bearer says a name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from ..errors import VoiceAgentError

FRESH = timedelta(minutes=10)
"""For so long after signing in one may change how one signs in."""

Method = Literal["link", "invitation", "password", "passkey"]
"""An invitation is a link of an administrator's, which opens nobody's account."""
INVITATION: Method = "invitation"


class AuthenticateAgain(VoiceAgentError):
    """It takes whoever has just proved who they are."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request comes from."""

    address: str = ""
    device: str = ""
    """Such as ``Firefox on Linux``."""
    known: str = field(default="", repr=False)
    """The cookie of a browser that has signed in before, see `known_browsers`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session that is open."""

    id: str
    """Of its key."""
    administrator: str
    """An id; empty if a link has opened it and no name was given yet."""
    method: Method
    address: str = ""
    device: str = ""
    created_at: datetime
    expires_at: datetime
    proved_at: datetime
    """When whoever it is has last shown who they are."""
    used_at: datetime
    """To the minute."""

    def is_fresh(self, now: datetime) -> bool:
        return now - self.proved_at <= FRESH


def check_fresh(session: Session, now: datetime) -> None:
    """Raises AuthenticateAgain."""
    if not session.is_fresh(now):
        raise AuthenticateAgain(
            "Show again who you are: give your password, or sign in with a passkey."
        )


class Sessions(Protocol):
    """All sessions. All raise StorageUnavailable."""

    async def note(
        self, id: str, administrator: str, method: Method, visitor: Visitor, now: datetime
    ) -> None:
        """A session was opened with the key `id`."""

    async def get(self, id: str, now: datetime) -> Session | None:
        """None if it has ended."""

    async def belongs_to(self, id: str, administrator: str) -> None:
        """Whose it is, once a name was given."""

    async def proved(self, id: str, now: datetime) -> None:
        """Whoever it is has shown again who they are."""

    async def used(self, id: str, now: datetime) -> None:
        """It was used."""

    async def list(self, administrator: str, now: datetime) -> Sequence[Session]:
        """Those that are open, the one used last first."""

    async def end(self, administrator: str, id: str, now: datetime) -> bool:
        """End one; False if this administrator has none such."""

    async def end_others(self, administrator: str, kept: str, now: datetime) -> int:
        """End all of an administrator's but one; how many that were."""
