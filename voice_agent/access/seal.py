"""Secrets that have to be kept as they are, sealed with a key that is not in the database.

So a copy of the database alone, such as a backup, makes no codes. The key is text: in a variable,
or in a file that is made when it is first needed. Of several, separated by blanks, the first one
seals and all of them open, for as long as one is being replaced.

A sealed text is ``sealed1:`` and a Fernet token (AES-128-CBC with HMAC-SHA256). Text without that
is of a version that sealed nothing; `reseal`, at each start, seals it.
"""

import asyncio
import os
import tempfile
from base64 import urlsafe_b64encode
from pathlib import Path
from secrets import token_urlsafe
from typing import TYPE_CHECKING

import structlog

from ..errors import ConfigurationError, VoiceAgentError
from .accounts import Accounts

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

_SEALED = "sealed1:"
_LEAST = 32
"""Characters of a key: what `openssl rand -base64 32` prints has 44."""
_ANOTHER = (
    "The secret cannot be read: it was sealed with another key than that of "
    "`access.secret_key_env` or `access.secret_key_file`. Put the old key back; or sign in with a "
    "recovery code, and set the authenticator app up again."
)

log = structlog.get_logger()


class SealBroken(VoiceAgentError):
    """The key is not there, or not the one that something was sealed with."""


class Seal:
    """Seals and opens; both may read a file."""

    def __init__(self, given: str, path: Path) -> None:
        """`given` are the keys; where that is empty they are in the file at `path`.

        Raises ConfigurationError.
        """
        if any(len(key) < _LEAST for key in given.split()):
            raise ConfigurationError(
                "The variable of `access.secret_key_env` must hold at least "
                f"{_LEAST} characters that nobody guesses: `openssl rand -base64 32` makes some."
            )
        self._path = path
        self._keys = [_fernet(key) for key in given.split()]

    def seal(self, secret: str) -> str:
        """Raises SealBroken if there is no key and none can be made."""
        return _SEALED + self._all(make=True)[0].encrypt(secret.encode()).decode()

    def open(self, text: str) -> str:
        """What was sealed. Raises SealBroken."""
        return self._opened(text)[0] if text.startswith(_SEALED) else text

    def renewed(self, text: str) -> str | None:
        """The same, sealed with the first key; None if it is already. Raises SealBroken."""
        if not text.startswith(_SEALED):
            return self.seal(text)
        secret, key = self._opened(text)
        return self.seal(secret) if key else None

    def _opened(self, text: str) -> tuple[str, int]:
        """The secret, and with which key it was sealed."""
        from cryptography.fernet import InvalidToken

        for number, key in enumerate(self._all(make=False)):
            try:
                return key.decrypt(text.removeprefix(_SEALED)).decode(), number
            except InvalidToken:
                continue
        raise SealBroken(_ANOTHER)

    def _all(self, make: bool) -> "list[Fernet]":
        if not self._keys:
            try:
                text = _read(self._path, make)
            except OSError as error:
                raise SealBroken(
                    f"`access.secret_key_file` ({self._path}) can neither be read nor made: "
                    f"{error.strerror}."
                ) from error
            self._keys = [_fernet(key) for key in text.split()]
        if not self._keys:
            raise SealBroken(_ANOTHER)
        return self._keys


async def reseal(accounts: Accounts, seal: Seal) -> None:
    """Seal what is kept open, or with an older key. What cannot be read is told in the log.

    Raises StorageUnavailable.
    """
    for owner in await accounts.list():
        for kept in {owner.totp, owner.totp_pending} - {""}:
            try:
                renewed = await asyncio.to_thread(seal.renewed, kept)
            except SealBroken as problem:
                log.error("secret_not_sealed", administrator=owner.id, problem=str(problem))
                continue
            if renewed is not None:
                await accounts.reseal_totp(owner.id, kept, renewed)
                log.info("secret_sealed", administrator=owner.id)


def _read(path: Path, make: bool) -> str:
    """The keys; without a file none, or a new one. Raises OSError."""
    try:
        return path.read_text()
    except FileNotFoundError:
        if not make:
            return ""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of several processes one makes it, and nobody ever sees half of it.
    handle, made = tempfile.mkstemp(dir=path.parent)  # For its owner alone.
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"{token_urlsafe(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(made, path)
        log.info("secret_key_made", path=str(path))
    except FileExistsError:
        pass
    finally:
        os.unlink(made)
    return path.read_text()


def _fernet(key: str) -> "Fernet":
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(SHA256(), 32, salt=None, info=b"voice-agent seal 1").derive(key.encode())
    return Fernet(urlsafe_b64encode(derived))
