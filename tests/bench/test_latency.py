"""A short run against a real server: its structure, not its speed."""

import msgspec

from bench.latency import measure


async def test_two_calls_are_answered_and_measured() -> None:
    result = await measure([2], "energy", 6.0, 1)
    (row,) = result.rows
    assert row.failed_calls == 0
    assert row.unanswered == 0
    assert row.beyond_endpointing_ms.n > 0
    assert row.beyond_endpointing_ms.p50 is not None
    assert row.cpu_ms_per_call_second > 0
    assert result.idle.rss_mib > 10
    assert result.detector_lag_ms.worst == 0
    told = msgspec.json.decode(msgspec.json.encode(result))
    assert {judged["verdict"] for judged in told["budgets"]} <= {"met", "missed", "not measured"}
