"""A webhook's request and answer as people may see them: bounded, and without what is secret.

Headers are never shown. Values of ``{{secret.NAME}}`` were hidden before; here the rest is: query
parameters and members of the body whose names say that they are keys, for schemas hold those as
plain text, too.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from .secrets import HIDDEN

LONGEST_SHOWN = 4096
"""Characters of a body that are kept."""
_SECRET_NAME = re.compile(
    r"secret|passw|token|api[-_]?key|access[-_]?key|authoriz|credential|signature"
    r"|^(auth|key|sig|pin)$",
    re.IGNORECASE,
)
_ALSO_IN_QUERIES = ("code",)
"""There it is a key; in a body it may be anything."""
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Exchange:
    """What went over the line."""

    url: str
    method: str
    request: str
    """The body; empty for a GET."""
    status: int | None = None
    """None if there was no answer."""
    response: str = ""
    """What was readable of the answer."""
    took_ms: int = 0


def requested(method: str, url: str, body: bytes) -> Exchange:
    """A request, made with secrets that are hidden already."""
    return Exchange(_shown_url(url), method, _cut(_shown_body(body)))


def answered(exchange: Exchange, status: int, text: str) -> Exchange:
    """The same with its answer."""
    return replace(exchange, status=status, response=_cut(text))


def _shown_url(url: str) -> str:
    start, mark, query = url.partition("?")
    parts = []
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        secret = _SECRET_NAME.search(name) or name.lower() in _ALSO_IN_QUERIES
        parts.append(name + equals + (HIDDEN if value and secret else value))
    return (start + mark + "&".join(parts)).replace(quote(HIDDEN, safe=""), HIDDEN)


def _shown_body(body: bytes) -> str:
    if not body:
        return ""
    return json.dumps(_masked(json.loads(body)), ensure_ascii=False)


def _masked(value: Any, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        return value
    match value:
        case Mapping():
            return {
                name: HIDDEN
                if isinstance(item, str) and item and _SECRET_NAME.search(name)
                else _masked(item, depth + 1)
                for name, item in value.items()
            }
        case list():
            return [_masked(item, depth + 1) for item in value]
    return value


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"
