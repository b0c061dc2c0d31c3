"""Keys, session tokens, and the first administrator's way in."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from ...access.keys import ApiKey, KeyRefused, NewKey
from ...access.tokens import SessionToken
from .call import Call
from .documents import (
    ById,
    Done,
    KeyIn,
    KeyOut,
    LinkIn,
    NewKeyOut,
    Page,
    Paged,
    SessionIn,
    SessionOut,
    page_of,
)
from .gate import COOKIE
from .ports import Dependencies
from .problem import ApiProblem, FieldProblem
from .table import Answer, Route, text_of

_TAG = "Access"

# The token stands behind the #, which browsers send to nobody; a preview of the link in a chat
# cannot use it up, because it takes a click.
_LOGIN = """<!doctype html><html lang=en><meta charset=utf-8><title>Voice agent</title>
<meta name=viewport content="width=device-width">
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem;
color-scheme:light dark}pre{white-space:pre-wrap;word-break:break-all}</style>
<h1>Voice agent</h1>
<p>This link makes this browser an administrator's for twelve hours. It works once.</p>
<button>Sign in</button><pre></pre>
<script>
document.querySelector("button").onclick = async () => {
  const told = await fetch("login", {method: "POST", credentials: "same-origin",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify({link: location.hash.slice(1)})});
  const answer = await told.json();
  history.replaceState(null, "", location.pathname);
  document.querySelector("pre").textContent = told.ok ? "You are signed in. Administrator's key, "
    + "valid until " + answer.expires_at + ":\\n" + answer.key : answer.detail;
};
</script>
"""


class AccessResource:
    """Handlers and their routes."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._keys = dependencies.keys
        self._tokens = dependencies.tokens
        self._personas = dependencies.personas
        self._secure = dependencies.secure_cookies

    def routes(self) -> list[Route]:
        return [
            _route("GET", "/keys", self.list_keys, Page[KeyOut], "admin"),
            _route("POST", "/keys", self.create_key, NewKeyOut, "admin", status=201),
            _route("DELETE", "/keys/{id}", self.revoke_key, Done, "admin", problems=(409,)),
            _route("POST", "/sessions", self.create_session, SessionOut, "client", problems=(404,)),
            _route("GET", "/login", self.show_login, str, "public", text_types=("text/html",)),
            _route("POST", "/login", self.exchange_link, NewKeyOut, "public", problems=(401,)),
        ]

    async def list_keys(self, call: Call, query: Paged) -> Page[KeyOut]:
        """List the keys that are valid, without their secrets."""
        (after,) = query.place()
        found = await self._keys.list(after=after, limit=query.limit + 1)
        return page_of([_out(key) for key in found], query.limit, lambda each: each.id)

    async def create_key(self, call: Call, body: KeyIn) -> Answer:
        """Make a key. It is shown this once."""
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
        return Answer(_new(made))

    async def revoke_key(self, call: Call, path: ById) -> Done:
        """End a key at once."""
        if path.id == call.known.id:
            raise ApiProblem(409, "A key cannot revoke itself: use another administrator's.")
        return Done(done=await self._keys.revoke(path.id))

    async def create_session(self, call: Call, body: SessionIn) -> SessionOut:
        """Make a short-lived token with which a browser begins a conversation."""
        key = call.known
        origin = call.request.headers.get("Origin", "")
        if not key.allows_origin(origin):
            raise ApiProblem(403, "The key is not for pages of this origin.")
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

    async def show_login(self, call: Call) -> web.Response:
        """Show the page of the link that the first start printed."""
        return web.Response(
            text=_LOGIN,
            content_type="text/html",
            headers={"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"},
        )

    async def exchange_link(self, call: Call, body: LinkIn) -> web.Response:
        """Exchange the link that the first start printed for an administrator's session, once."""
        try:
            made = await self._keys.exchange(body.link.rpartition("#")[2])
        except KeyRefused as error:
            raise ApiProblem(401, str(error)) from error
        response = web.Response(
            body=text_of(_new(made)).encode(),
            content_type="application/json",
            headers={"Cache-Control": "no-store"},
        )
        assert made.key.expires_at is not None  # A session's.
        life = int((made.key.expires_at - datetime.now(UTC)).total_seconds())
        response.set_cookie(
            COOKIE,
            made.text,
            max_age=life,
            path="/",
            httponly=True,
            secure=self._secure,
            samesite="Strict",
        )
        return response


def _route(
    method: str,
    path: str,
    handler: Callable[..., Awaitable[Any]],
    gives: object,
    access: Any,
    **more: Any,
) -> Route:
    return Route(
        method=method, path=path, handler=handler, gives=gives, tag=_TAG, access=access, **more
    )


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


def _new(made: NewKey) -> NewKeyOut:
    return NewKeyOut(**_fields(made.key), key=made.text)
