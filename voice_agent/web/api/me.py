"""Whoever is signed in: how they sign in, their sessions, the other administrators."""

from typing import Any
from urllib.parse import urlsplit

from ...access.own_account import OwnAccount
from ...access.passkeys import Passkey, Site, site_of
from ...access.sessions import INVITATION, Session, Visitor, check_fresh
from ...access.sign_in import SignIn
from ..pages import sign_in_link
from .account_documents import (
    AdministratorOut,
    AdministratorsOut,
    BrowserSessionsOut,
    ByCredential,
    CodeIn,
    EndedOut,
    InvitationOut,
    MeOut,
    NewPasskeyIn,
    PasskeyOptions,
    PasskeyOut,
    PasskeysOut,
    PasswordIn,
    ProofIn,
    RecoveryCodesOut,
    TotpOut,
)
from .call import Call
from .documents import ById, Done
from .ports import Dependencies
from .problem import ApiProblem
from .session import described, session_of, session_out
from .table import Handler, Route
from .visitor import page_origin, visitor


class MeResource:
    """Handlers and their routes."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._entry = dependencies.entry
        self._own = OwnAccount(dependencies.entry, SignIn(dependencies.entry))
        self._public_url = dependencies.public_url
        self._proxies = dependencies.proxies

    def routes(self) -> list[Route]:
        mine = "/account"
        return [
            _route("GET", f"{mine}/me", self.get_me, MeOut),
            _route("POST", f"{mine}/prove", self.prove_password, MeOut),
            _route("PUT", f"{mine}/password", self.set_password, MeOut),
            _route("POST", f"{mine}/totp", self.begin_totp, TotpOut),
            _route("POST", f"{mine}/totp/confirm", self.confirm_totp, RecoveryCodesOut),
            _route("DELETE", f"{mine}/totp", self.end_totp, MeOut),
            _route("POST", f"{mine}/recovery-codes", self.make_recovery_codes, RecoveryCodesOut),
            _route("GET", f"{mine}/passkeys", self.list_passkeys, PasskeysOut),
            _route("POST", f"{mine}/passkey/options", self.new_passkey_options, PasskeyOptions),
            _route("POST", f"{mine}/passkeys", self.add_passkey, PasskeyOut, status=201),
            _route("DELETE", f"{mine}/passkeys/{{id}}", self.remove_passkey, Done),
            _route("GET", f"{mine}/sessions", self.list_sessions, BrowserSessionsOut),
            _route("DELETE", f"{mine}/sessions", self.end_other_sessions, EndedOut),
            _route("DELETE", f"{mine}/sessions/{{id}}", self.end_session, Done),
            _route("GET", "/administrators", self.list_administrators, AdministratorsOut),
            _route("POST", "/invitations", self.invite, InvitationOut),
            _route("DELETE", "/administrators/{id}", self.remove_administrator, Done),
        ]

    async def get_me(self, call: Call) -> MeOut:
        """Read who is signed in."""
        return await self._me(await self._session(call))

    async def prove_password(self, call: Call, body: ProofIn) -> MeOut:
        """Show again who you are: what answers 403 `authenticate_again` is allowed for a while."""
        session = await self._session(call)
        await self._own.prove(session, body.password, self._visitor(call))
        return await self._me(await self._session(call))

    async def set_password(self, call: Call, body: PasswordIn) -> MeOut:
        """Change the password, which ends all other sessions.

        In a session that a link has opened, give the `name` too: a new one makes an account, a
        known one gets this password.
        """
        session = await self._session(call)
        await self._own.set_password(
            session, body.name, body.password, body.current or "", self._visitor(call)
        )
        return await self._me(await self._session(call))

    async def begin_totp(self, call: Call) -> TotpOut:
        """Begin to set up an authenticator app; nothing changes before a code has come."""
        session = await self._session(call)
        where = urlsplit(page_origin(call.request, self._public_url)).hostname or ""
        begun = await self._own.begin_totp(session, where)
        return TotpOut(secret=begun.secret, uri=begun.uri, qr=begun.qr)

    async def confirm_totp(self, call: Call, body: CodeIn) -> RecoveryCodesOut:
        """Ask for codes from now on; gives the recovery codes, this once."""
        session = await self._session(call)
        return RecoveryCodesOut(codes=await self._own.confirm_totp(session, body.code))

    async def end_totp(self, call: Call) -> MeOut:
        """Ask for no codes any more."""
        session = await self._session(call)
        await self._own.end_totp(session)
        return await self._me(session)

    async def make_recovery_codes(self, call: Call) -> RecoveryCodesOut:
        """Make new recovery codes; those before are worth nothing."""
        session = await self._session(call)
        return RecoveryCodesOut(codes=await self._own.new_recovery_codes(session))

    async def list_passkeys(self, call: Call) -> PasskeysOut:
        """List one's passkeys."""
        found = await self._own.passkeys(await self._session(call))
        return PasskeysOut(items=[_passkey(each) for each in found])

    async def new_passkey_options(self, call: Call) -> PasskeyOptions:
        """Options for `navigator.credentials.create`, to be answered within five minutes, once."""
        session = await self._session(call)
        options = await self._own.passkey_options(session, self._site(call))
        return PasskeyOptions(publicKey=options)

    async def add_passkey(self, call: Call, body: NewPasskeyIn) -> PasskeyOut:
        """Add a passkey."""
        session = await self._session(call)
        given = body.credential.model_dump(exclude_none=True)
        return _passkey(await self._own.add_passkey(session, self._site(call), given, body.label))

    async def remove_passkey(self, call: Call, path: ByCredential) -> Done:
        """Remove a passkey."""
        session = await self._session(call)
        return Done(done=await self._own.remove_passkey(session, path.id))

    async def list_sessions(self, call: Call) -> BrowserSessionsOut:
        """List one's open sessions, the one used last first."""
        mine = await self._session(call)
        found = [mine]
        if mine.administrator:
            found = list(await self._entry.sessions.list(mine.administrator, self._entry.now()))
        return BrowserSessionsOut(items=[session_out(each, mine.id) for each in found])

    async def end_other_sessions(self, call: Call) -> EndedOut:
        """End all of one's sessions but this one."""
        mine = await self._session(call)
        if not mine.administrator:
            return EndedOut(ended=0)
        ended = await self._entry.sessions.end_others(
            mine.administrator, mine.id, self._entry.now()
        )
        return EndedOut(ended=ended)

    async def end_session(self, call: Call, path: ById) -> Done:
        """End one of one's sessions."""
        mine = await self._session(call)
        if path.id == mine.id:
            return Done(done=await self._entry.keys.revoke(mine.id))
        if not mine.administrator:
            return Done(done=False)
        return Done(
            done=await self._entry.sessions.end(mine.administrator, path.id, self._entry.now())
        )

    async def list_administrators(self, call: Call) -> AdministratorsOut:
        """List who can sign in."""
        found = await self._entry.accounts.list()
        return AdministratorsOut(
            items=[
                AdministratorOut(
                    id=each.id,
                    name=each.name,
                    created_at=each.created_at,
                    totp=bool(each.totp),
                    passkeys=len(await self._entry.passkeys.list(each.id)),
                )
                for each in found
            ]
        )

    async def invite(self, call: Call) -> InvitationOut:
        """Make a link that is worth one session; links made before end.

        Whoever opens it first makes an account of their own.
        """
        check_fresh(await self._session(call), self._entry.now())
        made = await self._entry.keys.new_link(INVITATION)
        assert made.key.expires_at is not None  # A link's.
        origin = page_origin(call.request, self._public_url)
        return InvitationOut(link=sign_in_link(origin, made.text), expires_at=made.key.expires_at)

    async def remove_administrator(self, call: Call, path: ById) -> Done:
        """Remove somebody else's account and end their sessions."""
        session = await self._session(call)
        check_fresh(session, self._entry.now())
        if path.id == session.administrator:
            raise ApiProblem(409, "You cannot remove your own account; another one can.")
        return Done(done=await self._entry.accounts.remove(path.id, self._entry.now()))

    # ---------------------------------------------------------------------------------------------

    async def _session(self, call: Call) -> Session:
        return await session_of(self._entry, call.known)

    async def _me(self, session: Session) -> MeOut:
        return await described(self._entry, session)

    def _visitor(self, call: Call) -> Visitor:
        return visitor(call.request, self._proxies)

    def _site(self, call: Call) -> Site:
        return site_of(page_origin(call.request, self._public_url))


def _passkey(passkey: Passkey) -> PasskeyOut:
    return PasskeyOut(
        id=passkey.id,
        label=passkey.label,
        domain=passkey.domain,
        created_at=passkey.created_at,
        used_at=passkey.used_at,
    )


def _route(method: str, path: str, handler: Handler, gives: object, **more: Any) -> Route:
    problems = () if method == "GET" else (409,)
    return Route(
        method, path, handler, gives, tag="Signing in", access="session", problems=problems, **more
    )
