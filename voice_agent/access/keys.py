"""API keys: what each may do, how they are written, how they are kept.

A key is written ``va_KIND_ID_SECRET``. The id is kept as it is and finds the row; of the secret
only its SHA-256 is kept. A secret is 256 random bits, so a slow hash would add nothing.

* ``admin``: everything, in every workspace. There is no default key and no default password: the
  first start prints a link that is worth one session.
* ``secret``: everything in its workspace; for servers. Cannot make keys.
* ``client``: public. Begins conversations from the pages of its origins with its personas, and
  nothing else.
* ``session``: as ``admin``, for some hours; what signing in gives, see `sign_in`.
* ``link``: is exchanged once for a session.
"""

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal, Protocol

from ..errors import VoiceAgentError

Kind = Literal["admin", "secret", "client", "session", "link"]

_WRITTEN = re.compile(r"va_(admin|secret|client|session|link)_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")

LINK_LIFE = timedelta(hours=1)
SESSION_LIFE = timedelta(hours=12)


class KeyRefused(VoiceAgentError):
    """The key is unknown, expired or revoked, or does not allow this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key, without its secret."""

    id: str
    kind: Kind
    workspace: str
    created_at: datetime
    label: str = ""
    origins: tuple[str, ...] = ()
    """Of a client key: the pages that may use it, such as ``https://shop.example``; ``*`` for all.
    """
    personas: tuple[str, ...] = ()
    """Of a client key: the ids of the personas that it may talk to; empty for all."""
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def is_admin(self) -> bool:
        return self.kind in ("admin", "session")

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def allows_origin(self, origin: str) -> bool:
        """Whether a page of `origin` may use it. Only client keys are bound to origins."""
        return self.kind != "client" or "*" in self.origins or origin in self.origins

    def allows_persona(self, persona_id: str) -> bool:
        return not self.personas or persona_id in self.personas


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; the only time that it is known as a whole."""

    key: ApiKey
    text: str


@dataclass(frozen=True, slots=True)
class Written:
    """A key as it was given, taken apart."""

    kind: Kind
    id: str
    digest: str


def written(kind: Kind, id: str, secret: str) -> str:
    return f"va_{kind}_{id}_{secret}"


def read(text: str) -> Written | None:
    """Take a key apart; None if it cannot be one."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        return None
    kind, id, secret = match.groups()
    return Written(kind, id, digest(secret))  # type: ignore[arg-type]  # The pattern says so.


def random_id() -> str:
    return secrets.token_hex(8)


def random_secret() -> str:
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare digests in a time that tells nothing."""
    return hmac.compare_digest(one, other)


class Keys(Protocol):
    """The keys of all workspaces. All raise StorageUnavailable."""

    async def create(
        self,
        kind: Kind,
        workspace: str,
        label: str = "",
        origins: Sequence[str] = (),
        personas: Sequence[str] = (),
        life: timedelta | None = None,
    ) -> NewKey: ...

    async def verify(self, text: str) -> ApiKey:
        """The key that was given. Raises KeyRefused."""

    async def is_valid(self, id: str) -> bool:
        """Whether there is a key of this id that has neither expired nor was revoked."""

    async def list(
        self, workspace: str | None = None, after: str = "", limit: int = 100
    ) -> Sequence[ApiKey]:
        """Those that are not revoked, by id, behind `after`; of one workspace or of all."""

    async def revoke(self, id: str, workspace: str | None = None) -> bool:
        """End a key at once; False if there was none."""

    async def exchange(self, link: str, life: timedelta = SESSION_LIFE) -> NewKey:
        """An admin session for a link, once. Raises KeyRefused."""

    async def first_link(self) -> NewKey | None:
        """A new link if there is no administrator yet; earlier links end."""

    async def new_link(self, label: str = "") -> NewKey:
        """A new link; earlier links end. The session that it opens has its label."""

    async def signing_secret(self) -> str:
        """What this installation signs session tokens with; made when first asked for."""
