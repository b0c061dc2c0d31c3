"""What the language model wrote as arguments: read, checked, and refused in one short sentence."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from .action import VALUE, Action, Kind
from .parameters import compiled
from .source import NotJson, parse_value

LONGEST_ARGUMENTS = 16_384
"""Characters."""
_MOST_PROBLEMS = 3


class Unusable(Exception):
    """The arguments cannot be used; the text tells the language model why."""


def reader(action: Action) -> Callable[[str], Any]:
    """Reads the arguments of `action`; the function raises Unusable.

    It may be kept for as long as the action is, as the schema is compiled only once.
    """
    return functools.partial(_read, action, compiled(action.parameters))


def _read(action: Action, schema: Any, text: str) -> Any:
    try:
        given = parse_value(text, LONGEST_ARGUMENTS) if text.strip() else {}
    except NotJson as error:
        raise Unusable(f"the arguments are no usable JSON ({error})") from error
    value = _unwrapped(action, given)
    needs_object = action.kind is Kind.STATE or (action.fields and "type" not in action.parameters)
    if needs_object and not isinstance(value, Mapping):
        raise Unusable("the arguments must be an object")
    problems = [_problem(error) for error in schema.iter_errors(value)]
    if isinstance(value, Mapping):
        problems += _invalid(action, value)
    if problems:
        more = "; and more" if len(problems) > _MOST_PROBLEMS else ""
        raise Unusable("; ".join(dict.fromkeys(problems[:_MOST_PROBLEMS])) + more)
    return value


def _unwrapped(action: Action, given: Any) -> Any:
    """A bare value, which the tool interfaces of language models wrap into an object."""
    if action.takes_object or not isinstance(given, Mapping):
        return given
    if set(given) == {VALUE}:
        return given[VALUE]
    # A model that was asked for no arguments in particular gives none.
    return "true" if not given and "type" not in action.parameters else given


def _problem(error: Any) -> str:
    """One finding of the schema, without quoting what was given: it may be long."""
    where = ".".join(map(str, error.instance_path))
    what = where or "it"
    match error.kind.name, error.kind.value:
        case "required", str(missing):
            return f"{f'{where}.{missing}' if where else missing} is missing: ask the caller for it"
        case "type", [*kinds]:
            return f"{what} must be of type {' or '.join(sorted(map(str, kinds)))}"
        case "enum", [*options]:
            return f"{what} must be one of: {', '.join(map(str, options[:10]))}"
        case "pattern", pattern:
            return f"{what} must match {pattern}"
    return f"{what}: {error.message[:120]}"


def _invalid(action: Action, value: Mapping[str, Any]) -> list[str]:
    found = []
    for name, validator in action.validators.items():
        given: Any = value
        for key in [name] if name in value else name.split("."):
            given = given.get(key) if isinstance(given, Mapping) else None
        if given is not None and not validator.accepts(given):
            found.append(f"{name} must be {validator.expects}")
    return found
