"""Scenarios are searchable by words at once, and by meaning once a model has read them."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from tests.voice_agent.calls.rooms import becomes
from voice_agent.personas import embeddings
from voice_agent.personas.embeddings import Vectors
from voice_agent.personas.persona import Persona, Scenario
from voice_agent.personas.retrieval import HybridRetriever
from voice_agent.personas.retriever import Query
from voice_agent.retrieval import Retrievers


class Meaning:
    """Everything means the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.ones((len(texts), 1), np.float32)


def persona(topic: str) -> Persona:
    return Persona(name="Anna", scenarios=(Scenario(context=topic, user_says=(topic,)),))


@contextmanager
def retrievers(folder: Path | None) -> Iterator[Retrievers]:
    made = Retrievers(lambda: folder)
    try:
        yield made
    finally:
        made.close()


def knows_meaning(retriever: object) -> bool:
    assert isinstance(retriever, HybridRetriever)
    return retriever._search.index.embedder is not None


async def test_personas_of_one_name_are_both_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration's persona and a published one, or two versions during one call."""
    monkeypatch.setattr(embeddings, "MiniLm", Meaning)
    with retrievers(tmp_path) as made:
        one, other = made.of(persona("dogs")), made.of(persona("cats"))
        assert [each.context for each in await one.find(Query("dogs"))] == ["dogs"]
        async with asyncio.TaskGroup() as group:
            building = group.create_task(made.keep_building())
            await becomes(lambda: knows_meaning(one) and knows_meaning(other))
            building.cancel()
        assert [each.context for each in await other.find(Query("pets"))] == ["cats"]


async def test_without_a_model_words_serve(tmp_path: Path) -> None:
    with retrievers(None) as made:
        async with asyncio.TaskGroup() as group:
            building = group.create_task(made.keep_building())
            one = made.of(persona("dogs"))
            await becomes(made._building.empty)
            assert [each.context for each in await one.find(Query("dogs"))] == ["dogs"]
            building.cancel()


async def test_a_model_that_cannot_be_read_is_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Path) -> None:
        raise OSError("no such file")

    monkeypatch.setattr(embeddings, "MiniLm", broken)
    with retrievers(tmp_path) as made, capture_logs() as logged:
        async with asyncio.TaskGroup() as group:
            building = group.create_task(made.keep_building())
            made.of(persona("dogs"))
            await becomes(lambda: bool(logged))
            second = made.of(persona("cats"))
            await becomes(made._building.empty)
            assert [each.context for each in await second.find(Query("cats"))] == ["cats"]
            building.cancel()
    assert [line["event"] for line in logged] == ["scenarios_not_embedded"]


async def test_whoever_edits_finds_what_a_call_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "MiniLm", Meaning)
    with retrievers(tmp_path) as made:
        dogs = persona("dogs")
        first = await made.match("p1", dogs, Query("dogs"))
        assert [(each.index, each.score > 0) for each in first.found] == [(0, True)]
        assert not first.by_meaning
        async with asyncio.TaskGroup() as group:
            building = group.create_task(made.keep_building())
            await becomes(lambda: knows_meaning(made._edited["p1"][1]))
            building.cancel()
        again = await made.match("p1", dogs, Query("pets"))
        assert [each.score > 0 for each in again.found] == [True], "nothing was read again"
        changed = await made.match("p1", persona("cats"), Query("cats"))
        assert [each.scenario.context for each in changed.found] == ["cats"]
        assert not changed.by_meaning


async def test_of_many_edited_personas_the_latest_are_kept() -> None:
    with retrievers(None) as made:
        for number in range(20):
            await made.match(str(number), persona("dogs"), Query("dogs"))
        assert len(made._edited) < 20 and "19" in made._edited
