"""Values that are easily misheard, and whether the caller has said that they are right.

A value is *open* from when it is saved until it is confirmed, which takes something that the caller
has said since: by an action that sets ``<name>_confirmed``, or by saving the same value again. What
depends on an open value has to wait.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .action import Action
from .depends import first_key

CONFIRMED = "_confirmed"
_NO = ("", "false", "no", "0")


@dataclass(slots=True)
class _Open:
    value: Any
    said: int
    """How often the caller had spoken when it was saved."""


class Confirmations:
    """The open values of one conversation."""

    def __init__(self) -> None:
        self._said = 0
        self._open: dict[str, _Open] = {}
        self._confirmed: dict[str, Any] = {}

    def caller_spoke(self) -> None:
        """The caller has said something that the agent answers."""
        self._said += 1

    def unanswered(self, values: Mapping[str, Any]) -> list[str]:
        """Names that `values` would confirm although the caller has said nothing since."""
        return [
            name
            for key in values
            if (name := key.removesuffix(CONFIRMED)) != key
            and _affirms(values[key])
            and name in self._open
            and self._open[name].said >= self._said
        ]

    def saved(self, guarded: Iterable[str], values: Mapping[str, Any]) -> list[str]:
        """Note what an action has saved; return the names that should be read back now."""
        for key, value in values.items():
            name = key.removesuffix(CONFIRMED)
            if name != key and name in self._open and _affirms(value):
                self._confirm(name)
        asked = []
        for name in guarded:
            if name not in values or self._confirmed.get(name, _NOTHING) == values[name]:
                continue
            before = self._open.get(name)
            if before is not None and before.value == values[name]:
                if before.said < self._said:
                    self._confirm(name)
                continue
            self._confirmed.pop(name, None)
            self._open[name] = _Open(values[name], self._said)
            asked.append(name)
        return asked

    def given(self, values: Mapping[str, Any]) -> None:
        """A client has set `values`: nobody has misheard them."""
        for name in values:
            self._open.pop(name, None)

    def waiting(self, paths: Iterable[str]) -> list[str]:
        """The open values among those at `paths`."""
        return [name for name in map(first_key, paths) if name in self._open]

    def _confirm(self, name: str) -> None:
        self._confirmed[name] = self._open.pop(name).value


_NOTHING = object()


def guarded(action: Action, values: Mapping[str, Any]) -> list[str]:
    """The names in `values` that must be confirmed if `action` saves them."""
    match action.confirm:
        case bool():
            return [name for name in values if action.confirm and not name.endswith(CONFIRMED)]
        case frozenset():
            return [name for name in values if name in action.confirm]
    return [
        name
        for name in values
        if (validator := action.validators.get(name)) is not None and validator.read_back
    ]


def read_back(action: Action, names: Iterable[str]) -> str:
    """What the language model is told to do with values that were just saved."""
    parts = []
    for name in names:
        validator = action.validators.get(name)
        how = f" {validator.read_back}" if validator and validator.read_back else ""
        parts.append(f"{name}{how}")
    return (
        f"Unless you just did, read back {' and '.join(parts)}, and ask the caller whether it is "
        "right."
    )


def _affirms(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in _NO
    return bool(value)
