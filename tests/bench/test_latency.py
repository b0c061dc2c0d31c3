"""A short run against a real server: its structure, not its speed."""

from functools import partial

import msgspec
import pytest

from bench import latency
from bench.latency import measure
from bench.server import import_s


async def test_two_calls_are_answered_and_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    # Other tests are on this machine, so that no row is ever to be believed.
    monkeypatch.setattr(latency, "_ATTEMPTS", 1)
    monkeypatch.setattr(latency, "_RAMP_S", 1.0)
    monkeypatch.setattr(latency, "import_s", partial(import_s, times=1))
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
