"""Errors as RFC 9457 problem details that name the field."""

import re
from collections.abc import Mapping, Sequence

from aiohttp import web
from pydantic import BaseModel, ValidationError

CONTENT_TYPE = "application/problem+json"

_TITLES = {
    400: "The request is not valid",
    401: "A key is needed",
    403: "The key does not allow this",
    404: "There is no such thing",
    405: "The method is not allowed here",
    409: "It conflicts with what is there",
    412: "It has changed in the meantime",
    413: "The body is too large",
    415: "The body has the wrong content type",
    429: "Too many requests",
    502: "The other side refused",
    503: "Not available now",
}


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    """Such as ``scenarios[2].userSays``."""
    message: str


class Problem(BaseModel):
    """RFC 9457."""

    type: str = "about:blank"
    """Where a client has to do something: `authenticate_again`, `code_needed`, `refused`,
    `try_later`."""
    title: str
    status: int
    detail: str = ""
    errors: list[FieldProblem] = []


class ApiProblem(Exception):
    """Ends a request with a problem."""

    def __init__(
        self,
        status: int,
        detail: str = "",
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
        type: str = "about:blank",
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.type = type

    def response(self) -> web.Response:
        body = Problem(
            type=self.type,
            title=_TITLES.get(self.status, "Error"),
            status=self.status,
            detail=self.detail,
            errors=self.errors,
        )
        return web.Response(
            body=body.model_dump_json().encode(),
            status=self.status,
            content_type=CONTENT_TYPE,
            headers=self.headers,
        )


def invalid(error: ValidationError, prefix: str = "") -> ApiProblem:
    """400 with each field that is wrong."""
    found = [
        FieldProblem(
            field=field_name([*([prefix] if prefix else []), *problem["loc"]]),
            message=problem["msg"].removeprefix("Value error, "),
        )
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    detail = "; ".join(
        f"{each.field}: {each.message}" if each.field else each.message for each in found[:3]
    )
    return ApiProblem(400, detail, found)


def field_name(path: Sequence[str | int]) -> str:
    """``scenarios[2].userSays`` for ("scenarios", 2, "userSays")."""
    name = ""
    for part in path:
        if isinstance(part, int):
            name += f"[{part}]"
        elif re.fullmatch(r"function-\w+\[.*|constrained-str|is-instance.*", part):
            continue  # Pydantic's name for a way through a union.
        else:
            name += f".{part}" if name else part
    return name
