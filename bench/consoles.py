"""What consoles that watch live calls cost those calls.

The same load is run again and again, in turn without a console and with many of them, each of which
watches the board and one call. Both kinds of run keep their records in a database. What is asked
for is how much later the callers hear the first audio, and what else it takes.
"""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import aiohttp

from voice_agent.calls.records import DEFAULT_WORKSPACE
from voice_agent.storage.store import opened

from .callers import Callers, Heard
from .cores import Cores, busy_s, pinned, share_out
from .figures import Spread, spread
from .latency import ENDPOINTING_MS
from .report import figure, remark, say, say_json, table
from .running import run
from .server import Server, serving
from .utterances import tones

BUDGET = 1.05
"""First audio with consoles may come so much later, at p95, than without."""
_RAMP_S = 3.0


@dataclass(frozen=True, slots=True)
class Row:
    """One run."""

    consoles: int
    first_audio_ms: Spread
    """From the last voiced sample that a caller said to the first one heard."""
    clear_ms: Spread
    lost: int
    """Turns without an answer, interruptions without `clear`, calls that broke."""
    cpu_ms_per_call_second: float
    others_share: float
    """Of the server's core, by everybody else."""
    generator_late_p99_ms: float | None
    frames_per_s: float
    """That the consoles got, all together."""
    kib_per_s: float


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that is printed with --json."""

    cores: str
    calls: int
    rows: list[Row]
    """In the order in which they ran."""
    ratio_p50: float | None
    ratio_p95: float | None
    """Of the medians over the runs: with consoles to without."""
    extra_cpu_ms_per_call_second: float

    @property
    def holds(self) -> bool | None:
        """Whether it is within the budget; None if nothing was measured."""
        return None if self.ratio_p95 is None else self.ratio_p95 < BUDGET


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("bench.consoles", description=__doc__)
    parser.add_argument("--calls", type=int, default=25, help="calls at once (25)")
    parser.add_argument("--consoles", type=int, default=20, help="consoles (20)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of steady calls (10)")
    parser.add_argument("--pairs", type=int, default=2, help="runs without and with (2)")
    parser.add_argument("--seed", type=int, default=1, help="of what the callers say")
    parser.add_argument("--json", action="store_true")
    return run(_main(parser.parse_args(arguments)))


async def _main(options: argparse.Namespace) -> int:
    result = await measure(
        options.calls, options.consoles, options.seconds, options.pairs, options.seed
    )
    if options.json:
        say_json(result)
    else:
        show(result)
    return 0 if result.holds else 1


async def measure(calls: int, consoles: int, seconds: float, pairs: int, seed: int) -> Result:
    """Run the load `pairs` times without and with consoles; which comes first alternates."""
    cores = share_out()
    remark(cores.note)
    rows: list[Row] = []
    for pair in range(pairs):
        order = (0, consoles) if pair % 2 == 0 else (consoles, 0)
        for watching in order:
            rows.append(await one_run(calls, watching, seconds, seed, cores))
            remark("; ".join(f"{h}: {c}" for h, c in zip(_HEAD, _cells(rows[-1]), strict=True)))
    without = [row for row in rows if not row.consoles]
    with_them = [row for row in rows if row.consoles]
    return Result(
        cores=cores.note,
        calls=calls,
        rows=rows,
        ratio_p50=_ratio(
            [row.first_audio_ms.p50 for row in with_them],
            [row.first_audio_ms.p50 for row in without],
        ),
        ratio_p95=_ratio(
            [row.first_audio_ms.p95 for row in with_them],
            [row.first_audio_ms.p95 for row in without],
        ),
        extra_cpu_ms_per_call_second=median(row.cpu_ms_per_call_second for row in with_them)
        - median(row.cpu_ms_per_call_second for row in without),
    )


def _ratio(these: Sequence[float | None], those: Sequence[float | None]) -> float | None:
    upper = [value for value in these if value is not None]
    lower = [value for value in those if value is not None]
    return median(upper) / median(lower) if upper and lower else None


@dataclass(slots=True)
class _Watching:
    """What the consoles got."""

    frames: int = 0
    bytes: int = 0
    calls: list[str] = field(default_factory=list)


async def one_run(calls: int, consoles: int, seconds: float, seed: int, cores: Cores) -> Row:
    """One run of the load with so many consoles."""
    with TemporaryDirectory() as folder:
        key, settings = await _kept(Path(folder), calls)
        async with serving(settings, cores.server) as server:
            ramp_s = _RAMP_S if calls > 2 else 0.5
            callers = Callers(server.media_url, calls, ramp_s, seconds, tones(seed), seed)
            seen = _Watching()
            with pinned(cores.callers):
                async with _watched(server, key, consoles, seen), asyncio.TaskGroup() as tasks:
                    heard = tasks.create_task(callers.hold())
                    cost = tasks.create_task(_observe(server, callers, cores, seen))
            return _row(calls, consoles, heard.result(), cost.result())


async def _kept(folder: Path, calls: int) -> tuple[str, tuple[str, ...]]:
    """An administrator's key, and the settings of the server that knows it."""
    url = f"sqlite:///{folder}/bench.db"
    async with opened(url) as store:
        key = (await store.keys.create("admin", DEFAULT_WORKSPACE)).text
    settings = ("vad=energy", f"server.max_calls={calls + 8}", f"storage.url={url}")
    return key, (*settings, f"journal.directory={folder}/journals")


@asynccontextmanager
async def _watched(server: Server, key: str, consoles: int, seen: _Watching) -> AsyncIterator[None]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as http:
        async with asyncio.TaskGroup() as tasks:
            watching = [
                tasks.create_task(_watch(http, server.url, number, seen))
                for number in range(consoles)
            ]
            try:
                yield
            finally:
                for task in watching:
                    task.cancel()


async def _watch(http: aiohttp.ClientSession, url: str, number: int, seen: _Watching) -> None:
    """One console: the board, and a call as soon as there is one for it."""
    async with http.ws_connect(f"{url}/console/live", max_msg_size=0) as socket:
        await socket.send_str('{"type": "watch", "topic": "board"}')
        mine = ""
        async for message in socket:
            seen.frames += 1
            seen.bytes += len(message.data)
            if not mine:
                mine = _call_for(number, message.data, seen)
                if mine:
                    await socket.send_str(json.dumps({"type": "watch", "topic": f"call:{mine}"}))


def _call_for(number: int, data: str, seen: _Watching) -> str:
    """The call that this console watches: each another one, as far as there are enough."""
    frame = json.loads(data)
    for call in frame.get("event", {}).get("calls", ()):
        if call["conversationId"] not in seen.calls:
            seen.calls.append(call["conversationId"])
    return seen.calls[number % len(seen.calls)] if len(seen.calls) > number // 2 else ""


@dataclass(frozen=True, slots=True)
class _Cost:
    wall_s: float
    cpu_s: float
    core_busy_s: float
    frames: int
    bytes: int


async def _observe(server: Server, callers: Callers, cores: Cores, seen: _Watching) -> _Cost:
    await callers.steady.wait()
    begin, busy, frames, size = server.usage(), busy_s(cores.server), seen.frames, seen.bytes
    await callers.over.wait()
    end = server.usage()
    return _Cost(
        end.at_s - begin.at_s,
        end.cpu_s - begin.cpu_s,
        busy_s(cores.server) - busy,
        seen.frames - frames,
        seen.bytes - size,
    )


def _row(calls: int, consoles: int, heard: Heard, cost: _Cost) -> Row:
    return Row(
        consoles=consoles,
        first_audio_ms=spread([ms for _, ms in heard.first_audio_ms]),
        clear_ms=spread(heard.clear_ms),
        lost=heard.unanswered + heard.missed_clears + heard.failed,
        cpu_ms_per_call_second=cost.cpu_s / cost.wall_s / calls * 1000,
        others_share=max(0.0, cost.core_busy_s - cost.cpu_s) / cost.wall_s,
        generator_late_p99_ms=spread(heard.beat_late_ms).p99,
        frames_per_s=cost.frames / cost.wall_s,
        kib_per_s=cost.bytes / cost.wall_s / 1024,
    )


_HEAD = (
    "consoles",
    "first audio p50 / p95 / p99 (n)",
    "clear p95",
    "lost",
    "CPU ms",
    "others",
    "generator late p99",
    "frames/s",
    "KiB/s",
)


def show(result: Result) -> None:
    """Print the table."""
    say(f"{result.cores}; {result.calls} calls; endpointing {ENDPOINTING_MS} ms")
    say()
    say(table(_HEAD, [_cells(row) for row in result.rows]))
    say()
    verdict = {True: "met", False: "missed", None: "not measured"}[result.holds]
    say(
        f"First audio with consoles to without: p50 {figure(result.ratio_p50, 3)}, "
        f"p95 {figure(result.ratio_p95, 3)} (budget {BUDGET}: {verdict}); "
        f"{result.extra_cpu_ms_per_call_second:+.2f} ms of processor time for each second of a call"
    )


def _cells(row: Row) -> tuple[str, ...]:
    audio = row.first_audio_ms
    return (
        str(row.consoles),
        f"{figure(audio.p50)} / {figure(audio.p95)} / {figure(audio.p99)} ({audio.n})",
        figure(row.clear_ms.p95),
        str(row.lost),
        figure(row.cpu_ms_per_call_second, 1),
        f"{row.others_share:.0%}",
        figure(row.generator_late_p99_ms, 1),
        figure(row.frames_per_s),
        figure(row.kib_per_s),
    )


if __name__ == "__main__":
    raise SystemExit(main())
