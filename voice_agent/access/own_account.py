"""What administrators change about how they sign in.

Everything here takes a session that is fresh: whoever finds a browser that somebody left signed in
must not be able to keep the account.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from ..errors import VoiceAgentError
from . import totp
from .accounts import AccountConflict, Administrator, checked_name
from .passkeys import MOST, SITE, Ceremonies, Given, Passkey, PasskeyRefused, Site
from .passwords import checked_password
from .sessions import INVITATION, AuthenticateAgain, Session, Visitor, check_fresh
from .sign_in import Entry, SignIn, SignInRefused

_NEW_LINK = (
    "The link was opened more than ten minutes ago; `voice-agent keys link` prints another one."
)

log = structlog.get_logger()


class ProofRefused(VoiceAgentError):
    """Of somebody who is signed in: the password, code or passkey is wrong."""


@dataclass(frozen=True, slots=True)
class Enrollment:
    """What an authenticator app is set up with."""

    secret: str
    uri: str
    qr: str
    """SVG."""


class OwnAccount:
    """The changes."""

    def __init__(self, entry: Entry, sign_in: SignIn) -> None:
        self._entry = entry
        self._sign_in = sign_in

    @property
    def _passkeys(self) -> Ceremonies:
        return Ceremonies(self._entry.passkeys)

    async def of(self, session: Session) -> Administrator | None:
        """Whose session it is; None if a link has opened it and no name was given yet."""
        if not session.administrator:
            return None
        return await self._entry.accounts.get(session.administrator)

    async def prove(self, session: Session, password: str, visitor: Visitor) -> None:
        """Make the session fresh. Raises ProofRefused, TryLater, AccountConflict."""
        owner = await self._owner(session)
        # The session stands for the code, which was asked for when it was opened.
        await self._proved(owner, password, visitor)
        await self._entry.sessions.proved(session.id, self._entry.now())

    # The password --------------------------------------------------------------------------------

    async def set_password(
        self, session: Session, name: str | None, password: str, current: str, visitor: Visitor
    ) -> Administrator:
        """Change the password, which ends the other sessions; or give this session a name.

        A session of a link that has no name yet makes the administrator of that `name`, or, if
        there is one, gives them a new password; an invitation's does not do that.
        `current` may stand in for a fresh session.
        Raises AccountInvalid, AccountConflict, AuthenticateAgain, ProofRefused, TryLater.
        """
        if not session.administrator:
            return await self._claim(session, checked_name(name or ""), password)
        owner = await self._owner(session)
        text = checked_password(password, owner.name)
        if current:
            await self._proved(owner, current, visitor)
        else:
            check_fresh(session, self._entry.now())
        return await self._renew(session, owner, text)

    async def _claim(self, session: Session, name: str, password: str) -> Administrator:
        entry = self._entry
        text = checked_password(password, name)
        known = await entry.accounts.named(name)
        if known is not None:
            if session.method == INVITATION:
                raise AccountConflict("There is an administrator of this name; choose another one.")
            # Else a link that was opened once could take over an account hours later.
            if not session.is_fresh(entry.now()):
                raise AuthenticateAgain(_NEW_LINK)
            await entry.sessions.belongs_to(session.id, known.id)
            return await self._renew(session, known, text)
        made = await entry.accounts.create(name, await entry.hasher.hash(text), entry.now())
        await entry.sessions.belongs_to(session.id, made.id)
        log.info("administrator_made", administrator=made.id)
        return made

    async def _renew(self, session: Session, owner: Administrator, password: str) -> Administrator:
        entry = self._entry
        hashed = await entry.hasher.hash(password)
        await entry.accounts.set_password(owner.id, hashed)
        ended = await entry.sessions.end_others(owner.id, session.id, entry.now())
        log.info("password_changed", administrator=owner.id, sessions_ended=ended)
        return owner

    # Codes ---------------------------------------------------------------------------------------

    async def begin_totp(self, session: Session, where: str) -> Enrollment:
        """A secret for an authenticator app, not in force before a code of it has come.

        `where` is shown in the app. Raises AuthenticateAgain, AccountConflict, SealBroken.
        """
        owner = await self._owner(session)
        check_fresh(session, self._entry.now())
        if owner.totp:
            raise AccountConflict("Codes are asked for already; turn that off first.")
        secret = totp.new_secret()
        sealed = await asyncio.to_thread(self._entry.seal.seal, secret)
        await self._entry.accounts.begin_totp(owner.id, sealed)
        address = totp.uri(secret, owner.name, f"{SITE} {where}".strip())
        return Enrollment(secret, address, totp.qr(address))

    async def confirm_totp(self, session: Session, code: str) -> list[str]:
        """Ask for codes from now on. The recovery codes, which are shown only now.

        Raises AuthenticateAgain, AccountConflict, ProofRefused, SealBroken.
        """
        entry = self._entry
        owner = await self._owner(session)
        check_fresh(session, self._entry.now())
        if not owner.totp_pending:
            raise AccountConflict("No authenticator app is being set up.")
        pending = await asyncio.to_thread(entry.seal.open, owner.totp_pending)
        step = totp.step_of(pending, code, entry.now())
        codes = totp.new_recovery_codes()
        digests = [totp.recovery_digest(each) for each in codes]
        if step is None:
            raise ProofRefused("The code is wrong; is the clock of the device right?")
        if not await entry.accounts.confirm_totp(owner.id, owner.totp_pending, step, digests):
            raise AccountConflict("The authenticator app is being set up elsewhere.")
        log.info("totp_on", administrator=owner.id)
        return codes

    async def end_totp(self, session: Session) -> None:
        """Raises AuthenticateAgain, AccountConflict."""
        owner = await self._owner(session)
        check_fresh(session, self._entry.now())
        await self._entry.accounts.end_totp(owner.id)
        log.info("totp_off", administrator=owner.id)

    async def new_recovery_codes(self, session: Session) -> list[str]:
        """Instead of those that there were. Raises AuthenticateAgain, AccountConflict."""
        owner = await self._owner(session)
        check_fresh(session, self._entry.now())
        if not owner.totp:
            raise AccountConflict("Recovery codes stand in for an authenticator app; set one up.")
        codes = totp.new_recovery_codes()
        digests = [totp.recovery_digest(each) for each in codes]
        await self._entry.accounts.set_recovery_codes(owner.id, digests)
        return codes

    # Passkeys ------------------------------------------------------------------------------------

    async def passkeys(self, session: Session) -> Sequence[Passkey]:
        owner = await self.of(session)
        return await self._entry.passkeys.list(owner.id) if owner else ()

    async def passkey_options(self, session: Session, site: Site) -> dict[str, Any]:
        """For ``navigator.credentials.create``. Raises AuthenticateAgain, AccountConflict."""
        owner = await self._owner(session)
        check_fresh(session, self._entry.now())
        if len(await self._entry.passkeys.list(owner.id)) >= MOST:
            raise AccountConflict(f"There are {MOST} passkeys already; remove one first.")
        return await self._passkeys.registration(owner, site, self._entry.now())

    async def add_passkey(self, session: Session, site: Site, given: Given, label: str) -> Passkey:
        """Raises AuthenticateAgain, AccountConflict, ProofRefused."""
        owner = await self._owner(session)
        check_fresh(session, self._entry.now())
        try:
            made = await self._passkeys.register(owner, site, given, label, self._entry.now())
        except PasskeyRefused as refused:
            raise ProofRefused(str(refused)) from refused
        log.info("passkey_added", administrator=owner.id)
        return made

    async def remove_passkey(self, session: Session, id: str) -> bool:
        """Raises AuthenticateAgain, AccountConflict."""
        owner = await self._owner(session)
        check_fresh(session, self._entry.now())
        return await self._entry.passkeys.remove(owner.id, id)

    # ---------------------------------------------------------------------------------------------

    async def _proved(self, owner: Administrator, password: str, visitor: Visitor) -> None:
        try:
            await self._sign_in.prove_password(owner, password, visitor)
        except SignInRefused as refused:
            raise ProofRefused("The password is wrong.") from refused

    async def _owner(self, session: Session) -> Administrator:
        owner = await self.of(session)
        if owner is None:
            raise AccountConflict("Choose a name and a password first.")
        return owner
