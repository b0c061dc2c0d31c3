"""What is told of a session, and of whose it is."""

from ...access.accounts import Administrator
from ...access.keys import ApiKey
from ...access.sessions import FRESH, Session
from ...access.sign_in import Entry
from .account_documents import BrowserSessionOut, MeOut
from .problem import ApiProblem


async def session_of(entry: Entry, key: ApiKey) -> Session:
    """What is known of a session. Raises ApiProblem if it has just ended."""
    found = await entry.sessions.get(key.id, entry.now())
    if found is None:
        raise ApiProblem(401, "The session has ended.")
    return found


async def described(entry: Entry, session: Session) -> MeOut:
    owner: Administrator | None = None
    if session.administrator:
        owner = await entry.accounts.get(session.administrator)
    return MeOut(
        id=owner.id if owner else None,
        name=owner.name if owner else None,
        totp=bool(owner and owner.totp),
        recovery_codes=await entry.accounts.recovery_codes(owner.id) if owner else 0,
        passkeys=len(await entry.passkeys.list(owner.id)) if owner else 0,
        fresh_until=session.proved_at + FRESH,
        session=session_out(session, session.id),
    )


def session_out(session: Session, current: str) -> BrowserSessionOut:
    return BrowserSessionOut(
        id=session.id,
        current=session.id == current,
        method=session.method,
        address=session.address,
        device=session.device,
        created_at=session.created_at,
        used_at=session.used_at,
        expires_at=session.expires_at,
    )
