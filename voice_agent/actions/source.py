"""The text of an actions schema to a document: JSON with comments, and nothing ambiguous in it."""

import json
import math
from importlib import import_module
from typing import Any

from ..errors import VoiceAgentError

LONGEST_TEXT = 500_000
"""Characters. The longest schemas in use have some 20,000."""
DEEPEST = 32
"""Levels of nesting, of schemas and of arguments."""
_CURLY_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‟": '"'})


class NotADocument(VoiceAgentError):
    """The text is no JSON object, or one that could be read in two ways."""


class NotJson(ValueError):
    """A JSON text that is wrong, ambiguous, too long or too deep; says how in half a sentence."""


def parse(text: str) -> dict[str, Any]:
    """The JSON object in `text`. Raises NotADocument.

    Comments and trailing commas are tolerated; keys that come twice, NaN and infinity are not. Text
    that was copied from a formatted page may have typographic quotes around keys and values.
    """
    jsonc: Any = import_module("jsonc")  # It ships no types.
    if len(text) > LONGEST_TEXT:
        raise NotADocument(f"The schema has {len(text)} characters; {LONGEST_TEXT} are allowed.")
    try:
        try:
            document = _strictly(jsonc.loads, text)
        except json.JSONDecodeError:
            if text.translate(_CURLY_QUOTES) == text:
                raise
            document = _strictly(jsonc.loads, text.translate(_CURLY_QUOTES))
    except json.JSONDecodeError as error:
        raise NotADocument(
            f"Line {error.lineno}, column {error.colno}: {error.msg}. The schema must be JSON; "
            "comments and trailing commas are tolerated."
        ) from error
    except NotJson as error:
        raise NotADocument(f"The schema cannot be read: {error}.") from error
    if not isinstance(document, dict):
        raise NotADocument("The schema must be a JSON object: begin it with {.")
    return document


def parse_value(text: str, longest: int) -> Any:
    """Any JSON value of at most `longest` characters. Raises NotJson."""
    if len(text) > longest:
        raise NotJson(f"it has {len(text)} characters where {longest} are allowed")
    try:
        return _strictly(json.loads, text)
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg} at character {error.pos}") from error


def check_value(value: object, levels: int = DEEPEST) -> None:
    """See that `value` is not nested too deeply and that every store and wire can take its texts.

    Raises NotJson.
    """
    if levels < 0:
        raise NotJson("it is nested too deeply")
    match value:
        case str():
            if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
                raise NotJson("a text in it has characters that cannot be stored")
        case float() if not math.isfinite(value):
            raise NotJson("a number in it is infinite or no number")
        case dict():
            for key, item in value.items():
                check_value(key, levels)
                check_value(item, levels - 1)
        case list() | tuple():
            for item in value:
                check_value(item, levels - 1)


def _strictly(loads: Any, text: str) -> Any:
    try:
        value = loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError as error:
        raise NotJson("it is nested too deeply") from error
    except (json.JSONDecodeError, NotJson):
        raise
    except ValueError as error:  # Python reads no integers of thousands of digits.
        raise NotJson("a number in it is too long") from error
    check_value(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise NotJson(f"the key {key!r} comes twice in one object; keep one of them")
        found[key] = value
    return found


def _no_constant(name: str) -> Any:
    raise NotJson(f"{name} is no JSON value")
