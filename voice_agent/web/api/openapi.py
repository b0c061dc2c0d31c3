"""OpenAPI 3.1, generated from the route table; and a page of it that needs nobody else."""

import html
from collections.abc import Sequence
from importlib.metadata import version
from types import UnionType
from typing import Any, get_origin

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from .problem import CONTENT_TYPE, Problem
from .table import JSON, Route, models_of

_PREFIX = "/api"
_TITLE = "Voice agent"
_INTRODUCTION = (
    "Personas, conversations, calls. Give the key as `Authorization: Bearer va_…`; older "
    "integrations give it as `apikey` in the query. Errors are problem details (RFC 9457) that "
    "name the field."
)
_ETAG = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": '^"[0-9]{1,18}"$'},
    "description": "The ETag that was read; 412 if somebody else has changed it since.",
}
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
    "description": "The same key with the same request gives the same answer, for a day.",
}
_PROBLEMS = {
    400: "A field, named in `errors`, is not valid",
    401: "The key is missing, unknown, expired or revoked",
    403: "The key does not allow this",
    404: "There is no such thing",
    409: "It conflicts with what is there",
    412: "Somebody else has changed it",
    413: "The body is too large",
    415: "The body has the wrong content type",
    429: "Too many requests",
    502: "The carrier or vendor refused",
    503: "Not available now",
}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The OpenAPI document of the routes."""
    wanted: list[tuple[type[BaseModel], Any]] = [(Problem, "serialization")]
    for route in routes:
        body = route.model("body")
        if body is not None and not route.text_types:
            wanted += [(model, "validation") for model in models_of(body)]
        wanted += [(model, "serialization") for model in models_of(route.gives)]
    references, definitions = models_json_schema(
        list(dict.fromkeys(wanted)), ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, Any] = {}
    for route in routes:
        operation = _operation(route, references)
        paths.setdefault(_PREFIX + route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": _TITLE, "version": version("voice-agent"), "description": _INTRODUCTION},
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "apikey": {"type": "apiKey", "in": "query", "name": "apikey"},
            },
        },
    }


def _operation(route: Route, references: Any) -> dict[str, Any]:
    summary, description = route.documentation
    problems = {*route.problems, 400, 503}
    parameters: list[Any] = []
    for where in ("path", "query"):
        if (model := route.model(where)) is not None:
            parameters += _parameters(model, where)
            problems.add(404 if where == "path" else 400)
    operation: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": summary,
        "parameters": parameters,
    }
    if description:
        operation["description"] = description
    if route.if_match:
        parameters.append(_ETAG)
        problems.add(412)
    if route.repeatable:
        parameters.append(_IDEMPOTENCY)
        problems.add(409)
    if (body := route.model("body")) is not None:
        problems |= {413, 415}
        if route.text_types:
            content = {kind: {"schema": {"type": "string"}} for kind in route.text_types}
        else:
            content = {JSON: {"schema": _schema(body, references, "validation")}}
        operation["requestBody"] = {"required": True, "content": content}
    problems.add(429)
    if route.access != "public":
        operation["security"] = [{"key": []}, {"apikey": []}]
        problems |= {401, 403}
    operation["responses"] = {str(route.status): _success(route, references)} | {
        str(status): {
            "description": _PROBLEMS[status],
            "content": {CONTENT_TYPE: {"schema": references[Problem, "serialization"]}},
        }
        for status in sorted(problems)
    }
    return operation


def _success(route: Route, references: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Done"}
    if route.gives is str:
        answer["content"] = {kind: {"schema": {"type": "string"}} for kind in route.text_types}
    elif route.gives is not None:
        schema = _schema(route.gives, references, "serialization")
        answer["content"] = {JSON: {"schema": schema}}
    return answer


def _schema(kind: Any, references: Any, mode: str) -> dict[str, Any]:
    if isinstance(kind, UnionType):
        return {"anyOf": [_schema(part, references, mode) for part in kind.__args__]}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        reference: dict[str, Any] = references[kind, mode]
        return reference
    if get_origin(kind) is dict:
        return {"type": "object"}
    (item,) = kind.__args__
    return {"type": "array", "items": _schema(item, references, mode)}


def _parameters(model: type[BaseModel], where: str) -> list[dict[str, Any]]:
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    required = schema.get("required", [])
    found = []
    for name, part in schema.get("properties", {}).items():
        if "$ref" in part:
            part = definitions[part["$ref"].rpartition("/")[2]]
        # A parameter that is left out is not there; it is never null.
        choices = [each for each in part.get("anyOf", ()) if each.get("type") != "null"]
        if choices:
            part = {
                **{k: v for k, v in part.items() if k not in ("anyOf", "default")},
                **choices[0],
            }
        found.append(
            {"name": name, "in": where, "required": where == "path" or name in required}
            | {"schema": part}
        )
    return found


def page(described: dict[str, Any]) -> str:
    """The document for people: one page without scripts or anything from elsewhere."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'>",
        f"<title>{_TITLE} API</title><style>{_STYLE}</style>",
        f"<h1>{_TITLE} API</h1><p>{html.escape(_INTRODUCTION)}</p>",
        "<p><a href=openapi.json>openapi.json</a> (OpenAPI 3.1)</p>",
    ]
    by_tag: dict[str, list[str]] = {}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            by_tag.setdefault(operation["tags"][0], []).append(_entry(path, method, operation))
    for tag, entries in by_tag.items():
        parts += [f"<h2>{html.escape(tag)}</h2>", *entries]
    parts.append("<h2>Shapes</h2>")
    for name, schema in described["components"]["schemas"].items():
        parts.append(f"<details id='{html.escape(name)}'><summary>{html.escape(name)}</summary>")
        parts.append(_shape(schema) + "</details>")
    return "\n".join(parts)


def _entry(path: str, method: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(each['name'])}<td>{each['in']}<td>{_kind(each['schema'])}"
        f"<td>{html.escape(each.get('description', ''))}"
        for each in operation["parameters"]
    )
    body = operation.get("requestBody", {}).get("content", {})
    taken = "".join(f"<p>Takes {kind}: {_kind(each['schema'])}" for kind, each in body.items())
    given = "".join(
        f"<p>{status}: {html.escape(each['description'])}"
        + "".join(f", {kind}: {_kind(c['schema'])}" for kind, c in each.get("content", {}).items())
        for status, each in operation["responses"].items()
    )
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{html.escape(path)}</code> "
        f"{html.escape(operation['summary'])}</summary>"
        f"<p>{html.escape(operation.get('description', ''))}</p>"
        f"<table>{rows}</table>{taken}{given}</details>"
    )


def _shape(schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = "".join(
        f"<tr><td>{html.escape(name)}{'*' if name in required else ''}<td>{_kind(part)}"
        for name, part in schema.get("properties", {}).items()
    )
    return f"<p>{html.escape(schema.get('description', ''))}</p><table>{rows}</table>"


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = html.escape(schema["$ref"].rpartition("/")[2])
        return f"<a href='#{name}'>{name}</a>"
    if "anyOf" in schema:
        return " or ".join(_kind(part) for part in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(html.escape(repr(value)) for value in schema["enum"])
    kind = str(schema.get("type", "anything"))
    return f"list of {_kind(schema.get('items', {}))}" if kind == "array" else html.escape(kind)


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}details{border-top:1px solid #8884;padding:.4rem 0}"
    "summary{cursor:pointer}table{border-collapse:collapse}td{padding:.1rem .8rem .1rem 0;"
    "vertical-align:top}code{font-family:ui-monospace,monospace}"
)
