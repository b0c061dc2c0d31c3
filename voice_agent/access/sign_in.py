"""Signing in: with a password and perhaps a code, with a passkey, with a link.

Whoever does not get in learns nothing about why: an unknown name takes the same work, and is
delayed after as many failures, as a known one. Only whoever has the right password is told that a
code is missing.

What is counted of failures:

========================================  ===========
a known browser                           its own alone
a name, from one network                  `Rules.failures` are free
all names, from one network               4 times as many: several people may sit behind it
a name, from anywhere                     20 times as many
========================================  ===========

So guessing with somebody's name delays those who guess, and keeps its owner out nowhere but where
the guesses come from; only very many, from many networks, delay a browser that is not known.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from . import totp
from .accounts import Accounts, Administrator, digest_of
from .attempts import Attempts, Track, TryLater, network_of
from .keys import KeyRefused, Keys, NewKey
from .known_browsers import KnownBrowsers
from .passkeys import Ceremonies, Given, PasskeyRefused, Passkeys, Site
from .passwords import Hasher
from .seal import Seal
from .sessions import INVITATION, Method, Sessions, Visitor

_WORKSPACE = "default"
_ANYWHERE = 20
"""Times as many failures of a name are free from all networks together as from one."""

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
    """Of one name from one network, before each further one is delayed."""
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
    browsers: KnownBrowsers
    seal: Seal
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
        """Raises SignInRefused, CodeNeeded, TryLater, SealBroken."""
        entry = self._entry
        found = await entry.accounts.named(name)
        own, *others = await self._begin(name, visitor)
        administrator = await self._checked(found, password)
        if administrator.totp and not code:
            # Not a failure, and no success either: codes may not be guessed for free.
            await entry.attempts.took_back((own, *others))
            raise CodeNeeded("Give the code of the authenticator app, or a recovery code.")
        if administrator.totp and not await self._takes(administrator, code):
            log.warning("sign_in_refused", method="code")
            raise SignInRefused("The code is wrong, or was used already; wait for the next one.")
        await entry.attempts.succeeded(own, others)
        return await self._open(administrator.id, administrator.password, "password", visitor)

    async def prove_password(
        self, administrator: Administrator, password: str, visitor: Visitor
    ) -> None:
        """See whether somebody who is signed in is who they say.

        Raises SignInRefused, TryLater.
        """
        own, *others = await self._begin(administrator.name, visitor)
        await self._checked(administrator, password)
        await self._entry.attempts.succeeded(own, others)

    async def _begin(self, name: str, visitor: Visitor) -> tuple[str, ...]:
        """Count an attempt; under which keys, the visitor's own first. Raises TryLater."""
        self._entry.hasher.check()  # Before anything is written.
        tracks = self._tracks(name, visitor)
        if wait := await self._entry.attempts.begin(tracks, self._entry.now()):
            raise TryLater(wait)
        return tuple(track.key for track in tracks)

    def _tracks(self, name: str, visitor: Visitor) -> tuple[Track, ...]:
        rules = self._entry.rules
        if number := self._entry.browsers.number(visitor.known, name):
            return (Track(f"browser {number}", rules.failures, rules.longest_delay),)
        tried, network = f"name {digest_of(name)}", network_of(visitor.address)
        return (
            Track(f"{tried} from {network}", rules.failures, rules.longest_delay),
            Track(tried, _ANYWHERE * rules.failures, rules.longest_delay),
            self._address(visitor),
        )

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
        """Raises SealBroken: then only recovery codes are taken."""
        accounts = self._entry.accounts
        if not totp.is_code(code):
            return await accounts.use_recovery_code(administrator.id, totp.recovery_digest(code))
        secret = await asyncio.to_thread(self._entry.seal.open, administrator.totp)
        step = totp.step_of(secret, code, self._entry.now())
        return step is not None and await accounts.use_totp(administrator.id, step)

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
