"""Who answers: the personas that are published, by their names and numbers."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from pydantic import JsonValue

from ..actions import schema
from ..actions.action import SchemaInvalid
from ..errors import StorageUnavailable, VoiceAgentError
from ..personas.persona import Persona
from ..personas.repository import NotFound, Personas, StoredPersona
from .plan import CallPlan
from .records import Direction, new_id
from .trials import Trials

_EVERY_S = 10.0
"""How often it looks whether another process has changed a persona."""
_PAGE = 100

log = structlog.get_logger()


class NobodyOfThatName(VoiceAgentError):
    """The persona that was asked for is not published, or does not exist."""


class DraftUnusable(VoiceAgentError):
    """What is to be tried cannot be talked to as it is."""


@dataclass(frozen=True, slots=True)
class _Published:
    id: str
    version: int
    """0 for what is only tried."""
    persona: Persona


class Reception:
    """Plans calls from memory: no caller waits for a database, nor is turned away by one."""

    def __init__(self, default: Persona, personas: Personas | None = None) -> None:
        """`default` answers whenever nobody else is asked for."""
        self.default = default
        self._personas = personas
        self._by_id: dict[str, _Published] = {}
        self._by_name: dict[str, _Published] = {}
        self._by_number: dict[str, _Published] = {}
        self.numbers: set[str] = set(default.telephone.numbers)
        """All numbers at which somebody answers; it changes with the personas."""
        self.published: asyncio.Queue[Persona] = asyncio.Queue()
        """Personas in a version that was not known before, for whoever prepares for their calls."""
        self.trials = Trials()
        """What is tried without having been saved."""
        self.changed = asyncio.Event()
        """To be set when a persona was published or deleted."""

    async def refresh(self) -> None:
        """Read what is published. Raises StorageUnavailable."""
        if self._personas is None:
            return
        found: list[StoredPersona] = []
        while True:
            page = await self._personas.list(found[-1].id if found else "", _PAGE)
            found += page
            if len(page) < _PAGE:
                break
        published = [_Published(s.id, s.version, s.published) for s in found if s.published]
        for each in published:
            known = self._by_id.get(each.id)
            if known is None or known.version != each.version:
                self.published.put_nowait(each.persona)
        self._by_id = {each.id: each for each in published}
        self._by_name = {each.persona.name: each for each in published}
        self._by_number = {
            number: each for each in published for number in each.persona.telephone.numbers
        }
        self.numbers.clear()
        self.numbers.update(self.default.telephone.numbers, self._by_number)

    async def keep_refreshing(self) -> None:
        """Notice changes, at once where they are made here. Never returns."""
        while True:
            try:
                async with asyncio.timeout(_EVERY_S):
                    await self.changed.wait()
            except TimeoutError:
                pass
            self.changed.clear()
            try:
                await self.refresh()
            except StorageUnavailable as problem:
                log.warning("personas_not_refreshed", reason=str(problem))

    def knows(self, name: str) -> bool:
        """Whether a persona of that id or name is published."""
        return name in self._by_id or name in self._by_name

    def expected(self) -> CallPlan:
        """Whoever answers where nobody is asked for and nothing is known."""
        return self._plan(None, {}, "", "inbound")

    def called(self, number: str, caller: str, name: str = "") -> CallPlan:
        """Somebody calls `number` (or asks for `name`) from the number `caller`.

        Raises NobodyOfThatName.
        """
        found = self._named(name) if name else self._by_number.get(number)
        details: dict[str, JsonValue] = {"userId": caller} if caller else {}
        return self._plan(found, details, caller, "inbound", remote=caller, own=number)

    def asked_for(
        self,
        persona: str,
        details: Mapping[str, JsonValue],
        *,
        user_id: str = "",
        direction: Direction = "web",
        remote: str = "",
        own: str = "",
        timezone: str = "",
    ) -> CallPlan:
        """A persona by id or name. Raises NobodyOfThatName."""
        told = {**details, "userId": user_id} if user_id and "userId" not in details else details
        return self._plan(
            self._named(persona),
            told,
            user_id or str(details.get("userId") or ""),
            direction,
            remote=remote,
            own=own,
            timezone=timezone,
        )

    async def tried(
        self,
        persona_id: str,
        details: Mapping[str, JsonValue],
        *,
        user_id: str = "",
        unsaved: str = "",
    ) -> CallPlan:
        """The draft of a persona as it is now, or what `trials` has by the id `unsaved`.

        Raises NobodyOfThatName, DraftUnusable and StorageUnavailable.
        """
        try:
            stored = None if self._personas is None else await self._personas.get(persona_id)
        except NotFound:
            stored = None
        if stored is None:
            raise NobodyOfThatName(f"There is no persona {persona_id}.")
        tried = self.trials.get(unsaved) if unsaved else stored.draft
        if tried is None:
            raise DraftUnusable("What was not saved is no longer kept; ask for another token.")
        try:
            if tried.actions_schema is not None:
                schema.load(tried.actions_schema)
        except SchemaInvalid as error:
            raise DraftUnusable(f"The draft's actions_schema is not right: {error}") from error
        told = {**details, "userId": user_id} if user_id and "userId" not in details else details
        user = user_id or str(details.get("userId") or "")
        return self._plan(_Published(stored.id, 0, tried), told, user, "web")

    def _named(self, name: str) -> _Published | None:
        """The published one; None for the default's own name."""
        found = self._by_id.get(name) or self._by_name.get(name)
        if found is None and name != self.default.name:
            raise NobodyOfThatName(f"No persona {name} is published.")
        return found

    def _plan(
        self,
        found: _Published | None,
        details: Mapping[str, JsonValue],
        user_id: str,
        direction: Direction,
        *,
        remote: str = "",
        own: str = "",
        timezone: str = "",
    ) -> CallPlan:
        return CallPlan(
            conversation_id=new_id(datetime.now(UTC)),
            persona=found.persona if found else self.default,
            persona_id=found.id if found else "",
            persona_version=found.version if found else 0,
            details=details,
            user_id=user_id,
            direction=direction,
            remote=remote,
            own=own,
            timezone=timezone,
        )
