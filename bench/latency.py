"""Added latency, interruption, processor time and memory of N simulated calls.

The server runs alone on one core, its providers are scripted without delay, the endpointing waits
200 ms. What it takes beyond that, seen from the caller's end of the line, is the figure.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from . import cloud
from .budgets import (
    AT_CALLS,
    CALLS,
    CALLS_FORGIVEN,
    CLEAR_P50,
    CLEAR_P95,
    CPU,
    FRAMEWORK_P50,
    FRAMEWORK_P95,
    IDLE,
    IDLING,
    IMPORT,
    LOADED,
    LOADED_EXACT,
    MEMORY,
    SWEPT,
    Judged,
    judged,
)
from .callers import Callers, Heard
from .cores import Cores, busy_s, pinned, share_out
from .detector import Vad, detector, lags_ms
from .figures import Spread, spread
from .report import budget_table, figure, remark, say, say_json, table
from .running import run
from .server import Server, Usage, import_s, serving
from .utterances import speech, tones
from .vendors.service import Delays

ENDPOINTING_MS = 200
"""`endpointing.fixed_ms` of the scripted configuration; taken off the latency."""
HELD_P95_MS = 100
HELD_GAP_MS = 40
LATE_P99_MS = 10
"""A generator that is later than this has measured itself."""
OTHERS = 0.10
"""A server that others take more of the core from is not measured alone."""
SWEEP = "1,10,25,50,75,100,125,150"
_RAMP_S = 6.0
_ATTEMPTS = 4
"""Of a row that is not to be believed, whatever its figures; the least disturbed is shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """One run: so many calls at once for a while."""

    calls: int
    vad: str
    seconds: float
    beyond_endpointing_ms: Spread
    """Last voiced sample said to first one heard, less the endpointing."""
    beyond_detector_ms: Spread
    """The same less the detector's own lag at the words said: what the server adds."""
    clear_ms: Spread
    """First frame of speech over the agent to `clear`."""
    missed_clears: int
    unanswered: int
    cut_in: int
    failed_calls: int
    underruns: int
    underruns_over_40_ms: int
    worst_underrun_ms: float
    cpu_ms_per_call_second: float
    core_share: float
    """Of the server's core, by the server and its children."""
    others_share: float
    """Of the server's core, by everybody else: it is not quite the server's own."""
    generator_share: float
    """Of the callers' core, by the callers."""
    rss_mib: float
    """The highest in the window."""
    memory_mib_per_call: float
    """Above the idle server."""
    generator_late_ms: Spread
    late_beats: float
    """The share of the server's 20 ms beats that were more than 20 ms late, as it tells itself."""

    @property
    def usable(self) -> bool:
        """Whether the generator kept its own time and the server had its core for itself."""
        return self._on_time and self.others_share <= OTHERS

    @property
    def _on_time(self) -> bool:
        late = self.generator_late_ms.p99
        return late is not None and late <= LATE_P99_MS

    @property
    def flaw(self) -> str:
        """Why the row is not to be believed; empty if it is."""
        if not self._on_time:
            return "unusable: generator late"
        return "" if self.usable else "unusable: disturbed by others"

    @property
    def holds(self) -> bool:
        """Whether the server carried these calls."""
        return self._soon(self.beyond_endpointing_ms) and self._clean

    @property
    def holds_forgiven(self) -> bool:
        """Whether it did if it need not hear the end of speech sooner than its detector can."""
        return self._soon(self.beyond_detector_ms) and self._clean

    @property
    def _clean(self) -> bool:
        lost = self.unanswered + self.missed_clears + self.failed_calls
        return lost == 0 and self.worst_underrun_ms <= HELD_GAP_MS

    @staticmethod
    def _soon(added: Spread) -> bool:
        return added.p95 is not None and added.p95 <= HELD_P95_MS


@dataclass(frozen=True, slots=True)
class Idle:
    """The server before its first call."""

    import_s: float
    ready_s: float
    rss_mib: float


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that is printed with --json."""

    cores: str
    idle: Idle
    rows: list[Row]
    detector_lag_ms: Spread
    """By the words that are said: how late the detector hears their end by itself."""
    held: int | None
    """The most calls that the server carried, of those tried; None if none or not usable."""
    held_forgiven: int | None
    """The same with the detector's own lag forgiven."""
    budgets: list[Judged]


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    return run(_main(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("bench.latency", description=__doc__)
    parser.add_argument("--calls", type=_positive, default=10, help="calls at once (10)")
    parser.add_argument("--vad", choices=("energy", "silero"), default="energy")
    parser.add_argument(
        "--sweep",
        nargs="?",
        const=SWEEP,
        help=f"numbers of calls in turn, until one is too many ({SWEEP})",
    )
    parser.add_argument("--seconds", type=float, default=30.0, help="of steady calls (30)")
    parser.add_argument(
        "--providers",
        choices=("scripted", "loopback"),
        default="scripted",
        help="loopback: the vendors' protocols and delays; what is added to those (scripted)",
    )
    parser.add_argument(
        "--voice",
        choices=("deepgram", "elevenlabs", "openai"),
        default="elevenlabs",
        help="of the loopback vendors (elevenlabs)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of the server with loopback vendors, such as endpointing.mode=adaptive",
    )
    parser.add_argument("--seed", type=int, default=1, help="of what the callers say")
    parser.add_argument("--json", action="store_true")
    return parser


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


async def _main(options: argparse.Namespace) -> int:
    if options.providers == "loopback":
        return await _main_loopback(options)
    numbers = [options.calls]
    if options.sweep:
        numbers = [_positive(number) for number in options.sweep.split(",")]
    result = await measure(numbers, options.vad, options.seconds, options.seed)
    if options.json:
        say_json(result)
    else:
        show(result)
    return 0 if all(row.usable for row in result.rows) else 1


async def _main_loopback(options: argparse.Namespace) -> int:
    plan = cloud.Plan(
        options.calls, options.seconds, options.seed, options.voice, tuple(options.set), Delays()
    )
    result = await cloud.measure(plan)
    if options.json:
        say_json(result)
    else:
        cloud.show(result)
    return 0 if result.turns and not (result.unanswered or result.failed_calls) else 1


async def measure(numbers: Sequence[int], vad: Vad, seconds: float, seed: int) -> Result:
    """Run each number of calls against a new server, until one is too many."""
    cores = share_out()
    words = tones(seed) if vad == "energy" else speech()
    remark(f"{cores.note}; {vad}")
    lags = lags_ms(detector(vad), words)
    imported = await import_s(cores.server)
    rows: list[Row] = []
    idle: Idle | None = None
    for calls in numbers:
        tried: list[Row] = []
        while len(tried) < _ATTEMPTS and not (tried and tried[-1].usable):
            row, here = await _run(_Plan(calls, vad, seconds, seed, words, lags), cores, imported)
            idle = idle or here
            remark(_line(row))
            tried.append(row)
        row = min(tried, key=lambda row: (not row.usable, row.others_share))
        rows.append(row)
        if row.usable and not row.holds_forgiven:
            break
    assert idle is not None  # There is at least one number.
    held = max((row.calls for row in rows if row.usable and row.holds), default=None)
    forgiven = max((row.calls for row in rows if row.usable and row.holds_forgiven), default=None)
    figures: dict[str, float | None] = {}
    if len(numbers) > 1:
        figures = {CALLS: held, CALLS_FORGIVEN: forgiven}
    verdicts = _judged(rows, vad, figures, idle)
    return Result(cores.note, idle, rows, spread(lags), held, forgiven, verdicts)


@dataclass(frozen=True, slots=True)
class _Plan:
    """One run to come."""

    calls: int
    vad: Vad
    seconds: float
    seed: int
    words: Sequence[bytes]
    lags_ms: Sequence[float]
    """Of each of the words."""


async def _run(plan: _Plan, cores: Cores, imported: float) -> tuple[Row, Idle]:
    settings = (f"vad={plan.vad}", f"server.max_calls={plan.calls + 8}")
    ramp_s = _RAMP_S if plan.calls > 1 else 0.5
    async with serving(settings, cores.server) as server:
        before = server.usage()
        idle = Idle(imported, server.ready_s, before.rss_mib)
        callers = Callers(server.media_url, plan.calls, ramp_s, plan.seconds, plan.words, plan.seed)
        with pinned(cores.callers):
            async with asyncio.TaskGroup() as tasks:
                heard = tasks.create_task(callers.hold())
                observed = tasks.create_task(_observe(server, callers, cores))
    return _row(plan, heard.result(), before, observed.result()), idle


@dataclass(frozen=True, slots=True)
class _Observed:
    """The server's process in the window."""

    begin: Usage
    end: Usage
    rss_mib: float
    core_busy_s: float
    generator_cpu_s: float
    late_beats: float


async def _observe(server: Server, callers: Callers, cores: Cores) -> _Observed:
    await callers.steady.wait()
    gauges = await server.gauges()
    begin, busy, own = server.usage(), busy_s(cores.server), time.process_time()
    highest = begin.rss_mib
    while not callers.over.is_set():
        await asyncio.sleep(0.5)
        highest = max(highest, server.usage().rss_mib)
    end, busy, own = server.usage(), busy_s(cores.server) - busy, time.process_time() - own
    after = await server.gauges()
    late = (after.late_beats - gauges.late_beats) / max(1, after.beats - gauges.beats)
    return _Observed(begin, end, highest, busy, own, late)


def _row(plan: _Plan, heard: Heard, before: Usage, seen: _Observed) -> Row:
    wall, cpu = seen.end.at_s - seen.begin.at_s, seen.end.cpu_s - seen.begin.cpu_s
    return Row(
        calls=plan.calls,
        vad=plan.vad,
        seconds=plan.seconds,
        beyond_endpointing_ms=spread([ms - ENDPOINTING_MS for _, ms in heard.first_audio_ms]),
        beyond_detector_ms=spread(
            [ms - ENDPOINTING_MS - plan.lags_ms[said] for said, ms in heard.first_audio_ms]
        ),
        clear_ms=spread(heard.clear_ms),
        missed_clears=heard.missed_clears,
        unanswered=heard.unanswered,
        cut_in=heard.cut_in,
        failed_calls=heard.failed,
        underruns=len(heard.gaps_ms),
        underruns_over_40_ms=sum(ms > HELD_GAP_MS for ms in heard.gaps_ms),
        worst_underrun_ms=max(heard.gaps_ms, default=0.0),
        cpu_ms_per_call_second=cpu / wall / plan.calls * 1000,
        core_share=cpu / wall,
        others_share=max(0.0, seen.core_busy_s - cpu) / wall,
        generator_share=seen.generator_cpu_s / wall,
        rss_mib=seen.rss_mib,
        memory_mib_per_call=(seen.rss_mib - before.rss_mib) / plan.calls,
        generator_late_ms=spread(heard.beat_late_ms),
        late_beats=seen.late_beats,
    )


def _judged(
    rows: Sequence[Row], vad: Vad, held: dict[str, float | None], idle: Idle
) -> list[Judged]:
    """The loaded figures are those of the run with `AT_CALLS`, if there was one to believe."""
    figures = held | {IMPORT: idle.import_s}
    if vad == "energy":
        figures[IDLE] = idle.rss_mib
    if row := next((row for row in rows if row.calls == AT_CALLS and row.usable), None):
        figures |= {
            FRAMEWORK_P50: row.beyond_endpointing_ms.p50,
            FRAMEWORK_P95: row.beyond_endpointing_ms.p95,
            CLEAR_P50: row.clear_ms.p50,
            CLEAR_P95: row.clear_ms.p95,
            CPU: row.cpu_ms_per_call_second,
            MEMORY: row.memory_mib_per_call,
        }
    budgets = [*IDLING, *(LOADED_EXACT if vad == "energy" else SWEPT), *LOADED]
    return judged(budgets, figures)


_HEAD = (
    "calls",
    "beyond endpointing p50 / p95 / p99 (n)",
    "beyond detector p50 / p95 / p99",
    "clear p50 / p95 (n)",
    "underruns / over 40 / worst ms",
    "unanswered / cut in / failed",
    "CPU ms",
    "core",
    "others",
    "MiB per call",
    "generator late p99 (core)",
    "holds",
)


def show(result: Result) -> None:
    """Print the tables."""
    idle = result.idle
    say(f"{result.cores}; {result.rows[0].vad} VAD, {result.rows[0].seconds:g} s each")
    say(
        f"idle: {idle.rss_mib:.0f} MiB, ready in {idle.ready_s:.2f} s, import {idle.import_s:.2f} s"
    )
    say()
    say(table(_HEAD, [_cells(row) for row in result.rows]))
    say()
    say(budget_table(result.budgets))
    say()
    lag = result.detector_lag_ms
    say("Single runs. CPU ms: for each second of a call. others: on the server's core.")
    say(f"The detector's own lag at these words: {figure(lag.p50)} to {figure(lag.worst)} ms.")


def _cells(row: Row) -> tuple[str, ...]:
    added, own, clear = row.beyond_endpointing_ms, row.beyond_detector_ms, row.clear_ms
    late = row.generator_late_ms.p99
    missed = f", missed {row.missed_clears}" if row.missed_clears else ""
    return (
        str(row.calls),
        f"{figure(added.p50)} / {figure(added.p95)} / {figure(added.p99)} ({added.n})",
        f"{figure(own.p50)} / {figure(own.p95)} / {figure(own.p99)}",
        f"{figure(clear.p50)} / {figure(clear.p95)} ({clear.n}{missed})",
        f"{row.underruns} / {row.underruns_over_40_ms} / {row.worst_underrun_ms:.0f}",
        f"{row.unanswered} / {row.cut_in} / {row.failed_calls}",
        figure(row.cpu_ms_per_call_second, 1),
        f"{row.core_share:.0%}",
        f"{row.others_share:.0%}",
        figure(row.memory_mib_per_call, 2),
        f"{figure(late, 1)} ({row.generator_share:.0%})",
        row.flaw or _held(row),
    )


def _held(row: Row) -> str:
    return "yes" if row.holds else "lag forgiven" if row.holds_forgiven else "no"


def _line(row: Row) -> str:
    return "; ".join(f"{head}: {cell}" for head, cell in zip(_HEAD, _cells(row), strict=True))


if __name__ == "__main__":
    raise SystemExit(main())
