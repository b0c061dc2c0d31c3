"""Personas that somebody tries without having saved them."""

from collections import OrderedDict
from secrets import token_urlsafe

from ..personas.persona import Persona

_MOST = 100
_MOST_BYTES = 16 * 1024 * 1024
"""Of their documents. One of the largest, with thousands of scenarios, has some megabytes."""


class Trials:
    """The latest documents that are tried, in memory; the earliest make room."""

    def __init__(self, most: int = _MOST, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, tuple[Persona, int]] = OrderedDict()

    def keep(self, persona: Persona) -> str:
        """An id by which the document can be had until others need its room."""
        id = token_urlsafe(12)
        self._kept[id] = (persona, len(persona.model_dump_json()))
        while len(self._kept) > self._most or (
            len(self._kept) > 1 and self._size() > self._most_bytes
        ):
            self._kept.popitem(last=False)
        return id

    def get(self, id: str) -> Persona | None:
        """None if it is not kept any more."""
        return self._kept[id][0] if id in self._kept else None

    def _size(self) -> int:
        return sum(size for _, size in self._kept.values())
