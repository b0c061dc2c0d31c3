"""Sends the spans of ended calls to an OpenTelemetry collector, never on a caller's time.

The event loop only puts the figures of a call into a bounded queue. One thread makes spans of them,
the SDK's batch processor sends those from a thread of its own. A collector that is slow or gone
costs traces, never calls.
"""

import asyncio
import logging
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from threading import BoundedSemaphore, Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from ..errors import ConfigurationError
from ..sections import PriceSettings, TelemetrySettings
from .cost import estimate
from .figures import CallFigures
from .spans import Model, Span, call_span

if TYPE_CHECKING:
    from opentelemetry.context import Context

_CALLS = 256
"""Ended calls that may wait to be made spans of: a full server hanging up all at once."""
_SPANS = 16_384
"""Spans that may wait to be sent: some hundred calls."""
_LIBRARY = "opentelemetry"

log = structlog.get_logger()


class Tracing:
    """Takes ended calls until it is closed."""

    def __init__(self, settings: TelemetrySettings, model: Model, prices: PriceSettings) -> None:
        """Raises ConfigurationError if the libraries are not installed or the address is none."""
        if find_spec(_LIBRARY) is None or find_spec("opentelemetry.exporter") is None:
            raise ConfigurationError(
                "`telemetry.otlp_endpoint` is set, but OpenTelemetry is not installed; "
                "it comes with `pip install 'voice-agent[otel]'`."
            )
        # Their import takes a third of a second, and most servers do not trace.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._model = model
        self._prices = prices
        self._transcripts = settings.transcripts
        self._timeout_ms = settings.timeout_ms
        installed = version("voice-agent")
        resource = Resource.create(
            {"service.name": settings.service_name, "service.version": installed}
        )
        self._exporter = OTLPSpanExporter(
            endpoint=traces_url(settings.otlp_endpoint), timeout=settings.timeout_ms / 1000
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        batches = BatchSpanProcessor(self._exporter, max_queue_size=_SPANS)
        self._provider.add_span_processor(batches)
        self._tracer = self._provider.get_tracer("voice_agent", installed)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="spans")
        self._room = BoundedSemaphore(_CALLS)
        _tell_complaints()

    def call_ended(self, figures: CallFigures) -> None:
        """Have the spans of a call sent. Returns at once; one too many is dropped."""
        if not self._room.acquire(blocking=False):
            log.warning("trace_dropped")
            return
        try:
            self._worker.submit(self._emit, figures).add_done_callback(self._emitted)
        except RuntimeError:  # Closed: a call that took too long to end.
            log.warning("trace_dropped")

    async def close(self) -> None:
        """Send what is left, for as long as the collector may take."""
        loop = asyncio.get_running_loop()
        closed = asyncio.Event()

        def close() -> None:
            self._worker.shutdown()
            self._provider.shutdown()
            with suppress(RuntimeError):  # The event loop has ended without waiting any longer.
                loop.call_soon_threadsafe(closed.set)

        # A thread that the end of the process does not wait for.
        Thread(target=close, name="spans-close", daemon=True).start()
        try:
            await asyncio.wait_for(closed.wait(), 2 * self._timeout_ms / 1000)
        except TimeoutError:
            log.warning("traces_not_sent")
            self._worker.shutdown(wait=False, cancel_futures=True)
            # What is still queued fails at once. The library has no type for this method.
            self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def _emit(self, figures: CallFigures) -> None:
        cost = estimate(figures.usage, self._prices)
        self._write(call_span(figures, self._model, cost, self._transcripts), None)

    def _emitted(self, done: "Future[None]") -> None:
        self._room.release()
        if done.cancelled():
            return
        if (problem := done.exception()) is not None:
            log.error("trace_not_made", exc_info=problem)

    def _write(self, span: Span, parent: "Context | None") -> None:
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

        written = self._tracer.start_span(
            span.name,
            context=Context() if parent is None else parent,
            kind=SpanKind.CLIENT if span.client else SpanKind.INTERNAL,
            attributes=dict(span.attributes),
            start_time=span.start,
        )
        for name, at in span.events.items():
            written.add_event(name, timestamp=at)
        if span.failed:
            written.set_status(StatusCode.ERROR)
        inside = set_span_in_context(written, Context())
        for child in span.children:
            self._write(child, inside)
        written.end(span.end)


def traces_url(endpoint: str) -> str:
    """Where spans are posted: OTLP's usual path if none is given. Raises ConfigurationError."""
    try:
        parts = urlsplit(endpoint)
        named = bool(parts.hostname)
    except ValueError:
        named = False
    if not named or parts.scheme not in ("http", "https"):
        raise ConfigurationError(
            f"`telemetry.otlp_endpoint` is {endpoint}: it must be an address such as "
            "http://127.0.0.1:4318/v1/traces."
        )
    return endpoint if parts.path.strip("/") else f"{endpoint.rstrip('/')}/v1/traces"


class _Complaints(logging.Handler):
    """Tells what the library complains of as all else is told: as events."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            log.warning("tracing_problem", source=record.name, problem=record.getMessage())


def _tell_complaints() -> None:
    """For good: its threads may outlive what started them."""
    library = logging.getLogger(_LIBRARY)
    if not any(isinstance(handler, _Complaints) for handler in library.handlers):
        library.addHandler(_Complaints())
        library.propagate = False
