"""Keys and session tokens."""

from datetime import timedelta
from functools import partial
from typing import Any

from ...access.keys import ApiKey, NewKey
from ...access.sessions import check_fresh
from ...access.tokens import SessionToken
from .call import Call
from .documents import (
    ById,
    Done,
    KeyIn,
    KeyOut,
    NewKeyOut,
    Page,
    Paged,
    SessionIn,
    SessionOut,
    page_of,
)
from .origins import check_origin
from .ports import Dependencies
from .problem import ApiProblem, FieldProblem
from .session import session_of
from .table import Answer, Route

_route = partial(Route, tag="Access")


class AccessResource:
    """Handlers and their routes."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._keys = dependencies.keys
        self._entry = dependencies.entry
        self._tokens = dependencies.tokens
        self._personas = dependencies.personas

    def routes(self) -> list[Route]:
        return [
            _route("GET", "/keys", self.list_keys, Page[KeyOut], access="admin"),
            _route("POST", "/keys", self.create_key, NewKeyOut, access="admin", status=201),
            _route("DELETE", "/keys/{id}", self.revoke_key, Done, access="admin", problems=(409,)),
            _route(
                "POST",
                "/sessions",
                self.create_session,
                SessionOut,
                access="client",
                problems=(404,),
            ),
        ]

    async def list_keys(self, call: Call, query: Paged) -> Page[KeyOut]:
        """List the keys that are valid, without their secrets."""
        (after,) = query.place()
        found = await self._keys.list(after=after, limit=query.limit + 1)
        return page_of([_out(key) for key in found], query.limit, lambda each: each.id)

    async def create_key(self, call: Call, body: KeyIn) -> Answer:
        """Make a key. It is shown this once.

        From the console it takes somebody who signed in less than ten minutes ago: 403
        `authenticate_again`.
        """
        if call.known.kind == "session":
            # Else an open browser would be worth a key that outlives the session.
            check_fresh(await session_of(self._entry, call.known), self._entry.now())
        if body.kind == "client" and not body.origins:
            message = "a client key is public: name the pages that may use it, or * for all"
            raise ApiProblem(
                400, f"origins: {message}", [FieldProblem(field="origins", message=message)]
            )
        if body.kind != "client" and (body.origins or body.personas):
            field = "origins" if body.origins else "personas"
            message = "only client keys are bound to origins and personas; leave it out"
            raise ApiProblem(
                400, f"{field}: {message}", [FieldProblem(field=field, message=message)]
            )
        life = None if body.days is None else timedelta(days=body.days)
        made = await self._keys.create(
            body.kind, body.workspace, body.label, body.origins, body.personas, life
        )
        return Answer(new_key(made))

    async def revoke_key(self, call: Call, path: ById) -> Done:
        """End a key at once."""
        if path.id == call.known.id:
            raise ApiProblem(409, "A key cannot revoke itself: use another administrator's.")
        return Done(done=await self._keys.revoke(path.id))

    async def create_session(self, call: Call, body: SessionIn) -> SessionOut:
        """Make a short-lived token with which a browser begins a conversation."""
        key = call.known
        origin = call.request.headers.get("Origin", "")
        check_origin(key, origin)
        if body.persona_id is not None:
            if not key.allows_persona(body.persona_id):
                raise ApiProblem(403, "The key is not for this persona.")
            await self._personas(key.workspace).get(body.persona_id)
        token = SessionToken(
            workspace=key.workspace,
            key=key.id,
            personas=(body.persona_id,) if body.persona_id else key.personas,
            user_id=body.user_id or "",
            origin=origin if key.kind == "client" else "",
            details=dict(body.details),
        )
        return SessionOut(token=self._tokens.sign(token), expires_in=self._tokens.life_s)


def _fields(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "kind": key.kind,
        "workspace": key.workspace,
        "label": key.label,
        "origins": list(key.origins),
        "personas": list(key.personas),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
    }


def _out(key: ApiKey) -> KeyOut:
    return KeyOut(**_fields(key))


def new_key(made: NewKey) -> NewKeyOut:
    """A key as it is shown once."""
    return NewKeyOut(**_fields(made.key), key=made.text)
