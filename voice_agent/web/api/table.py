"""The route table: what a handler takes and gives is read off its annotations.

A handler is ``async def (call, path: P, query: Q, body: B) -> R``, each part but `call` optional
and each a pydantic model. The same models check requests, write answers and make the OpenAPI
document, so they cannot disagree.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from types import UnionType
from typing import Any, Literal, get_type_hints

from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from .problem import ApiProblem, invalid

Access = Literal["session", "admin", "workspace", "client", "public"]
"""Who may: administrators who have signed in; their keys too; secret keys too; client keys too;
everybody."""
Handler = Callable[..., Awaitable[Any]]

_LARGEST_BODY = 8 * 1024 * 1024
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with headers or another status."""

    body: BaseModel | list[BaseModel] | None = None
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """One operation."""

    method: str
    path: str
    handler: Handler
    gives: object
    """The answer's model; None for no body, ``str`` for text."""
    _: KW_ONLY
    tag: str
    access: Access = "workspace"
    status: int = 200
    problems: tuple[int, ...] = ()
    """Further ones besides those that follow from what it takes."""
    text_types: tuple[str, ...] = ()
    """Content types of an answer that is text, or of a body that is no JSON."""
    if_match: bool = False
    repeatable: bool = False
    """Takes an Idempotency-Key."""

    @property
    def name(self) -> str:
        return self.handler.__name__.strip("_")

    @property
    def documentation(self) -> tuple[str, str]:
        """The first line of the handler's docstring, and the rest."""
        first, _, rest = (self.handler.__doc__ or "").strip().partition("\n")
        return first.rstrip("."), " ".join(rest.split())

    def model(self, part: Literal["path", "query", "body"]) -> Any:
        """What the handler takes there; None for nothing."""
        return get_type_hints(self.handler).get(part)


async def parts_of(route: Route, request: web.Request) -> tuple[dict[str, Any], bytes]:
    """What the handler is called with, and the body as it came. Raises ApiProblem."""
    parts: dict[str, Any] = {}
    raw = b""
    if (model := route.model("path")) is not None:
        try:
            parts["path"] = model.model_validate(dict(request.match_info))
        except ValidationError as error:
            raise ApiProblem(404, "No id looks like that.") from error
    parts |= _query(route, request)
    if (model := route.model("body")) is not None:
        if route.text_types:
            if request.content_type not in (JSON, *route.text_types):
                types = " or ".join((JSON, *route.text_types))
                raise ApiProblem(415, f"Send {types}.")
        elif request.content_type != JSON:
            raise ApiProblem(415, f"Send {JSON}.")
        raw = await _body(request)
        if route.text_types:
            parts["body"] = raw
        else:
            parts["body"] = parsed(model, raw)
    return parts, raw


def parsed(model: Any, raw: bytes) -> Any:
    """The body as `model`. Raises ApiProblem."""
    try:
        return TypeAdapter(model).validate_json(raw, strict=True)
    except ValidationError as error:
        raise invalid(error) from error


def _query(route: Route, request: web.Request) -> dict[str, Any]:
    given: dict[str, str] = {}
    for name, value in request.query.items():
        if name in given:
            raise ApiProblem(400, f"The query gives {name} more than once.")
        given[name] = value
    given.pop("apikey", None)
    model = route.model("query")
    if model is None:
        return {}
    try:
        return {"query": model.model_validate(given)}
    except ValidationError as error:
        raise invalid(error) from error


async def _body(request: web.Request) -> bytes:
    """The whole body. The application's own limit is for forms; documents are larger."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size > _LARGEST_BODY:
            raise ApiProblem(413, f"At most {_LARGEST_BODY} bytes are read.")
        chunks.append(chunk)
    return b"".join(chunks)


def response_of(route: Route, result: Any) -> web.StreamResponse:
    """What a handler gave, as a response."""
    if isinstance(result, web.StreamResponse):
        return result
    answer = result if isinstance(result, Answer) else Answer(result)
    status = answer.status or route.status
    if answer.body is None:
        return web.Response(status=status, headers=answer.headers)
    return web.Response(
        body=text_of(answer.body).encode(),
        status=status,
        content_type=JSON,
        headers=answer.headers,
    )


def text_of(body: BaseModel | Sequence[BaseModel]) -> str:
    if isinstance(body, BaseModel):
        return body.model_dump_json(by_alias=True)
    return json.dumps([each.model_dump(mode="json", by_alias=True) for each in body])


def models_of(gives: object) -> list[Any]:
    """The models in an answer's type."""
    if gives is None or gives is str:
        return []
    if isinstance(gives, UnionType):
        return [model for part in gives.__args__ for model in models_of(part)]
    if isinstance(gives, type) and issubclass(gives, BaseModel):
        return [gives]
    return [model for part in getattr(gives, "__args__", ()) for model in models_of(part)]
