"""A soak: calls come and go for minutes; memory, files and threads of the server must stay flat.

The server is asked for nothing but /metrics; what its process holds is read from the system.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from voice_agent.telephony.carrier import CallRecord, CarrierError, place_call
from voice_agent.telephony.measure import Turn
from voice_agent.telephony.pacer import Pacer

from .callers import script_of
from .cores import pinned, share_out
from .detector import Vad
from .figures import slope
from .report import figure, remark, say, say_json, table
from .running import run
from .server import Server, serving
from .utterances import speech, tones

SHORTEST_S, LONGEST_S = 8, 24
MEMORY_MIB_PER_MINUTE = 0.5
COUNT_PER_MINUTE = 0.5
"""Files and threads come and go with the calls; a leak of one for each call is far above it."""
_WARM_UP = 0.3
"""The share of the run that is not judged: buffers and pools grow to their size."""
_CALM_S = 3.0
_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The server at one moment."""

    at_s: float
    live_calls: int
    rss_mib: float
    fds: int
    threads: int
    beats: int
    late_beats: int
    tasks: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something stays flat, or comes back to where it was."""

    what: str
    value: float
    limit: float

    @property
    def flat(self) -> bool:
        return self.value <= self.limit


@dataclass(slots=True)
class Tally:
    """The calls so far."""

    held: int = 0
    failed: int = 0
    """Calls that did not come about, or that the server ended."""
    turns: int = 0
    unanswered: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that is printed with --json."""

    calls_at_once: int
    minutes: float
    vad: str
    tally: Tally
    before: Sample
    series: list[Sample]
    after: Sample
    verdicts: list[Verdict]

    @property
    def passed(self) -> bool:
        fine = not self.tally.failed and not self.tally.unanswered and self.tally.held > 0
        return fine and all(verdict.flat for verdict in self.verdicts)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("bench.load", description=__doc__)
    parser.add_argument("--calls", type=int, default=20, help="calls at once (20)")
    parser.add_argument("--minutes", type=float, default=5.0, help="(5)")
    parser.add_argument("--vad", choices=("energy", "silero"), default="energy")
    parser.add_argument("--seed", type=int, default=1, help="of what the callers say")
    parser.add_argument("--json", action="store_true")
    return run(_main(parser.parse_args(arguments)))


async def _main(options: argparse.Namespace) -> int:
    result = await soak(options.calls, options.minutes, options.vad, options.seed)
    if options.json:
        say_json({"passed": result.passed, "result": result})
    else:
        show(result)
    return 0 if result.passed else 1


async def soak(calls: int, minutes: float, vad: Vad, seed: int) -> Result:
    """Keep about so many calls alive for so long."""
    cores = share_out()
    words = tones(seed) if vad == "energy" else speech()
    settings = (f"vad={vad}", f"server.max_calls={calls + 8}")
    tally = Tally()
    remark(f"{cores.note}; {vad}")
    async with serving(settings, cores.server) as server:
        with pinned(cores.callers):
            began = time.monotonic()
            before = await _sample(server, began)
            ends = began + minutes * 60
            async with Pacer() as pacer, asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(_watch(server, began, ends, tally))
                for number in range(calls):
                    chance = random.Random(seed * 10_000 + number)
                    tasks.create_task(_caller(server.media_url, words, chance, ends, pacer, tally))
            await asyncio.sleep(_CALM_S)
            after = await _sample(server, began)
    series = watching.result()
    verdicts = verdicts_on(before, series, after)
    return Result(calls, minutes, vad, tally, before, series, after, verdicts)


async def _caller(
    url: str,
    words: Sequence[bytes],
    chance: random.Random,
    ends_s: float,
    pacer: Pacer,
    tally: Tally,
) -> None:
    """One call after another until it is time."""
    await asyncio.sleep(chance.uniform(0, 3))
    while (left := ends_s - time.monotonic()) > 2:
        seconds = min(left, chance.uniform(SHORTEST_S, LONGEST_S))
        script = script_of(words, chance, int(seconds * 1000))
        try:
            record = await place_call(url, script, pacer=pacer)
        except CarrierError as error:
            remark(f"a call failed: {error}")
            tally.failed += 1
            await asyncio.sleep(1)
            continue
        tally.held += 1
        tally.failed += record.hung_up_by_agent
        # Looked at off the loop: it would make the other callers late.
        turns = await asyncio.to_thread(_turns, record)
        early = [turn for turn in turns if turn.ended_ms < record.duration_ms - 2000]
        tally.turns += len(early)
        tally.unanswered += sum(t.answered_ms is None and not t.cut_in for t in early)
        await asyncio.sleep(chance.uniform(0.1, 1.0))


def _turns(record: CallRecord) -> tuple[Turn, ...]:
    return record.turns


async def _watch(server: Server, began: float, ends_s: float, tally: Tally) -> list[Sample]:
    series: list[Sample] = []
    while time.monotonic() < ends_s:
        await asyncio.sleep(min(_EVERY_S, max(0.1, ends_s - time.monotonic())))
        sample = await _sample(server, began)
        series.append(sample)
        remark(
            f"{sample.at_s:5.0f} s: {sample.live_calls} calls, {sample.rss_mib:.1f} MiB, "
            f"{sample.fds} files, {sample.threads} threads, {tally.held} calls held, "
            f"{tally.failed} failed, {tally.unanswered} turns unanswered"
        )
    return series


async def _sample(server: Server, began: float) -> Sample:
    gauges, usage = await server.gauges(), server.usage()
    return Sample(
        at_s=usage.at_s - began,
        live_calls=gauges.live_calls,
        rss_mib=usage.rss_mib,
        fds=usage.fds,
        threads=usage.threads,
        beats=gauges.beats,
        late_beats=gauges.late_beats,
        tasks=gauges.tasks,
    )


def verdicts_on(before: Sample, series: Sequence[Sample], after: Sample) -> list[Verdict]:
    """What grows, by the minute, once the server is warm; and what is left when all have gone."""
    warm = list(series[int(len(series) * _WARM_UP) :])
    # Files follow the number of calls, which varies: what a call does not explain is what counts.
    return [
        Verdict(
            "memory, MiB/min", _per_minute(warm, [s.rss_mib for s in warm]), MEMORY_MIB_PER_MINUTE
        ),
        Verdict(
            "files beyond the calls, 1/min",
            _per_minute(warm, [s.fds - s.live_calls for s in warm]),
            COUNT_PER_MINUTE,
        ),
        Verdict("threads, 1/min", _per_minute(warm, [s.threads for s in warm]), COUNT_PER_MINUTE),
        Verdict("files left", after.fds - before.fds, 2),
        Verdict("tasks left", after.tasks - before.tasks, 2),
        Verdict("calls left", after.live_calls, 0),
    ]


def _per_minute(samples: Sequence[Sample], values: Sequence[float]) -> float:
    return 60 * slope([(s.at_s, value) for s, value in zip(samples, values, strict=True)])


def show(result: Result) -> None:
    """Print the series and the verdicts."""
    rows = [result.before, *_thinned(result.series), result.after]
    say(f"{result.calls_at_once} calls at once, {result.minutes:g} min, {result.vad} VAD")
    say()
    say(
        table(
            ("s", "calls", "MiB", "files", "threads", "tasks", "late beats"),
            [_cells(s) for s in rows],
        )
    )
    say()
    tally = result.tally
    say(
        f"{tally.held} calls, {tally.failed} failed; {tally.turns} turns, "
        f"{tally.unanswered} unanswered"
    )
    say()
    verdicts = [
        (v.what, figure(v.value, 2), f"≤ {v.limit:g}", "flat" if v.flat else "grows")
        for v in result.verdicts
    ]
    say(table(("", "measured", "limit", "verdict"), verdicts))
    say()
    say("passed" if result.passed else "FAILED")


def _thinned(series: Sequence[Sample], rows: int = 20) -> list[Sample]:
    step = max(1, len(series) // rows)
    return list(series[::step])


def _cells(s: Sample) -> tuple[str, ...]:
    late = f"{s.late_beats / s.beats:.2%}" if s.beats else figure(None)
    return (
        f"{s.at_s:.0f}",
        str(s.live_calls),
        f"{s.rss_mib:.1f}",
        str(s.fds),
        str(s.threads),
        str(s.tasks),
        late,
    )


if __name__ == "__main__":
    raise SystemExit(main())
