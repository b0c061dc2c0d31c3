"""Secrets that schemas refer to by name: environment variables that the operator has listed."""

import json
from collections.abc import Iterable, Mapping
from copy import copy
from typing import Self
from urllib.parse import quote

HIDDEN = "[hidden]"
_SHORTEST_HIDDEN = 4
"""Characters; hiding shorter ones would only garble answers."""


class UnknownSecret(LookupError):
    """The schema refers to a variable that is not listed, or not set; `args[0]` is its name."""


class Secrets:
    """Names to values. Never printed, never compared, never told to a language model."""

    def __init__(self, names: Iterable[str], environment: Mapping[str, str]) -> None:
        """`names` are those of `actions.secret_env`; any other variable stays out of reach."""
        self._values = {name: environment[name] for name in names if environment.get(name)}

    def __repr__(self) -> str:
        return f"Secrets({sorted(self._values)})"

    def value(self, name: str) -> str:
        """Raises UnknownSecret."""
        try:
            return self._values[name]
        except KeyError as error:
            raise UnknownSecret(name) from error

    def masked(self) -> Self:
        """The same names, and nothing to be learned from the values: for what is to be shown."""
        masked = copy(self)
        masked._values = dict.fromkeys(self._values, HIDDEN)
        return masked

    def hide(self, text: str, more: Iterable[str] = ()) -> str:
        """`text` without any of them, nor `more`: services echo what they are sent."""
        hidden = {
            written
            for value in (*self._values.values(), *more)
            if len(value) >= _SHORTEST_HIDDEN
            for written in (value, json.dumps(value)[1:-1], quote(value, safe=""))
        }
        for written in sorted(hidden, key=len, reverse=True):
            text = text.replace(written, HIDDEN)
        return text
