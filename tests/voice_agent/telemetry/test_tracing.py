"""Spans on the wire: a loopback OTLP collector that decodes the real protobuf."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from structlog.testing import capture_logs

from tests.loopback import loopback
from tests.voice_agent.media import HANG_S, calling, idle, scripted
from tests.voice_agent.telemetry.test_spans import BEGAN, MODEL, SECOND, answer, call
from voice_agent.errors import ConfigurationError
from voice_agent.sections import PriceSettings, TelemetrySettings
from voice_agent.telemetry.tracing import Tracing, traces_url
from voice_agent.telemetry.turns import Turn


class Collector:
    """Takes what is posted to ``/v1/traces``; answers, unless it `hangs`."""

    def __init__(self, hangs: bool) -> None:
        self.hangs = hangs
        self.requests: list[ExportTraceServiceRequest] = []
        self.headers: list[str | None] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        read = ExportTraceServiceRequest()
        read.ParseFromString(await request.read())
        self.requests.append(read)
        self.headers.append(request.headers.get("x-key"))
        if self.hangs:
            await asyncio.Event().wait()
        return web.Response(content_type="application/x-protobuf")

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@asynccontextmanager
async def collecting(hangs: bool = False) -> AsyncIterator[Collector]:
    collector = Collector(hangs)
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    async with asyncio.timeout(HANG_S), loopback(app, shutdown_s=0.1) as collector.url:
        yield collector


def attributes(span: Span) -> dict[str, object]:
    return {
        one.key: getattr(one.value, one.value.WhichOneof("value") or "") for one in span.attributes
    }


async def test_a_call_arrives_as_one_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret")
    failed = Turn(3, started=2100, released=2100, written=2200, failed=True)
    async with collecting() as collector:
        settings = TelemetrySettings(otlp_endpoint=collector.url, service_name="reception")
        tracing = Tracing(settings, MODEL, PriceSettings(tts=1.0))
        tracing.call_ended(call(answer(), failed))
        await tracing.close()
    spans = {span.name: span for span in collector.spans if span.parent_span_id}
    [root] = [span for span in collector.spans if not span.parent_span_id]
    assert root.name == "call"
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == (BEGAN, BEGAN + 3 * SECOND)
    assert attributes(root)["voice_agent.cost"] == pytest.approx(0.015)
    assert {span.trace_id for span in collector.spans} == {root.trace_id}
    turns = {span.span_id for span in collector.spans if span.parent_span_id == root.span_id}
    assert len(turns) == 2 and spans["stt"].parent_span_id in turns
    [chat, broken] = [span for span in collector.spans if span.kind == Span.SPAN_KIND_CLIENT]
    assert chat.name == "chat openai/gpt-oss-20b"
    assert attributes(chat)["gen_ai.usage.input_tokens"] == 800
    assert chat.end_time_unix_nano == BEGAN + 1_480_000_000
    assert [event.name for event in chat.events] == ["first_token"]
    assert chat.status.code == Status.STATUS_CODE_UNSET
    assert broken.status.code == Status.STATUS_CODE_ERROR
    resource = collector.requests[0].resource_spans[0].resource
    assert ("service.name", "reception") in {
        (one.key, one.value.string_value) for one in resource.attributes
    }
    assert set(collector.headers) == {"secret"}


async def test_a_collector_that_is_gone_costs_traces_and_is_told_as_events() -> None:
    with capture_logs() as events:
        settings = TelemetrySettings(otlp_endpoint="http://127.0.0.1:9/v1/traces", timeout_ms=300)
        tracing = Tracing(settings, MODEL, PriceSettings())
        tracing.call_ended(call(answer()))
        async with asyncio.timeout(HANG_S):
            await tracing.close()
    assert events
    assert {event["event"] for event in events} <= {"tracing_problem", "traces_not_sent"}


async def test_a_collector_that_says_nothing_does_not_keep_the_server_from_ending() -> None:
    async with collecting(hangs=True) as collector:
        settings = TelemetrySettings(otlp_endpoint=collector.url, timeout_ms=200)
        tracing = Tracing(settings, MODEL, PriceSettings())
        for _ in range(200):
            tracing.call_ended(call(answer()))
        await tracing.close()
        tracing.call_ended(call(answer()))  # Too late: dropped.


async def test_calls_that_end_do_not_wait_and_do_not_pile_up() -> None:
    """While no span can be made at all, ended calls are queued, and those too many dropped."""
    settings = TelemetrySettings(otlp_endpoint="http://127.0.0.1:9", timeout_ms=100)
    with capture_logs() as events:
        tracing = Tracing(settings, MODEL, PriceSettings())
        stuck = threading.Event()
        tracing._worker.submit(stuck.wait, HANG_S)
        for _ in range(300):
            tracing.call_ended(call(answer()))
        stuck.set()
        await tracing.close()
    assert len([event for event in events if event["event"] == "trace_dropped"]) == 300 - 256


async def test_a_served_call_is_traced_without_what_was_said() -> None:
    async with (
        collecting() as collector,
        scripted(f"telemetry.otlp_endpoint={collector.url}", "llm.text=Certainly.") as server,
    ):
        async with calling(server) as socket:
            await socket.is_answered()
        await idle(server)
        await server.switchboard.close()
        # Leaving `scripted` closes the tracing, which sends; the collector outlives it.
    names = {span.name for span in collector.spans}
    assert {"call", "turn", "chat scripted", "tts_first_byte", "sending"} <= names
    assert b"Certainly." not in b"".join(one.SerializeToString() for one in collector.requests)


def test_without_the_libraries_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voice_agent.telemetry.tracing.find_spec", lambda _: None)
    settings = TelemetrySettings(otlp_endpoint="http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match=r"voice-agent\[otel\]"):
        Tracing(settings, MODEL, PriceSettings())


@pytest.mark.parametrize("endpoint", ["127.0.0.1:4318", "ftp://host/v1/traces", "http://[", "x"])
def test_an_endpoint_that_is_none_is_named(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match=r"telemetry\.otlp_endpoint"):
        traces_url(endpoint)


def test_the_usual_path_is_added_where_none_is_given() -> None:
    assert traces_url("http://host:4318/") == "http://host:4318/v1/traces"
    assert traces_url("https://host/otlp/traces") == "https://host/otlp/traces"
