"""Personas between files and the place where they are kept."""

from collections.abc import Sequence
from enum import StrEnum

from .persona import Persona
from .repository import NotFound, Personas, StoredPersona

_PAGE = 100


class Change(StrEnum):
    """What an import did."""

    CREATED = "created"
    CHANGED = "changed"
    SAME = "unchanged"


async def take_in(
    personas: Personas, persona: Persona, *, publish: bool = False
) -> tuple[StoredPersona, Change]:
    """Keep `persona` as the draft of the one of its name, and `publish` it. Raises Conflict.

    What is the same already is left alone, so that an import can be repeated.
    """
    try:
        stored = await personas.named(persona.name)
    except NotFound:
        stored, change = await personas.create(persona), Change.CREATED
    else:
        change = Change.SAME if stored.draft == persona else Change.CHANGED
        if change is Change.CHANGED:
            stored = await personas.save(stored.id, persona, stored.etag)
    if publish and stored.published != persona:
        stored = await personas.publish(stored.id, stored.etag)
        change = Change.CHANGED if change is Change.SAME else change
    return stored, change


async def everything(personas: Personas) -> Sequence[StoredPersona]:
    """All of them, by id."""
    found: list[StoredPersona] = []
    while page := await personas.list(found[-1].id if found else "", _PAGE):
        found += page
    return found
