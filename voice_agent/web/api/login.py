"""Signing in and out."""

import secrets
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from ...access.keys import KeyRefused, NewKey
from ...access.passkeys import Site, site_of
from ...access.sessions import Visitor
from ...access.sign_in import SignIn
from .access import new_key
from .account_documents import MeOut, PasskeyOptions, PasskeySignIn, PasswordSignIn
from .call import Call
from .cookie import give, know, session_in, take
from .documents import Done, LinkIn, NewKeyOut
from .ports import Dependencies
from .problem import ApiProblem
from .session import described, session_of
from .table import JSON, Handler, Route, text_of
from .visitor import from_other_page, page_origin, visitor

# The token stands behind the #, which browsers send to nobody; a preview of the link in a chat
# cannot use it up, because it takes a click.
_PAGE = """<!doctype html><html lang=en><meta charset=utf-8><title>Voice agent</title>
<meta name=viewport content="width=device-width">
<style nonce="{nonce}">body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;
padding:0 1rem;color-scheme:light dark}pre{white-space:pre-wrap;word-break:break-all}</style>
<h1>Voice agent</h1>
<p>This link makes this browser an administrator's for twelve hours. It works once.</p>
<button>Sign in</button><pre></pre>
<script nonce="{nonce}">
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
_POLICY = (
    "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class LoginResource:
    """Handlers and their routes."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._entry = dependencies.entry
        self._sign_in = SignIn(dependencies.entry)
        self._public_url = dependencies.public_url
        self._proxies = dependencies.proxies

    def routes(self) -> list[Route]:
        return [
            _route("GET", "/login", self.show_login, str, text_types=("text/html",)),
            _route("POST", "/login", self.exchange_link, NewKeyOut),
            _route("POST", "/login/password", self.sign_in_with_password, MeOut),
            _route("POST", "/login/passkey/options", self.passkey_sign_in_options, PasskeyOptions),
            _route("POST", "/login/passkey", self.sign_in_with_passkey, MeOut),
            _route("POST", "/logout", self.sign_out, Done),
        ]

    async def show_login(self, call: Call) -> web.Response:
        """Show the page of the link that the first start printed."""
        nonce = secrets.token_urlsafe(16)
        return web.Response(
            text=_PAGE.replace("{nonce}", nonce),
            content_type="text/html",
            headers={
                "Content-Security-Policy": _POLICY.format(nonce=nonce),
                "Referrer-Policy": "no-referrer",
                "Cache-Control": "no-store",
            },
        )

    async def exchange_link(self, call: Call, body: LinkIn) -> web.Response:
        """Exchange the link that the first start printed for an administrator's session, once.

        The session is a cookie; it belongs to nobody before `PUT /api/account/password`.
        """
        visitor = self._visitor(call)
        link = body.link.rpartition("#")[2].removeprefix("link=")
        made = await self._signed_in(call, self._sign_in.with_link(link, visitor))
        return self._answer(call, made, text_of(new_key(made)))

    async def sign_in_with_password(self, call: Call, body: PasswordSignIn) -> web.Response:
        """Sign in; the session is a cookie.

        401 with the type `code_needed` if the password is right and codes are asked for. 429 for
        as long as `Retry-After` says, after some failures.
        """
        made = await self._signed_in(
            call,
            self._sign_in.with_password(
                body.name, body.password, body.code or "", self._visitor(call)
            ),
        )
        return await self._told(call, made)

    async def passkey_sign_in_options(self, call: Call) -> PasskeyOptions:
        """Options for `navigator.credentials.get`, to be answered within five minutes, once."""
        self._check_page(call)
        return PasskeyOptions(publicKey=await self._sign_in.passkey_options(self._site(call)))

    async def sign_in_with_passkey(self, call: Call, body: PasskeySignIn) -> web.Response:
        """Sign in; the session is a cookie."""
        made = await self._signed_in(
            call,
            self._sign_in.with_passkey(
                self._site(call), body.credential.model_dump(exclude_none=True), self._visitor(call)
            ),
        )
        return await self._told(call, made)

    async def sign_out(self, call: Call) -> web.Response:
        """End the session of the cookie."""
        self._check_page(call)
        await self._end(call)
        response = web.Response(
            body=text_of(Done()).encode(),
            content_type=JSON,
            headers={"Cache-Control": "no-store"},
        )
        take(response, call.request)
        return response

    async def _signed_in(self, call: Call, attempt: Awaitable[NewKey]) -> NewKey:
        made = await attempt
        # Whoever signs in again has no use for the session that they had.
        await self._end(call)
        return made

    async def _end(self, call: Call) -> None:
        keys = self._entry.keys
        try:
            key = await keys.verify(session_in(call.request, self._public_url))
        except KeyRefused:
            return
        if key.kind == "session":
            await keys.revoke(key.id)

    async def _told(self, call: Call, made: NewKey) -> web.Response:
        me = await described(self._entry, await session_of(self._entry, made.key))
        response = self._answer(call, made, text_of(me))
        if me.name is not None:
            know(response, call.request, self._public_url, self._entry.browsers.sign(me.name))
        return response

    def _answer(self, call: Call, made: NewKey, text: str) -> web.Response:
        response = web.Response(
            body=text.encode(), content_type=JSON, headers={"Cache-Control": "no-store"}
        )
        give(response, call.request, self._public_url, made, datetime.now(UTC))
        return response

    def _visitor(self, call: Call) -> Visitor:
        """Raises ApiProblem if another page sends somebody here."""
        self._check_page(call)
        return visitor(call.request, self._proxies)

    def _check_page(self, call: Call) -> None:
        # Else a page could sign its visitors in as somebody else, or out.
        if from_other_page(call.request, self._public_url):
            raise ApiProblem(403, "Only the server's own pages may sign somebody in or out.")

    def _site(self, call: Call) -> Site:
        return site_of(page_origin(call.request, self._public_url))


def _route(method: str, path: str, handler: Handler, gives: object, **more: Any) -> Route:
    problems = () if method == "GET" else (401, 403, 409)
    return Route(
        method, path, handler, gives, tag="Signing in", access="public", problems=problems, **more
    )
