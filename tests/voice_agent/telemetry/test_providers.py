"""How providers fare, as operators see it."""

from voice_agent.telemetry.metrics import Metrics
from voice_agent.telemetry.providers import ProviderStatus, resting_stages
from voice_pipelines.errors import ProviderRefused, ProviderTimeout
from voice_pipelines.providers.breaker import Breaker
from voice_pipelines.providers.health import Health


def provider(stage: str, name: str, refused: bool = False) -> ProviderStatus:
    breaker = Breaker()
    health = Health(name, breaker)
    ticket = breaker.admit(0)
    assert ticket is not None
    if refused:
        error = ProviderRefused(name, "HTTP 401")
        breaker.failed(ticket, 0, error)
        health.failed(error)
    else:
        health.first_result(120)
        health.succeeded()
    return ProviderStatus(stage, health.snapshot(10))


def test_a_stage_rests_when_all_its_providers_do() -> None:
    ill, well = provider("llm", "a", refused=True), provider("llm", "b")
    assert resting_stages([ill, well, provider("tts", "c", refused=True)]) == ["tts"]
    assert resting_stages([]) == []


def test_what_the_readiness_page_shows() -> None:
    shown = provider("llm", "a", refused=True).as_json()
    assert shown["condition"] == "open" and shown["failures"] == {"ProviderRefused": 1}
    assert 0 < int(str(shown["rests_ms"])) <= 60_000


def test_the_metrics_are_taken_when_they_are_asked_for() -> None:
    metrics = Metrics()
    assert b"provider_requests_total{" not in metrics.text()
    metrics.providers = lambda: [provider("llm", "a", refused=True), provider("tts", "b")]

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"voice_agent_provider_{name}", labels)

    llm, tts = {"stage": "llm", "provider": "a"}, {"stage": "tts", "provider": "b"}
    assert value("condition", **llm, condition="open") == 1
    assert value("condition", **llm, condition="ok") == 0
    assert value("condition", **tts, condition="ok") == 1
    assert value("requests_total", **llm, outcome="ProviderRefused") == 1
    assert value("requests_total", **tts, outcome="ok") == 1
    assert value("first_results_total", **tts) == 1
    assert value("first_result_seconds_total", **tts) == 0.12


def test_failures_of_many_kinds_are_told_apart() -> None:
    health = Health("a", Breaker())
    health.failed(ProviderTimeout("a", "late"))
    health.failed(ProviderTimeout("a", "late"))
    metrics = Metrics()
    metrics.providers = lambda: [ProviderStatus("llm", health.snapshot(0))]
    labels = {"stage": "llm", "provider": "a", "outcome": "ProviderTimeout"}
    found = metrics.registry.get_sample_value("voice_agent_provider_requests_total", labels)
    assert found == 2
