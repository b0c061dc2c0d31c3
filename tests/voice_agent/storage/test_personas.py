"""Personas: drafts, publication, versions, edits at the same time."""

import asyncio

import pytest

from voice_agent.personas.persona import Persona, RateLimit, Scenario
from voice_agent.personas.repository import Conflict, NotFound, Personas, Stale
from voice_agent.storage.store import Store

ANN = Persona(
    name="Ann",
    prompt="You are Ann. {{actionsSchema}}",
    rate_limit=RateLimit(enabled=True, count=3, message="Enough for today."),
    actions_schema={"zulu": {"type": "string"}, "alpha": {"minimum": 1.5}},
    scenarios=(Scenario(context="Late", user_says=("You are late 😀",)),),
)


async def test_a_draft_is_kept_as_it_was_given(store: Store) -> None:
    personas: Personas = store.personas()
    made = await personas.create(ANN)
    read = await personas.get(made.id)
    assert (read.draft, read.published, read.version) == (ANN, None, 0)
    assert read.draft.actions_schema is not None
    assert list(read.draft.actions_schema) == ["zulu", "alpha"]
    assert await personas.named("Ann") == read == made
    assert read.created_at.utcoffset() is not None


async def test_calls_get_what_was_published(store: Store) -> None:
    personas = store.personas()
    id = (await personas.create(ANN)).id
    first = await personas.publish(id)
    assert (first.version, first.published) == (1, ANN)
    other = ANN.model_copy(update={"prompt": "You are somebody else."})
    saved = await personas.save(id, other, first.etag)
    assert (saved.draft, saved.published, saved.version) == (other, ANN, 1)
    assert (await personas.publish(id)).published == other
    back = await personas.roll_back(id, 1)
    assert (back.version, back.published, back.draft) == (3, ANN, ANN)
    assert [number for number, _ in await personas.versions(id)] == [3, 2, 1]
    assert [number for number, _ in await personas.versions(id, before=3, limit=1)] == [2]
    assert await personas.version(id, 2) == other


async def test_who_edits_an_old_draft_is_told(store: Store) -> None:
    personas = store.personas()
    made = await personas.create(ANN)
    await personas.save(made.id, ANN, made.etag)
    with pytest.raises(Stale):
        await personas.save(made.id, ANN, made.etag)
    with pytest.raises(Stale):
        await personas.publish(made.id, made.etag)


async def test_of_many_who_edit_at_once_one_wins(store: Store) -> None:
    personas = store.personas()
    made = await personas.create(ANN)
    results = await asyncio.gather(
        *(
            personas.save(made.id, ANN.model_copy(update={"prompt": str(n)}), made.etag)
            for n in range(10)
        ),
        return_exceptions=True,
    )
    saved = [result for result in results if not isinstance(result, BaseException)]
    assert len(saved) == 1
    assert sum(isinstance(result, Stale) for result in results) == 9
    assert (await personas.get(made.id)).draft == saved[0].draft


async def test_changes_at_once_are_all_made(store: Store) -> None:
    personas = store.personas()
    id = (await personas.create(ANN)).id

    async def add(number: int) -> None:
        await personas.change(
            id, lambda old: old.model_copy(update={"prompt": f"{old.prompt} {number}"})
        )

    await asyncio.gather(*(add(number) for number in range(20)))
    stored = await personas.get(id)
    assert stored.version == 20
    assert sorted(map(int, stored.draft.prompt.split()[4:])) == list(range(20))


async def test_a_change_at_once_publishes_nothing_else(store: Store) -> None:
    personas = store.personas()
    id = (await personas.create(ANN)).id
    await personas.publish(id)
    await personas.save(id, ANN.model_copy(update={"prompt": "Half done"}))
    changed = await personas.change(id, lambda old: old.model_copy(update={"scenarios": ()}))
    assert changed.draft.prompt == "Half done" and changed.draft.scenarios == ()
    assert changed.published == ANN.model_copy(update={"scenarios": ()})


async def test_names_are_unique_in_their_workspace(store: Store) -> None:
    personas = store.personas()
    await personas.create(ANN)
    with pytest.raises(Conflict, match="Ann"):
        await personas.create(ANN)
    other = await personas.create(ANN.model_copy(update={"name": "Bob"}))
    with pytest.raises(Conflict, match="Ann"):
        await personas.save(other.id, ANN)
    assert (await store.personas("elsewhere").create(ANN)).name == "Ann"


async def test_no_workspace_sees_another_ones(store: Store) -> None:
    mine, others = store.personas("mine"), store.personas("others")
    id = (await mine.create(ANN)).id
    await mine.publish(id)
    assert await others.list() == []
    for attempt in (
        others.get(id),
        others.named("Ann"),
        others.save(id, ANN),
        others.publish(id),
        others.version(id, 1),
        others.versions(id),
        others.roll_back(id, 1),
        others.delete(id),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert (await mine.get(id)).version == 1


async def test_they_are_listed_page_by_page(store: Store) -> None:
    personas = store.personas()
    ids = [(await personas.create(ANN.model_copy(update={"name": f"P{n}"}))).id for n in range(5)]
    first = [each.id for each in await personas.list(limit=3)]
    rest = [each.id for each in await personas.list(after=first[-1], limit=3)]
    assert first + rest == sorted(ids)


async def test_one_that_is_deleted_is_gone_with_its_versions(store: Store) -> None:
    personas = store.personas()
    id = (await personas.create(ANN)).id
    await personas.publish(id)
    await personas.delete(id)
    for attempt in (personas.get(id), personas.version(id, 1), personas.delete(id)):
        with pytest.raises(NotFound):
            await attempt
    assert (await personas.create(ANN)).version == 0
