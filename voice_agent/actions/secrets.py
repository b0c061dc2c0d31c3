"""Secrets that schemas refer to by name: environment variables that the operator has listed."""

from collections.abc import Iterable, Mapping

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

    def hide(self, text: str) -> str:
        """`text` without any of them: services echo what they are sent."""
        for value in sorted(self._values.values(), key=len, reverse=True):
            if len(value) >= _SHORTEST_HIDDEN:
                text = text.replace(value, HIDDEN)
        return text
