"""The API as an aiohttp application, to be put under ``/api``."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from hashlib import sha256

import structlog
from aiohttp import web

from ...access.accounts import AccountConflict, AccountInvalid
from ...access.attempts import TryLater
from ...access.keys import KeyRefused
from ...access.own_account import ProofRefused
from ...access.passkeys import NoPasskeysHere
from ...access.seal import SealBroken
from ...access.sessions import AuthenticateAgain
from ...access.sign_in import CodeNeeded
from ...errors import StorageUnavailable, VoiceAgentError
from ...personas.repository import Conflict, NotFound, Stale
from .access import AccessResource
from .account import AccountResource
from .call import Call
from .conversations import ConversationResource
from .editor import EditorResource
from .gate import Gate
from .login import LoginResource
from .me import MeResource
from .older import OlderResource
from .openapi import document, page
from .origins import other_origins
from .personas import PersonaResource
from .ports import Dependencies, Idempotency
from .problem import ApiProblem, FieldProblem
from .recorded import RecordedResource
from .table import JSON, Route, parts_of, response_of

GATE = web.AppKey("gate", Gate)
"""Where the application keeps who lets callers of it in: the console's socket asks the same."""
_DEADLINE_S = 30.0
"""The longest that a request may take, its body included."""
_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger()


def routes(dependencies: Dependencies) -> list[Route]:
    """All operations."""
    resources = (
        PersonaResource(dependencies),
        EditorResource(dependencies),
        OlderResource(dependencies),
        ConversationResource(dependencies),
        RecordedResource(dependencies),
        AccountResource(dependencies),
        AccessResource(dependencies),
        LoginResource(dependencies),
        MeResource(dependencies),
    )
    return [route for resource in resources for route in resource.routes()]


def application(dependencies: Dependencies) -> web.Application:
    """The API: ``front.add_subapp("/api", application(…))``."""
    table = routes(dependencies)
    gate = Gate(
        dependencies.keys,
        dependencies.entry.sessions,
        dependencies.requests_per_minute,
        dependencies.public_url,
        dependencies.proxies,
    )

    @cache
    def written() -> tuple[str, str]:
        """As JSON and as a page. To make them takes longer than everything else that starts."""
        described = document(table)
        return json.dumps(described, indent=1), page(described)

    async def openapi(_: web.Request) -> web.Response:
        text, _page = await asyncio.to_thread(written)
        return web.Response(text=text, content_type=JSON)

    async def docs(_: web.Request) -> web.Response:
        _json, text = await asyncio.to_thread(written)
        policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
        return web.Response(
            text=text, content_type="text/html", headers={"Content-Security-Policy": policy}
        )

    made = web.Application(middlewares=[other_origins, _problems])
    made[GATE] = gate
    made.router.add_get("/openapi.json", openapi)
    made.router.add_get("/docs", docs)
    for route in _specific_first(table):
        handler = _handler(route, gate, dependencies.idempotency)
        made.router.add_route(route.method, route.path, handler)
    return made


def _specific_first(table: Sequence[Route]) -> list[Route]:
    """Paths without parameters first; one path's methods stay together."""
    return sorted(table, key=lambda route: (route.path.count("{"), route.path))


def _handler(route: Route, gate: Gate, idempotency: Idempotency) -> _Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        call = await gate.admit(request, route.access)
        parts, raw = await parts_of(route, request)

        async def answer() -> web.StreamResponse:
            return response_of(route, await route.handler(call, **parts))

        if route.repeatable and "Idempotency-Key" in request.headers:
            return await _once(call, raw, idempotency, answer)
        return await answer()

    return handle


async def _once(
    call: Call,
    raw: bytes,
    idempotency: Idempotency,
    answer: Callable[[], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """Carry a request out the first time, and give the same answer again afterwards."""
    request = call.request
    key = request.headers["Idempotency-Key"]
    if not (0 < len(key) <= 200 and key.isascii() and key.isprintable()):
        raise ApiProblem(400, "The header Idempotency-Key must be 1 to 200 ASCII characters.")
    asked = sha256(f"{request.method} {request.path}\n".encode() + raw).hexdigest()
    before = await idempotency.begin(call.workspace, key, asked)
    if before is not None:
        first, status, text = before
        if first != asked:
            raise ApiProblem(409, "This Idempotency-Key belongs to another request.")
        if status is None:
            raise ApiProblem(409, "The first request with this Idempotency-Key still runs.")
        return web.Response(text=text, status=status, content_type=JSON)
    try:
        response = await answer()
    except BaseException:
        # Shielded: the client may be gone, and is to find the key free when it tries again.
        await asyncio.shield(idempotency.forget(call.workspace, key))
        raise
    if isinstance(response, web.Response) and response.text is not None:
        await idempotency.finish(call.workspace, key, response.status, response.text)
    return response


@web.middleware
async def _problems(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Whatever goes wrong becomes a problem document."""
    try:
        async with asyncio.timeout(_DEADLINE_S):
            response = await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        response = ApiProblem(error.status, error.reason, headers=headers).response()
    except ApiProblem as problem:
        response = problem.response()
    except TimeoutError:
        response = ApiProblem(503, "It took too long.", headers={"Retry-After": "5"}).response()
    except VoiceAgentError as error:
        response = _told(error).response()
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _told(error: VoiceAgentError) -> ApiProblem:
    match error:
        case NotFound():
            return ApiProblem(404, str(error))
        case Stale():
            return ApiProblem(412, str(error))
        case Conflict() | AccountConflict() | NoPasskeysHere():
            return ApiProblem(409, str(error))
        case AccountInvalid():
            wrong = FieldProblem(field=error.field, message=error.message)
            return ApiProblem(400, str(error), [wrong])
        case CodeNeeded():
            return ApiProblem(401, str(error), type="code_needed")
        case KeyRefused():
            return ApiProblem(401, str(error), type="refused")
        case ProofRefused():
            return ApiProblem(403, str(error), type="refused")
        case AuthenticateAgain():
            return ApiProblem(403, str(error), type="authenticate_again")
        case TryLater():
            headers = {"Retry-After": str(error.seconds)}
            return ApiProblem(429, str(error), headers=headers, type="try_later")
        case SealBroken():
            log.error("secret_not_opened", reason=str(error))
            return ApiProblem(503, str(error))
        case StorageUnavailable():
            log.warning("api_without_database", reason=str(error))
            return ApiProblem(503, "The database does not answer.", headers={"Retry-After": "5"})
        case _:
            return ApiProblem(502, str(error))
