"""What finding scenarios adds to a turn, and what it costs.

Conversations one after another: interim transcripts every 100 ms with one more word each, then the
final one, which is the last interim in three turns of four and has one more word in the fourth.
"""

import argparse
import asyncio
import itertools
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from voice_agent.errors import VoiceAgentError
from voice_agent.models.errors import ModelError
from voice_agent.models.store import Store
from voice_agent.personas.embeddings import MiniLm, Remembered
from voice_agent.personas.persona import Scenario
from voice_agent.personas.retrieval import HybridRetriever, ScenarioIndex
from voice_agent.personas.retriever import Query

from .figures import percentile
from .report import figure, remark, say, say_json, table

_INTERIM_S = 0.1
_ADDED_MS, _CPU_MS = 5.0, 20.0
"""What is allowed: at p95 after the final transcript, and of processor time for a query."""

_VERBS = "change cancel book move confirm pay return exchange repair order track insure".split()
_THINGS = (
    "ticket flight room table car parcel invoice subscription phone laptop contract policy "
    "appointment delivery membership voucher"
).split()
_WHENS = (
    "on the same day,during the holidays,after the deadline,for a group,without a receipt,abroad"
).split(",")


@dataclass(frozen=True, slots=True)
class Figures:
    """One row."""

    by: str
    """``words`` or ``words and meaning``."""
    scenarios: int
    turns: int
    build_s: float
    added_p50_ms: float
    added_p95_ms: float
    added_worst_ms: float
    cpu_per_query_ms: float
    """One query that was not looked for before: embedding, ranking, all threads."""
    cpu_per_turn_ms: float
    """A whole turn, its interims included."""
    found: float
    """The share of the turns in which the scenario that was meant is among the five."""

    @property
    def holds(self) -> bool:
        return self.added_p95_ms <= _ADDED_MS and self.cpu_per_query_ms <= _CPU_MS


def scenarios(count: int) -> list[Scenario]:
    """`count` different ones, each with what a caller may say in two wordings."""
    return [
        Scenario(
            context=f"The customer wants to {verb} a {thing} {when}",
            user_says=(f"Can I {verb} my {thing} {when}?", f"I need to {verb} a {thing} {when}"),
            persona_says=(f"Is this about your {thing}?",),
            response_guidelines=f"Explain rule {number} about how to {verb} a {thing} {when}.",
        )
        for number, (when, verb, thing) in zip(
            range(count), itertools.cycle(itertools.product(_WHENS, _VERBS, _THINGS)), strict=False
        )
    ]


def turns(known: Sequence[Scenario], count: int, seed: int = 1) -> Iterator[tuple[Scenario, Query]]:
    """What callers say, in other words than the scenario's, and what it is about."""
    chance = random.Random(seed)
    for number in range(count):
        scenario = chance.choice(known)
        wish = scenario.context.removeprefix("The customer wants to ")
        opening = chance.choice(("hello is it possible to", "tell me how we could", "I'd like to"))
        yield scenario, Query(f"{opening} {wish} {number}", scenario.persona_says[0])


async def measure(embedder: Remembered | None, count: int, rounds: int) -> Figures:
    """All figures of one way of finding."""
    known = scenarios(count)
    with ThreadPoolExecutor(1) as executor:
        retriever = HybridRetriever(known, executor, embedder)
        began = time.perf_counter()
        await retriever.update()
        build_s = time.perf_counter() - began
        added: list[float] = []
        found = 0
        cpu = time.process_time()
        for number, (meant, query) in enumerate(turns(known, rounds)):
            words = query.user.split()
            for length in range(2, len(words) + (number % 4 != 3)):
                retriever.prepare(Query(" ".join(words[:length]), query.persona))
                await asyncio.sleep(_INTERIM_S)
            began = time.perf_counter()
            result = await retriever.find(query)
            added.append((time.perf_counter() - began) * 1000)
            found += meant in result
        cpu_turn = (time.process_time() - cpu) * 1000 / rounds
    index = await asyncio.to_thread(ScenarioIndex, known, embedder)
    cpu = time.process_time()
    for _, query in turns(known, 50, seed=2):
        await asyncio.to_thread(index.search, query)
    cpu_query = (time.process_time() - cpu) * 1000 / 50
    return Figures(
        "words" if embedder is None else "words and meaning",
        count,
        rounds,
        build_s,
        percentile(added, 50) or 0.0,
        percentile(added, 95) or 0.0,
        max(added),
        cpu_query,
        cpu_turn,
        found / rounds,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench retrieval", description=__doc__)
    parser.add_argument("--scenarios", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for embedder in _embedders():
        remark(f"{'words' if embedder is None else 'words and meaning'} …")
        rows.append(asyncio.run(measure(embedder, options.scenarios, options.turns)))
    if options.json:
        say_json([asdict(row) | {"holds": row.holds} for row in rows])
        return
    heads = (
        "by",
        "scenarios",
        "turns",
        "build s",
        "added p50 / p95 / worst ms",
        "CPU ms per query",
        "CPU ms per turn",
        "found",
        "holds",
    )
    say(
        table(
            heads,
            [
                (
                    row.by,
                    str(row.scenarios),
                    str(row.turns),
                    figure(row.build_s, 1),
                    " / ".join(
                        figure(value, 2)
                        for value in (row.added_p50_ms, row.added_p95_ms, row.added_worst_ms)
                    ),
                    figure(row.cpu_per_query_ms, 1),
                    figure(row.cpu_per_turn_ms, 1),
                    f"{row.found:.0%}",
                    "yes" if row.holds else "no",
                )
                for row in rows
            ],
        )
    )


def _embedders() -> Iterator[Remembered | None]:
    yield None
    try:
        yield Remembered(MiniLm(Store().path("minilm")))
    except (ModelError, VoiceAgentError) as error:
        remark(f"Without meaning: {error}")


if __name__ == "__main__":
    main()
