"""Signing in: with a password and perhaps a code, with a passkey, with a link.

Whoever does not get in learns nothing about why: an unknown name takes the same work, and is
delayed after as many failures, as a known one. Only whoever has the right password is told that a
code is missing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from . import totp
from .accounts import Accounts, Administrator, digest_of
from .attempts import Attempts, Track, TryLater, network_of
from .keys import KeyRefused, Keys, NewKey
from .passkeys import Ceremonies, Given, PasskeyRefused, Passkeys, Site
from .passwords import Hasher
from .sessions import INVITATION, Method, Sessions, Visitor

_WORKSPACE = "default"

log = structlog.get_logger()


class SignInRefused(KeyRefused):
    """The name, the password or the code is wrong."""


class CodeNeeded(KeyRefused):
    """The password is right; a code has to come with it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What can be set about signing in."""

    session: timedelta = timedelta(hours=12)
    """How long a session lasts."""
    failures: int = 5
    """Of one name, before each further one is delayed; of one address four times as many."""
    longest_delay: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What signing in works with."""

    accounts: Accounts
    passkeys: Passkeys
    sessions: Sessions
    attempts: Attempts
    keys: Keys
    hasher: Hasher
    rules: Rules = Rules()
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


class SignIn:
    """Opens sessions."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    @property
    def _passkeys(self) -> Ceremonies:
        return Ceremonies(self._entry.passkeys)

    async def with_link(self, link: str, visitor: Visitor) -> NewKey:
        """A session that belongs to nobody yet. Raises KeyRefused."""
        entry = self._entry
        made = await entry.keys.exchange(link, entry.rules.session)
        method: Method = INVITATION if made.key.label == INVITATION else "link"
        await entry.sessions.note(made.key.id, "", method, visitor, entry.now())
        log.info("signed_in", method=method, key=made.key.id)
        return made

    async def with_password(self, name: str, password: str, code: str, visitor: Visitor) -> NewKey:
        """Raises SignInRefused, CodeNeeded, TryLater."""
        entry = self._entry
        found = await entry.accounts.named(name)
        own, other = await self._begin(name, visitor)
        administrator = await self._checked(found, password)
        if administrator.totp and not code:
            # Not a failure, and no success either: codes may not be guessed for free.
            await entry.attempts.took_back((own.key, other.key))
            raise CodeNeeded("Give the code of the authenticator app, or a recovery code.")
        if administrator.totp and not await self._takes(administrator, code):
            log.warning("sign_in_refused", method="code")
            raise SignInRefused("The code is wrong, or was used already; wait for the next one.")
        await entry.attempts.succeeded(own.key, other.key)
        return await self._open(administrator.id, administrator.password, "password", visitor)

    async def prove_password(
        self, administrator: Administrator, password: str, visitor: Visitor
    ) -> None:
        """See whether somebody who is signed in is who they say.

        Raises SignInRefused, TryLater.
        """
        own, other = await self._begin(administrator.name, visitor)
        await self._checked(administrator, password)
        await self._entry.attempts.succeeded(own.key, other.key)

    async def _begin(self, name: str, visitor: Visitor) -> tuple[Track, Track]:
        """Raises TryLater."""
        self._entry.hasher.check()  # Before anything is written.
        rules = self._entry.rules
        own = Track(f"name {digest_of(name)}", rules.failures, rules.longest_delay)
        other = self._address(visitor)
        if wait := await self._entry.attempts.begin((own, other), self._entry.now()):
            raise TryLater(wait)
        return own, other

    async def _checked(self, found: Administrator | None, password: str) -> Administrator:
        """Takes as long for nobody. Raises SignInRefused, TryLater."""
        kept = found.password if found else ""
        if not await self._entry.hasher.verify(kept, password) or found is None:
            log.warning("sign_in_refused", method="password")
            raise SignInRefused("The name or the password is wrong.")
        return found

    async def passkey_options(self, site: Site) -> dict[str, Any]:
        """For ``navigator.credentials.get``."""
        return await self._passkeys.authentication(site, self._entry.now())

    async def with_passkey(self, site: Site, given: Given, visitor: Visitor) -> NewKey:
        """Raises PasskeyRefused, TryLater."""
        entry = self._entry
        track = self._address(visitor)
        if wait := await entry.attempts.begin((track,), entry.now()):
            raise TryLater(wait)
        try:
            administrator = await self._passkeys.authenticate(site, given, entry.now())
        except PasskeyRefused:
            log.warning("sign_in_refused", method="passkey")
            raise
        await entry.attempts.took_back((track.key,))
        return await self._open(administrator, None, "passkey", visitor)

    async def _takes(self, administrator: Administrator, code: str) -> bool:
        accounts = self._entry.accounts
        step = totp.step_of(administrator.totp, code, self._entry.now())
        if step is not None:
            return await accounts.use_totp(administrator.id, step)
        return await accounts.use_recovery_code(administrator.id, totp.recovery_digest(code))

    async def _open(
        self, administrator: str, password: str | None, method: Method, visitor: Visitor
    ) -> NewKey:
        entry = self._entry
        made = await entry.keys.create(
            "session", _WORKSPACE, "administrator", life=entry.rules.session
        )
        await entry.sessions.note(made.key.id, administrator, method, visitor, entry.now())
        current = await entry.accounts.get(administrator)
        if current is None or password not in (None, current.password):
            # It was changed meanwhile, which ends all sessions; this one came too late for that.
            await entry.keys.revoke(made.key.id)
            raise SignInRefused("The name or the password is wrong.")
        log.info("signed_in", method=method, key=made.key.id)
        return made

    def _address(self, visitor: Visitor) -> Track:
        rules = self._entry.rules
        # Several people may sit behind one address.
        return Track(
            f"address {network_of(visitor.address)}", 4 * rules.failures, rules.longest_delay
        )
