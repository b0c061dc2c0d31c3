"""What is known of a provider's health."""

from voice_pipelines.errors import ProviderRefused, ProviderTimeout, ProviderUnavailable
from voice_pipelines.providers.breaker import Breaker
from voice_pipelines.providers.health import Condition, Health, HealthSnapshot


def test_nothing_has_happened_yet() -> None:
    assert Health("a", Breaker()).snapshot(0) == HealthSnapshot(
        name="a",
        condition=Condition.OK,
        ok=0,
        failed=0,
        failures={},
        overtaken=0,
        first_results=0,
        first_result_ms_total=0,
        first_result_ms_p50=None,
        first_result_ms_p95=None,
        wait_ms=0,
    )


def test_outcomes_are_counted_by_kind() -> None:
    health = Health("a", Breaker())
    health.failed(ProviderTimeout("a", "slow"))
    health.failed(ProviderTimeout("a", "slow"))
    health.failed(ProviderUnavailable("a", "down"))
    health.overtaken()
    assert health.snapshot(0).condition is Condition.FAILING
    health.succeeded()
    seen = health.snapshot(0)
    assert (seen.ok, seen.failed, seen.overtaken) == (1, 3, 1)
    assert seen.failures == {"ProviderTimeout": 2, "ProviderUnavailable": 1}
    assert seen.condition is Condition.OK


def test_it_is_open_while_its_breaker_is() -> None:
    breaker = Breaker(refused_rest_ms=100)
    health = Health("a", breaker)
    ticket = breaker.admit(0)
    assert ticket is not None
    breaker.failed(ticket, 0, ProviderRefused("a", "bad key"))
    assert health.snapshot(40).condition is Condition.OPEN
    assert health.snapshot(40).wait_ms == 60
    assert health.snapshot(100).condition is Condition.OPEN, "not before a probe has succeeded"
    probe = breaker.admit(100)
    assert probe is not None
    breaker.succeeded(probe)
    assert health.snapshot(100).condition is Condition.OK


def test_latencies_are_of_the_recent_requests() -> None:
    health = Health("a", Breaker())
    health.first_result(9_999)
    for ms in range(256):
        health.first_result(ms)
    seen = health.snapshot(0)
    assert seen.first_results == 257
    assert seen.first_result_ms_total == 9_999 + sum(range(256))
    assert (seen.first_result_ms_p50, seen.first_result_ms_p95) == (127, 243)
