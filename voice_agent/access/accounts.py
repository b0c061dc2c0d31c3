"""Administrators: people with a name and a password, who sign in to the console."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from ..errors import VoiceAgentError

LONGEST_NAME = 64


class AccountInvalid(VoiceAgentError):
    """What was given for an account cannot be taken."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class AccountConflict(VoiceAgentError):
    """The account is not in a state in which this can be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """A person who may do everything."""

    id: str
    name: str
    created_at: datetime
    password: str = field(repr=False)
    """The hash, with its parameters."""
    totp: str = field(default="", repr=False)
    """The secret that codes are made of, sealed; empty while they are not asked for."""
    totp_pending: str = field(default="", repr=False)
    """A secret that was shown, but of which no code has come yet, sealed."""


def checked_name(name: str) -> str:
    """The name as it is shown. Raises AccountInvalid."""
    shown = " ".join(unicodedata.normalize("NFKC", name).split())
    if not shown or len(shown) > LONGEST_NAME:
        raise AccountInvalid("name", f"a name has 1 to {LONGEST_NAME} characters")
    if not shown.isprintable():
        raise AccountInvalid("name", "a name has only characters that can be seen")
    return shown


def key_of(name: str) -> str:
    """Under which a name is found: however it is written."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def digest_of(name: str) -> str:
    """Stands for a name that somebody has tried: people type their password there, too."""
    return sha256(key_of(name).encode("utf-8", "surrogatepass")).hexdigest()


class Accounts(Protocol):
    """All administrators. All raise StorageUnavailable."""

    async def get(self, id: str) -> Administrator | None: ...

    async def named(self, name: str) -> Administrator | None: ...

    async def list(self) -> Sequence[Administrator]:
        """All of them, by name."""

    async def create(self, name: str, password: str, now: datetime) -> Administrator:
        """`password` is a hash. Raises AccountConflict if the name is taken."""

    async def set_password(self, id: str, password: str) -> None:
        """`password` is a hash."""

    async def remove(self, id: str, now: datetime) -> bool:
        """Forget an administrator and end all sessions of theirs; False if there is none."""

    async def begin_totp(self, id: str, secret: str) -> None:
        """Keep a sealed secret that is not in force yet."""

    async def confirm_totp(self, id: str, secret: str, step: int, codes: Sequence[str]) -> bool:
        """Put the pending sealed `secret` in force, with the digests of recovery codes; once."""

    async def reseal_totp(self, id: str, before: str, after: str) -> None:
        """Keep a secret, in force or not, sealed anew."""

    async def use_totp(self, id: str, step: int) -> bool:
        """Take the code of a time step; False if it, or a later one, was taken before."""

    async def end_totp(self, id: str) -> None:
        """Ask for no codes any more, and forget the recovery codes."""

    async def set_recovery_codes(self, id: str, codes: Sequence[str]) -> None:
        """Digests, instead of those that there were."""

    async def use_recovery_code(self, id: str, code: str) -> bool:
        """Take a digest, once."""

    async def recovery_codes(self, id: str) -> int:
        """How many are left."""
