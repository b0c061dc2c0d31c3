"""Prometheus metrics, filled turn by turn. Labels never name a call: their number stays small."""

from collections.abc import Callable, Sequence
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from voice_pipelines.conversation.events import (
    Event,
    ReplyFailed,
    SpeechFailed,
    TranscriptionFailed,
)

from .cost import Cost
from .providers import ProviderCollector, ProviderStatus
from .turns import STAGES, Turn
from .usage import CallUsage

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 2, 3, 5, 10, 20)
_LAG_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class Metrics:
    """All metrics of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        gauge = partial(Gauge, registry=self.registry)
        counter = partial(Counter, registry=self.registry)
        self.live_calls = gauge("voice_agent_live_calls", "Calls now.")
        self.tasks = gauge("voice_agent_tasks", "Tasks of the event loop.")
        self._lag = Histogram(
            "voice_agent_loop_lag_seconds",
            "How late the event loop's 20 ms beat was.",
            buckets=_LAG_SECONDS,
            registry=self.registry,
        )
        self._calls = counter("voice_agent_calls", "Ended calls, by why.", ["reason"])
        self._refused = counter("voice_agent_calls_refused", "Calls not taken, by why.", ["reason"])
        self._turns = _Turns(self.registry)
        self._used = _Used(self.registry)
        self._errors = counter(
            "voice_agent_provider_errors", "Failures of providers.", ["stage", "provider"]
        )
        self._ignored = counter(
            "voice_agent_messages_ignored", "Messages of media sockets that were ignored.", ["kind"]
        )
        self._underruns = counter(
            "voice_agent_underruns",
            "Gaps inside a reply's audio of more than one frame, by the playout's own reckoning.",
        )
        self._records = gauge(
            "voice_agent_records_waiting", "Records of calls that wait for the database."
        )
        self._dropped = counter(
            "voice_agent_records_dropped",
            "Records that did not fit or could not be kept; the journals have them.",
        )
        self._database = gauge(
            "voice_agent_database_up", "1 if the database took what it was last given."
        )
        self._database.set(1)
        self.providers: Callable[[], Sequence[ProviderStatus]] = tuple
        """How the providers fare; set when there are any."""
        self.registry.register(ProviderCollector(lambda: self.providers()))

    def turn_ended(self, turn: Turn) -> None:
        """A released turn is over. One that nobody heard is a failure and counted as such."""
        if turn.first_audio is not None:
            self._turns.heard(turn)

    def failed(self, event: Event) -> None:
        """Count the failure that `event` tells, if it tells one."""
        match event:
            case TranscriptionFailed(provider=provider):
                self._errors.labels("stt", provider or "unknown").inc()
            case ReplyFailed(provider=provider):
                self._errors.labels("llm", provider or "unknown").inc()
            case SpeechFailed(provider=provider):
                self._errors.labels("tts", provider or "unknown").inc()
            case _:
                pass

    def call_ended(self, reason: str) -> None:
        self._calls.labels(reason).inc()

    def call_used(self, usage: CallUsage, cost: Cost | None) -> None:
        """What an ended call used of its providers, and what that costs if prices are known."""
        self._used.by_call(usage)
        if cost is not None:
            self._used.cost(cost)

    def call_refused(self, reason: str) -> None:
        self._refused.labels(reason).inc()

    def message_ignored(self, kind: str) -> None:
        self._ignored.labels(kind).inc()

    def underran(self, times: int) -> None:
        self._underruns.inc(times)

    def beat_was_late(self, ms: float) -> None:
        self._lag.observe(ms / 1000)

    def records_waiting(self, count: int) -> None:
        self._records.set(count)

    def record_dropped(self) -> None:
        self._dropped.inc()

    def database_up(self, up: bool) -> None:
        self._database.set(up)

    def text(self) -> bytes:
        """The exposition. Takes milliseconds: to be called off the event loop."""
        return generate_latest(self.registry)


class _Turns:
    """What the caller heard, and how soon."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._heard = Counter(
            "voice_agent_turns",
            "Replies that the caller heard or began to hear.",
            ["kind", "interrupted"],
            registry=registry,
        )
        self._first_audio = Histogram(
            "voice_agent_first_audio_seconds",
            "From the caller's last voiced audio to the first audio of the answer at the leg.",
            buckets=_SECONDS,
            registry=registry,
        )
        stage = Histogram(
            "voice_agent_stage_seconds",
            "What each stage of an answer took.",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._stages = {name: stage.labels(name) for name in STAGES}

    def heard(self, turn: Turn) -> None:
        kind = "answer" if turn.is_answer else "phrase"
        self._heard.labels(kind, str(turn.interrupted).lower()).inc()
        if not turn.is_answer:
            return
        if (first := turn.first_audio_ms) is not None:
            self._first_audio.observe(first / 1000)
        for stage in turn.stages:
            self._stages[stage.name].observe(stage.took_ms / 1000)


class _Used:
    """What calls used of their providers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        self._tokens = counter(
            "voice_agent_llm_tokens",
            "Tokens of the LLM, where its provider tells: input not cached, cached, output.",
            ["kind"],
        )
        self._characters = counter("voice_agent_tts_characters", "Characters synthesized.")
        self._listened = counter("voice_agent_stt_audio_seconds", "Audio listened to.")
        self._cost = counter(
            "voice_agent_cost",
            "Estimated cost of ended calls, by the configured prices.",
            ["stage", "currency"],
        )

    def by_call(self, usage: CallUsage) -> None:
        self._tokens.labels("input").inc(usage.input_tokens - usage.cached_tokens)
        self._tokens.labels("cached").inc(usage.cached_tokens)
        self._tokens.labels("output").inc(usage.output_tokens)
        self._characters.inc(usage.characters)
        self._listened.inc(usage.listened_ms / 1000)

    def cost(self, cost: Cost) -> None:
        for stage, amount in (("llm", cost.llm), ("tts", cost.tts), ("stt", cost.stt)):
            self._cost.labels(stage, cost.currency).inc(amount)
