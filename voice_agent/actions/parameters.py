"""A customer's JSON Schema for one action, made safe to keep: no references, no private keys.

References are replaced by what they refer to, so that nothing is ever fetched, a schema cannot grow
without limit while it is checked, and language models need not follow them.
"""

from collections.abc import Mapping
from typing import Any

MOST_NODES = 2000
"""Subschemas of one action once all references are followed."""
_MAPS = ("properties", "patternProperties", "dependencies")
_LISTS = ("allOf", "anyOf", "oneOf")
_SCHEMAS = (
    *("additionalProperties", "additionalItems", "items", "contains", "propertyNames"),
    *("not", "if", "then", "else"),
)
_DROPPED = ("definitions", "$schema", "$id")


class Unusable(ValueError):
    """A schema with a reference that cannot be followed, or one that grows too large."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(problem)
        self.path = path


def without_references(
    schema: Mapping[str, Any], document: Mapping[str, Any], path: str
) -> dict[str, Any]:
    """`schema` with ``#/…`` references into `document` followed and `_` keys left out.

    `path` is where it stands, for errors. Raises Unusable.
    """
    expanded: dict[str, Any] = _Expansion(document).expand(schema, path, ())
    return expanded


class _Expansion:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._nodes = 0

    def expand(self, schema: Mapping[str, Any], path: str, inside: tuple[str, ...]) -> Any:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise Unusable(
                path, f"the schema has more than {MOST_NODES} parts once references are followed"
            )
        reference = schema.get("$ref")
        if isinstance(reference, str):
            if reference in inside:
                raise Unusable(f"{path}.$ref", f"{reference} refers to itself; write it out")
            return self.expand(self._target(reference, path), path, (*inside, reference))
        return {
            key: self._part(key, value, f"{path}.{key}", inside)
            for key, value in schema.items()
            if not key.startswith("_") and key not in _DROPPED
        }

    def _part(self, key: str, value: Any, path: str, inside: tuple[str, ...]) -> Any:
        if key in _MAPS and isinstance(value, Mapping):
            return {
                name: self._inner(item, f"{path}.{name}", inside) for name, item in value.items()
            }
        if key in _LISTS or (key == "items" and isinstance(value, list)):
            if isinstance(value, list):
                return [
                    self._inner(item, f"{path}[{number}]", inside)
                    for number, item in enumerate(value)
                ]
        elif key in _SCHEMAS:
            return self._inner(value, path, inside)
        return value  # Data, or something wrong that the check against draft-07 will name.

    def _inner(self, value: Any, path: str, inside: tuple[str, ...]) -> Any:
        return self.expand(value, path, inside) if isinstance(value, Mapping) else value

    def _target(self, reference: str, path: str) -> Mapping[str, Any]:
        if not reference.startswith("#/"):
            raise Unusable(
                f"{path}.$ref",
                f"{reference[:100]} is not in this document; nothing is fetched: copy it into "
                "`definitions` and refer to #/definitions/…",
            )
        target: Any = self._document
        for part in reference[2:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            target = target.get(key) if isinstance(target, Mapping) else None
        if not isinstance(target, Mapping):
            raise Unusable(f"{path}.$ref", f"there is nothing at {reference[:100]}")
        return target


# The check against draft-07 ----------------------------------------------------------------------


def schema_problem(parameters: Mapping[str, Any]) -> tuple[str, str] | None:
    """(path, sentence) of what draft-07 does not allow in `parameters`; None if all is well."""
    import jsonschema_rs

    try:
        compiled(parameters)
    except (jsonschema_rs.ValidationError, ValueError, OverflowError) as error:
        at = "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}"
            for part in getattr(error, "instance_path", ())
        )
        message = getattr(error, "message", str(error))
        return at, f"It is no JSON Schema of draft-07: {message[:300]}."
    return None


def compiled(parameters: Mapping[str, Any]) -> Any:
    """A checker of arguments against `parameters`.

    jsonschema-rs rather than jsonschema: customers write these schemas, and jsonschema runs their
    patterns on Python's backtracking engine (a second for 24 characters, on the event loop) and
    fetches what `$ref` names. Here patterns take bounded steps and nothing is ever fetched.
    """
    import jsonschema_rs

    return jsonschema_rs.Draft7Validator(
        dict(parameters),
        validate_formats=True,
        offline=True,
        pattern_options=jsonschema_rs.FancyRegexOptions(
            backtrack_limit=10_000, size_limit=1_000_000
        ),
    )
