"""How the providers fare, for the readiness page and the metrics."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from voice_pipelines.providers.health import Condition, HealthSnapshot


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """One provider of one stage."""

    stage: str
    health: HealthSnapshot

    def as_json(self) -> dict[str, object]:
        """For the readiness page."""
        health = self.health
        return {
            "stage": self.stage,
            "name": health.name,
            "condition": health.condition.value,
            "ok": health.ok,
            "failed": health.failed,
            "failures": dict(health.failures),
            "first_result_ms_p50": health.first_result_ms_p50,
            "first_result_ms_p95": health.first_result_ms_p95,
            "rests_ms": health.wait_ms,
        }


def resting_stages(statuses: Sequence[ProviderStatus]) -> list[str]:
    """The stages in which every provider is being left alone, so that no answer can come."""
    conditions: dict[str, list[Condition]] = {}
    for status in statuses:
        conditions.setdefault(status.stage, []).append(status.health.condition)
    return [
        stage
        for stage, found in conditions.items()
        if all(condition is Condition.OPEN for condition in found)
    ]


class ProviderCollector(Collector):
    """The same as Prometheus metrics, taken when they are asked for."""

    def __init__(self, statuses: Callable[[], Sequence[ProviderStatus]]) -> None:
        self._statuses = statuses

    def collect(self) -> Iterator[Metric]:
        """One sample of each metric for each provider."""
        who = ["stage", "provider"]
        condition = GaugeMetricFamily(
            "voice_agent_provider_condition",
            "1 for how the provider fares: ok, failing (the last request failed), open (left "
            "alone).",
            labels=[*who, "condition"],
        )
        requests = CounterMetricFamily(
            "voice_agent_provider_requests",
            "Requests to a provider, by their outcome.",
            labels=[*who, "outcome"],
        )
        results = CounterMetricFamily(
            "voice_agent_provider_first_results",
            "Answers of which the first useful part came.",
            labels=who,
        )
        waited = CounterMetricFamily(
            "voice_agent_provider_first_result_seconds",
            "Time from requests to the first useful part of their answers.",
            labels=who,
        )
        for status in self._statuses():
            health = status.health
            labels = [status.stage, health.name]
            for known in Condition:
                is_it = float(health.condition is known)
                condition.add_metric([*labels, known.value], is_it)
            requests.add_metric([*labels, "ok"], health.ok)
            requests.add_metric([*labels, "overtaken"], health.overtaken)
            for kind, count in health.failures.items():
                requests.add_metric([*labels, kind], count)
            results.add_metric(labels, health.first_results)
            waited.add_metric(labels, health.first_result_ms_total / 1000)
        yield from (condition, requests, results, waited)
