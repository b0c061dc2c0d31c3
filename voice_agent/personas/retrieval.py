"""Which scenarios fit at this moment of a conversation.

Two things are looked at, the caller's current statement and the persona's last one, each in two
ways: by words (BM25) and by meaning (embeddings, where there is a model). That makes four rankings,
fused by their ranks (Cormack et al., Reciprocal Rank Fusion, 2009), which needs no scale on which
words and meanings could be compared.

The work is done in a thread, ahead: `prepare` is called with each interim transcript, and what
`find` is asked for at the final one has usually been found by then. If it has not, `find` waits for
some milliseconds at most and makes do with all the words and the meaning of those that it knew.
"""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .bm25 import Bm25
from .embeddings import Embedder, Remembered, Vectors
from .persona import Scenario
from .retriever import TOP, Match, Matches, Query, normal_text

_RANK_OFFSET = 60
"""The usual one: how little the very first places count more than the next."""
_BY_PERSONA = 0.5
"""How much a match of the persona's statement counts beside one of the caller's."""
_BEST = 2 * (1 + _BY_PERSONA) / (_RANK_OFFSET + 1)
"""What the first of all four rankings gains."""
_UNRELATED = 0.2
"""Sentences whose vectors have no greater cosine have nothing to do with each other, so that a
greeting does not rank the scenarios by chance."""
_FEW_WORDS = 2
"""The meaning of a statement without its last words is taken at once if no more are missing."""
_WAITING = 8
"""Interims beyond so many are skipped: whatever they would find would come too late."""
_BUILT_AT_ONCE = 64
_KEPT = 512
"""Results that are remembered: those of the current turns of some hundred calls."""
_PATIENCE_S = 0.004
"""How long the final transcript waits for meanings. Together with the rest it stays below 5 ms."""

Side: TypeAlias = Literal["user", "persona"]
Scores: TypeAlias = npt.NDArray[np.float32]
Found: TypeAlias = tuple[Match, ...]


class ScenarioIndex:
    """Some scenarios, ready to be searched. Immutable; it takes long to build with a model."""

    def __init__(self, scenarios: Sequence[Scenario], embedder: Embedder | None = None) -> None:
        """Takes about 2 ms for each saying with an embedder: not for an event loop."""
        self.scenarios = tuple(scenarios)
        self.embedder = embedder
        self._words = Bm25([_document(scenario) for scenario in self.scenarios])
        self._meanings: dict[Side, _Meanings] = {}
        if embedder is not None:
            self._meanings = {
                "user": _Meanings([_cues(s, s.user_says) for s in self.scenarios], embedder),
                "persona": _Meanings([_cues(s, s.persona_says) for s in self.scenarios], embedder),
            }

    def by_words(self, text: str) -> Scores:
        """What each scenario gains from the words of a statement; 0.2 ms for 1,000 scenarios."""
        return _fused(self._words.scores(text), floor=0.0)

    def by_meaning(self, side: Side, text: str) -> Scores:
        """The same from its meaning, 0 without a model; some milliseconds."""
        if self.embedder is None or not text:
            return np.zeros(len(self.scenarios), np.float32)
        (vector,) = self.embedder.embed([text])
        return _fused(self._meanings[side].scores(vector), floor=_UNRELATED)

    def best(self, user: Scores, persona: Scores, count: int) -> Found:
        """The `count` scenarios that gain the most; all if there are fewer."""
        scores = user + _BY_PERSONA * persona
        order = np.argsort(-scores, kind="stable")[:count]
        return tuple(
            Match(int(number), float(scores[number]) / _BEST, self.scenarios[number])
            for number in order
        )

    def search(self, query: Query, count: int = TOP) -> tuple[Scenario, ...]:
        """The `count` best by words and meaning."""
        normal = query.normal
        user = self.by_words(normal.user) + self.by_meaning("user", normal.user)
        persona = self.by_words(normal.persona) + self.by_meaning("persona", normal.persona)
        return _scenarios(self.best(user, persona, count))


class _Meanings:
    """What each scenario is recognized by, as vectors; the closest of a scenario's counts."""

    def __init__(self, cues: Sequence[Sequence[str]], embedder: Embedder | None) -> None:
        texts = [text for each in cues for text in each]
        self._size = len(cues)
        self._with = np.array([n for n, each in enumerate(cues) if each], np.intp)
        lengths = [len(each) for each in cues if each]
        self._starts = np.cumsum([0, *lengths[:-1]])
        self._vectors: Vectors | None = embedder.embed(texts) if embedder and texts else None

    def scores(self, vector: Vectors) -> Scores:
        """The cosine of each scenario's closest cue; -1 for those without one."""
        scores = np.full(self._size, -1.0, np.float32)
        if self._vectors is not None:
            # Not `@`: for a product as small as this, BLAS wakes threads that spin on every core.
            cosines = np.einsum("ij,j->i", self._vectors, vector)
            scores[self._with] = np.maximum.reduceat(cosines, self._starts)
        return scores


class HybridRetriever:
    """`Retriever` over a `ScenarioIndex` that can be replaced while calls go on."""

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        executor: Executor,
        embedder: Remembered | None = None,
        *,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        """Finds by words from the start, and by meaning as soon as `update` has been through.

        `executor` and `embedder` are shared by the personas of a process; one or two threads serve
        hundreds of calls.
        """
        self._executor = executor
        self.embedder = embedder
        """Counts from the next `update` on."""
        self._patience_s = patience_s
        self._search = _Search(ScenarioIndex(scenarios), executor)
        self._newest = 0

    async def update(self, scenarios: Sequence[Scenario] | None = None) -> None:
        """Replace the scenarios (None: the same again, by meaning) once the new index is built.

        Until then the old ones are found. Of several updates at the same time the last one holds.
        """
        self._newest += 1
        number = self._newest
        wanted = self._search.index.scenarios if scenarios is None else tuple(scenarios)
        # In threads of their own: a query of a live call is not to wait behind a long build. A few
        # texts at a time, so that it can be given up when the server stops.
        embedder = self.embedder
        if embedder is not None:
            texts = [text for scenario in wanted for text in cues(scenario)]
            for start in range(0, len(texts), _BUILT_AT_ONCE):
                batch = texts[start : start + _BUILT_AT_ONCE]
                await asyncio.to_thread(embedder.embed, batch)
        index = await asyncio.to_thread(ScenarioIndex, wanted, embedder)
        if number == self._newest:
            # One assignment: a search that has begun ends on the index that it began with.
            self._search = _Search(index, self._executor)

    def prepare(self, query: Query) -> None:
        self._search.begin(query.normal)

    async def find(self, query: Query, count: int = TOP) -> Sequence[Scenario]:
        return _scenarios(await self._found(self._search, query, count, self._patience_s))

    async def matches(self, query: Query, patience_s: float, count: int = TOP) -> Matches:
        """What `find` gives, with where it stands and how well it fits.

        Nobody is waiting on a line, so that the meaning may take `patience_s`.
        """
        search = self._search
        found = await self._found(search, query, count, patience_s)
        return Matches(found, search.index.embedder is not None)

    async def _found(self, search: "_Search", query: Query, count: int, patience_s: float) -> Found:
        normal = query.normal
        if not search.index.scenarios:
            return ()
        found = search.found(normal, count) or search.nearly_found(normal, count, _FEW_WORDS)
        if found is not None:
            return found
        if search.begin(normal, urgent=True) is not None:
            await search.wait(normal, patience_s)
        words = len(normal.user.split())
        return (
            search.found(normal, count)
            or search.nearly_found(normal, count, words // 2)
            or search.by_words(normal, count)
        )


class _Search:
    """One index with what has been found in it lately. Used on the event loop."""

    def __init__(self, index: ScenarioIndex, executor: Executor) -> None:
        self.index = index
        self._executor = executor
        self._searches: OrderedDict[Query, Future[Found]] = OrderedDict()
        self._meant: OrderedDict[tuple[Side, str], Scores] = OrderedDict()
        """What came of the meaning of a statement; written by the threads."""
        self._waiting = 0
        self._lock = threading.Lock()

    def begin(self, query: Query, *, urgent: bool = False) -> Future[Found] | None:
        """The search for `query`, begun now unless it was; None if too much is being done."""
        if self.index.embedder is None or not self.index.scenarios:
            return None
        known = self._searches.get(query)
        if known is not None:
            self._searches.move_to_end(query)
            return known
        if self._waiting >= _WAITING and not urgent:
            return None
        try:
            future = self._executor.submit(self._run, query)
        except RuntimeError:  # It was shut down: the process ends.
            return None
        with self._lock:
            self._waiting += 1
        future.add_done_callback(self._done)
        self._searches[query] = future
        if len(self._searches) > _KEPT:
            self._searches.popitem(last=False)
        return future

    async def wait(self, query: Query, patience_s: float) -> None:
        """Until the search for `query` is through, or `patience_s` is over."""
        future = self._searches.get(query)
        if future is not None and not future.done():
            waiting = asyncio.wrap_future(future)
            waiting.add_done_callback(_seen)
            await asyncio.wait([waiting], timeout=patience_s)

    def found(self, query: Query, count: int) -> Found | None:
        """What the search for `query` gave; None if it is not through, or failed."""
        future = self._searches.get(query)
        if future is None or not future.done() or future.cancelled() or future.exception():
            return None
        return future.result()[:count]

    def nearly_found(self, query: Query, count: int, missing: int) -> Found | None:
        """By all words, and by the meaning of those without the last ones, at most `missing`.

        None if no such beginning has been searched for; never costs more than `by_words`.
        """
        words = query.user.split()
        for length in range(len(words) - 1, max(len(words) - missing, 1) - 1, -1):
            meant = self._meant.get(("user", " ".join(words[:length])))
            if meant is not None:
                return self.by_words(query, count, meant)
        return None

    def by_words(self, query: Query, count: int, meant: Scores | float = 0.0) -> Found:
        """By words, what `meant` gives, and what the persona's statement is known to mean."""
        user = self.index.by_words(query.user) + meant
        persona = self.index.by_words(query.persona)
        return self.index.best(
            user, persona + self._meant.get(("persona", query.persona), 0.0), count
        )

    def _run(self, query: Query) -> Found:
        user = self.index.by_words(query.user) + self._meaning("user", query.user)
        persona = self.index.by_words(query.persona) + self._meaning("persona", query.persona)
        # More than any prompt takes, so that the count need not be known ahead.
        return self.index.best(user, persona, 4 * TOP)

    def _meaning(self, side: Side, text: str) -> Scores:
        scores = self._meant.get((side, text))
        if scores is None:
            scores = self.index.by_meaning(side, text)
            with self._lock:
                self._meant[side, text] = scores
                if len(self._meant) > _KEPT:
                    self._meant.popitem(last=False)
        return scores

    def _done(self, _: Future[Found]) -> None:
        with self._lock:
            self._waiting -= 1


def _seen(future: asyncio.Future[Found]) -> None:
    """What went wrong is looked at where the result is; asyncio need not report it as lost."""
    if not future.cancelled():
        future.exception()


def _scenarios(found: Found) -> tuple[Scenario, ...]:
    return tuple(match.scenario for match in found)


def _fused(scores: Scores, floor: float) -> Scores:
    """What a ranking contributes to each scenario; nothing at or below `floor`."""
    order = np.argsort(-scores, kind="stable")
    ranks = np.empty(len(scores), np.float32)
    ranks[order] = np.arange(1, len(scores) + 1, dtype=np.float32)
    return np.where(scores > floor, 1 / (_RANK_OFFSET + ranks), 0).astype(np.float32)


def _document(scenario: Scenario) -> str:
    return "\n".join(
        (
            scenario.context,
            *scenario.user_says,
            *scenario.persona_says,
            scenario.response_guidelines,
        )
    )


def cues(scenario: Scenario) -> list[str]:
    """All texts of which an index knows the meaning."""
    return [*_cues(scenario, scenario.user_says), *_cues(scenario, scenario.persona_says)]


def _cues(scenario: Scenario, says: Sequence[str]) -> list[str]:
    return [normal for text in (scenario.context, *says) if (normal := normal_text(text))]
