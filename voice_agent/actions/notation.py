"""Notations inside an action's texts: ``<…>`` addresses and holes, ``{{…}}`` references."""

import re
from collections.abc import Callable

_WRAPPED = re.compile(r"<\s*(https?://[^<>\s]*)\s*>", re.IGNORECASE)
_HOLE = re.compile(r"<([A-Za-z_][A-Za-z0-9_.-]{0,63})>")
_REFERENCE = re.compile(r"\{\{\{?\s*(details|secret)\.(\[?)([A-Za-z0-9_.-]{1,100})\]?\s*\}\}\}?")
_ENVIRONMENT = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]{0,99})")


def unwrapped(url: str) -> str:
    """An address without the ``<…>`` that formatted pages put around the part they recognize.

    ``<https://host/weather/><city>`` is ``https://host/weather/<city>``.
    """
    return _WRAPPED.sub(r"\1", url.strip())


def holes(text: str) -> list[str]:
    """The names of the ``<name>`` holes of an address, in order."""
    return _HOLE.findall(text)


def fill_holes(text: str, value: Callable[[str], str]) -> str:
    """`text` with each ``<name>`` replaced by ``value(name)``."""
    return _HOLE.sub(lambda found: value(found.group(1)), text)


def references(text: str) -> list[tuple[str, str]]:
    """``details.key`` and ``secret.NAME`` in double braces, as (kind, name), in order.

    ``env:NAME`` as the whole text is another way to write ``{{secret.NAME}}``.
    """
    if whole := _ENVIRONMENT.fullmatch(text.strip()):
        return [("secret", whole.group(1))]
    return [(found.group(1), found.group(3)) for found in _REFERENCE.finditer(text)]


def whole_reference(text: str) -> tuple[str, str] | None:
    """(kind, name) if `text` is nothing but one reference, else None."""
    if whole := _ENVIRONMENT.fullmatch(text.strip()):
        return "secret", whole.group(1)
    if found := _REFERENCE.fullmatch(text.strip()):
        return found.group(1), found.group(3)
    return None


def fill_references(text: str, value: Callable[[str, str], str]) -> str:
    """`text` with each reference replaced by ``value(kind, name)``."""
    if whole := _ENVIRONMENT.fullmatch(text.strip()):
        return value("secret", whole.group(1))
    return _REFERENCE.sub(lambda found: value(found.group(1), found.group(3)), text)
