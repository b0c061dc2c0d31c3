"""A short run against a real server: its structure, not its speed."""

from bench.consoles import one_run
from bench.cores import share_out


async def test_calls_are_watched_while_they_are_measured() -> None:
    row = await one_run(calls=2, consoles=2, seconds=3.0, seed=1, cores=share_out())
    assert row.consoles == 2 and row.frames_per_s > 1 and row.kib_per_s > 0
    assert row.cpu_ms_per_call_second > 0
