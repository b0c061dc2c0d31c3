"""Who answers a call."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.voice_agent.calls.rooms import becomes
from voice_agent.calls import reception as reception_module
from voice_agent.calls.reception import DraftUnusable, NobodyOfThatName, Reception
from voice_agent.errors import StorageUnavailable
from voice_agent.personas.persona import Persona, Telephone
from voice_agent.personas.repository import Personas, StoredPersona
from voice_agent.storage.store import opened

HOUSE = Persona(name="House", telephone=Telephone(numbers=("+15550199",)))


def persona(name: str, *numbers: str) -> Persona:
    return Persona(name=name, telephone=Telephone(numbers=numbers))


@asynccontextmanager
async def kept(folder: Path) -> AsyncIterator[Personas]:
    async with opened(f"sqlite:///{folder}/kept.db") as store:
        yield store.personas()


async def published(personas: Personas, *wanted: Persona) -> list[StoredPersona]:
    created = [await personas.create(each) for each in wanted]
    return [await personas.publish(each.id) for each in created]


async def test_who_answers_is_found_by_number_and_by_name(tmp_path: Path) -> None:
    async with kept(tmp_path) as personas:
        (rachel,) = await published(personas, persona("Rachel", "+15550111", "+15550112"))
        await personas.create(persona("Draft", "+15550113"))
        reception = Reception(HOUSE, personas)
        await reception.refresh()
    assert reception.numbers == {"+15550199", "+15550111", "+15550112"}
    by_number = reception.called("+15550112", "+15550100")
    assert (by_number.persona.name, by_number.persona_id) == ("Rachel", rachel.id)
    assert by_number.persona_version == rachel.version == 1
    assert reception.called("+15550113", "").persona is HOUSE, "a draft answers nobody"
    for plan in (
        reception.called("+15550199", "+15550100", "Rachel"),
        reception.called("+15550199", "+15550100", rachel.id),
        reception.asked_for("Rachel", {}),
        reception.asked_for(rachel.id, {}),
    ):
        assert plan.persona.name == "Rachel" and plan.persona_id == rachel.id


def test_the_callers_number_is_the_user() -> None:
    """S004-13, S004-54, S004-86"""
    reception = Reception(HOUSE)
    plan = reception.called("+15550199", "+1123456789")
    assert (plan.user_id, plan.details) == ("+1123456789", {"userId": "+1123456789"})
    assert (plan.remote, plan.own, plan.direction) == ("+1123456789", "+15550199", "inbound")
    withheld = reception.called("+15550199", "")
    assert (withheld.user_id, withheld.details) == ("", {})
    assert len({plan.conversation_id, withheld.conversation_id}) == 2


def test_who_is_asked_for_learns_of_the_user() -> None:
    """S004-87, S004-96: the details reach the conversation, with the user among them."""
    reception = Reception(HOUSE)
    named = reception.asked_for("House", {"name": "Ann"}, user_id="u1", timezone="Europe/Berlin")
    assert (named.user_id, named.details) == ("u1", {"name": "Ann", "userId": "u1"})
    assert (named.direction, named.timezone) == ("web", "Europe/Berlin")
    assert reception.asked_for("House", {"userId": "u2"}).user_id == "u2"
    own = reception.asked_for("House", {"userId": "u2"}, user_id="u1")
    assert (own.user_id, own.details["userId"]) == ("u1", "u2")


def test_nobody_is_found_by_an_unknown_name() -> None:
    reception = Reception(HOUSE)
    for wanted in ("Rachel", ""):
        with pytest.raises(NobodyOfThatName):
            reception.asked_for(wanted, {})
    with pytest.raises(NobodyOfThatName, match="No persona Rachel is published"):
        reception.called("+15550199", "", "Rachel")
    assert reception.expected().persona is HOUSE


async def test_more_personas_than_one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception_module, "_PAGE", 2)
    async with kept(tmp_path) as personas:
        await published(personas, *(persona(f"P{n}", f"+1555012{n}") for n in range(5)))
        reception = Reception(HOUSE, personas)
        await reception.refresh()
    assert [reception.called(f"+1555012{n}", "").persona.name for n in range(5)] == [
        f"P{n}" for n in range(5)
    ]


class Failing:
    """Personas that cannot be read at times."""

    def __init__(self, personas: Personas) -> None:
        self._personas = personas
        self.down = False
        self.asked = 0

    async def list(self, after: str = "", limit: int = 100) -> Sequence[StoredPersona]:
        self.asked += 1
        if self.down:
            raise StorageUnavailable("it is down")
        return await self._personas.list(after, limit)

    def __getattr__(self, name: str) -> object:
        return getattr(self._personas, name)


async def test_changes_are_noticed_and_a_database_that_is_down_takes_nobody_away(
    tmp_path: Path,
) -> None:
    async with kept(tmp_path) as personas, asyncio.TaskGroup() as group:
        shelf = Failing(personas)
        reception = Reception(HOUSE, shelf)  # type: ignore[arg-type]
        refreshing = group.create_task(reception.keep_refreshing())
        numbers = reception.numbers
        (rachel,) = await published(personas, persona("Rachel", "+15550111"))
        reception.changed.set()
        await becomes(lambda: "+15550111" in numbers)
        live = reception.called("+15550111", "")

        shelf.down, before = True, shelf.asked
        with capture_logs() as logged:
            reception.changed.set()
            await becomes(lambda: shelf.asked > before and not reception.changed.is_set())
            await becomes(lambda: bool(logged))
        assert logged[0]["event"] == "personas_not_refreshed"
        assert reception.called("+15550111", "").persona.name == "Rachel"

        shelf.down = False
        await personas.save(rachel.id, persona("Rachel", "+15550112"))
        await personas.publish(rachel.id)
        reception.changed.set()
        await becomes(lambda: "+15550112" in numbers)
        assert "+15550111" not in numbers and numbers is reception.numbers
        assert reception.called("+15550112", "").persona_version == 2
        assert live.persona_version == 1, "a live call keeps the version it began with"

        await personas.delete(rachel.id)
        reception.changed.set()
        await becomes(lambda: "+15550112" not in numbers)
        assert reception.called("+15550112", "").persona is HOUSE
        refreshing.cancel()


async def test_a_draft_is_tried_as_it_is_now(tmp_path: Path) -> None:
    async with kept(tmp_path) as personas:
        (stored,) = await published(personas, persona("Rachel"))
        reception = Reception(HOUSE, personas)
        await reception.refresh()
        await personas.save(stored.id, persona("Rachel").model_copy(update={"prompt": "Newer."}))
        plan = await reception.tried(stored.id, {"plan": "gold"}, user_id="u1")
        assert (plan.persona.prompt, plan.persona_id, plan.persona_version) == (
            "Newer.",
            stored.id,
            0,
        )
        assert (plan.details, plan.user_id, plan.direction) == (
            {"plan": "gold", "userId": "u1"},
            "u1",
            "web",
        )
        assert reception.asked_for(stored.id, {}).persona.prompt == ""

        unsaved = reception.trials.keep(persona("Rachel").model_copy(update={"prompt": "Newest."}))
        plan = await reception.tried(stored.id, {}, unsaved=unsaved)
        assert (plan.persona.prompt, plan.persona_version) == ("Newest.", 0)


async def test_what_cannot_be_tried_is_told(tmp_path: Path) -> None:
    broken = persona("Rachel").model_copy(
        update={"actions_schema": {"type": "object", "properties": {"show": {"type": "colour"}}}}
    )
    async with kept(tmp_path) as personas:
        stored = await personas.create(broken)
        reception = Reception(HOUSE, personas)
        with pytest.raises(DraftUnusable, match="actions_schema"):
            await reception.tried(stored.id, {})
        with pytest.raises(DraftUnusable, match="another token"):
            await reception.tried(stored.id, {}, unsaved="gone")
        with pytest.raises(NobodyOfThatName, match="nobody"):
            await reception.tried("nobody", {})
    with pytest.raises(NobodyOfThatName):
        await Reception(HOUSE).tried(stored.id, {})
