"""Passwords: which are good enough, and how they are kept.

Argon2id with OWASP's smallest figures (19 MiB, two passes, one lane; some 50 ms of one core): the
machine that checks them speaks with people at the same time. So one is checked at a time, in a
thread, with a pause behind it, and few may wait: whoever floods the sign-in gets a quarter of a
core.
"""

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cached_property
from secrets import token_urlsafe
from typing import TYPE_CHECKING

from .accounts import AccountInvalid, key_of
from .attempts import TryLater

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST = 12
LONGEST = 256
_DIFFERENT = 5
"""Characters that a password has at least."""
_WAITING = 20
"""Checks that may wait for their turn: some four seconds."""
_PAUSES = 3
"""How much longer than a check the pause behind it is."""


def checked_password(password: str, name: str) -> str:
    """As it is hashed. Raises AccountInvalid."""
    text = normal(password)
    if not SHORTEST <= len(text) <= LONGEST:
        raise AccountInvalid(
            "password", f"a password has {SHORTEST} to {LONGEST} characters; some words will do"
        )
    if len(set(text)) < _DIFFERENT:
        raise AccountInvalid("password", f"use at least {_DIFFERENT} different characters")
    if key_of(text) == key_of(name):
        raise AccountInvalid("password", "it must not be the name")
    return text


def normal(password: str) -> str:
    """Keyboards write the same letter in different ways."""
    return unicodedata.normalize("NFKC", password)


class Hasher:
    """Makes and checks hashes, beside the event loop."""

    def __init__(self, memory_kib: int = 19 * 1024, passes: int = 2) -> None:
        self._memory_kib, self._passes = memory_kib, passes
        self._turn = asyncio.Semaphore(1)
        self._next_at = 0.0
        self._waiting = 0
        self._nobody = ""

    async def hash(self, password: str) -> str:
        """Raises TryLater."""
        async with self._next():
            return await asyncio.to_thread(lambda: self._argon2.hash(password))

    async def verify(self, kept: str, password: str) -> bool:
        """Whether the password fits the hash `kept`. An empty one fits nothing, and takes as long.

        Raises TryLater.
        """
        async with self._next():
            return await asyncio.to_thread(self._verify, kept, normal(password))

    def check(self) -> None:
        """Raises TryLater if too many wait."""
        if self._waiting >= _WAITING:
            raise TryLater(timedelta(seconds=5))

    @asynccontextmanager
    async def _next(self) -> AsyncIterator[None]:
        self.check()
        loop = asyncio.get_running_loop()
        self._waiting += 1
        try:
            async with self._turn:
                await asyncio.sleep(max(0.0, self._next_at - loop.time()))
                began = loop.time()
                try:
                    yield
                finally:
                    self._next_at = loop.time() + _PAUSES * (loop.time() - began)
        finally:
            self._waiting -= 1

    @cached_property
    def _argon2(self) -> "PasswordHasher":
        from argon2 import PasswordHasher

        return PasswordHasher(time_cost=self._passes, memory_cost=self._memory_kib, parallelism=1)

    def _verify(self, kept: str, password: str) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        if not self._nobody:
            self._nobody = self._argon2.hash(token_urlsafe())
        try:
            return self._argon2.verify(kept or self._nobody, password) and bool(kept)
        except (VerificationError, InvalidHashError):
            return False
