"""The scenarios of personas, made searchable beside the calls."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from .personas.persona import Persona, Scenario
from .personas.retriever import Matches, Query, Retriever

if TYPE_CHECKING:
    from .personas.embeddings import Remembered
    from .personas.retrieval import HybridRetriever

_THREADS = 2
_EDITED = 8
"""Personas whose drafts are being edited at the same time; those of others are read again."""
_EDITOR_S = 1.0
"""How long whoever edits waits for the meaning of a statement."""

log = structlog.get_logger()


class Retrievers:
    """Gives each persona a retriever: by words at once, by meaning once that has been read.

    `keep_building` has to run beside the calls.
    """

    def __init__(self, model: Callable[[], Path | None]) -> None:
        """`model` gives the folder of the embedding model, None without one; called in a thread."""
        self._model = model
        self._executor = ThreadPoolExecutor(_THREADS, "scenarios")
        self._embedder: Remembered | None = None
        self._asked = False
        self._building: asyncio.Queue[tuple[str, HybridRetriever]] = asyncio.Queue()
        self._edited: OrderedDict[str, tuple[Sequence[Scenario], HybridRetriever]] = OrderedDict()

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)

    def of(self, persona: Persona) -> Retriever:
        """The retriever of a persona's scenarios."""
        made = _made(persona, self._executor)
        self._building.put_nowait((persona.name, made))
        return made

    async def match(self, key: str, persona: Persona, query: Query) -> Matches:
        """What a call of the persona would find. What was read for `key` is kept for the next
        question, as long as the scenarios are the same."""
        scenarios, retriever = self._edited.get(key, ((), None))
        if retriever is None or scenarios != persona.scenarios:
            retriever = await asyncio.to_thread(_made, persona, self._executor)
            self._building.put_nowait((persona.name, retriever))
            self._edited[key] = (persona.scenarios, retriever)
            if len(self._edited) > _EDITED:
                self._edited.popitem(last=False)
        self._edited.move_to_end(key)
        return await retriever.matches(query, _EDITOR_S)

    async def keep_building(self) -> None:
        """Let meanings count as well. Never returns."""
        while True:
            name, retriever = await self._building.get()
            try:
                if not self._asked:
                    self._asked = True
                    self._embedder = await asyncio.to_thread(self._load)
                if self._embedder is not None:
                    retriever.embedder = self._embedder
                    await retriever.update()
            except Exception:  # Words alone serve as well.
                log.exception("scenarios_not_embedded", persona=name)

    def _load(self) -> "Remembered | None":
        from .personas.embeddings import MiniLm, Remembered

        folder = self._model()
        return None if folder is None else Remembered(MiniLm(folder))


def _made(persona: Persona, executor: ThreadPoolExecutor) -> "HybridRetriever":
    from .personas.retrieval import HybridRetriever  # Brings NumPy; most have no scenarios.

    return HybridRetriever(persona.scenarios, executor)
