"""What a conversation has learned: one flat object of values, and paths into it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import VoiceAgentError
from .source import NotJson, check_value

PREFIX = "state."
LARGEST_STATE = 65_536
"""Characters of JSON. Clients write into it too, and every change goes out to all of them."""


class StateRefused(VoiceAgentError):
    """The conversation's state cannot hold such values; nothing was changed."""


class StateTooLarge(StateRefused):
    """It would grow beyond what it may hold."""


class State:
    """The state of one conversation. Values are JSON; later ones replace earlier ones whole."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values: dict[str, Any] = dict(values or {})

    @property
    def values(self) -> Mapping[str, Any]:
        """A copy."""
        return dict(self._values)

    def merge(self, values: Mapping[str, Any]) -> bool:
        """Assign `values`; False if that changes nothing. Raises StateRefused.

        The merge is shallow: an object replaces the object that was there.
        """
        try:
            check_value(dict(values))
        except NotJson as error:
            raise StateRefused(f"The values cannot be kept: {error}.") from error
        merged = {**self._values, **values}
        if merged == self._values and _same_types(merged, self._values):
            return False
        if len(json.dumps(merged, ensure_ascii=False)) > LARGEST_STATE:
            raise StateTooLarge(f"The state may hold {LARGEST_STATE} characters; keep less in it.")
        self._values = merged
        return True

    def has(self, path: str) -> bool:
        """True if there is a value at `path`, such as ``state.followup-datetime``."""
        return lookup(path, self._values) is not None


def lookup(path: str, values: Mapping[str, Any]) -> Any:
    """The value at ``state.a.b`` or ``state.list.0``; None if there is none, or it is null.

    A key may contain dots itself: ``state.a.b`` also finds ``{"a.b": …}``.
    """
    if not path.startswith(PREFIX):
        return None
    return _descend(values, path.removeprefix(PREFIX).split("."))


def _descend(value: Any, keys: Sequence[str]) -> Any:
    if not keys:
        return value
    for length in range(1, len(keys) + 1):
        key = ".".join(keys[:length])
        inner: Any = None
        if isinstance(value, Mapping):
            inner = value.get(key)
        elif isinstance(value, list) and key.isascii() and key.isdigit():
            inner = value[int(key)] if int(key) < len(value) else None
        if inner is not None and (found := _descend(inner, keys[length:])) is not None:
            return found
    return None


def _same_types(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    # 1 == True == 1.0 in Python, but not in JSON.
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
