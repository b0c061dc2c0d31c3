"""What the counters count."""

from voice_agent.telemetry.cost import Cost
from voice_agent.telemetry.metrics import Metrics
from voice_agent.telemetry.turns import STAGES, Turn
from voice_agent.telemetry.usage import CallUsage
from voice_pipelines.conversation.events import (
    LegLeft,
    ReplyFailed,
    SpeechFailed,
    TranscriptionFailed,
)


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(f"voice_agent_{name}", labels) or 0.0


def test_an_answer_fills_every_stage_it_has() -> None:
    metrics = Metrics()
    turn = Turn(2, speech_ended=0, asked=10, transcribed=60, started=60, released=300)
    turn.first_audio = 450
    metrics.turn_ended(turn)
    assert value(metrics, "turns_total", kind="answer", interrupted="false") == 1
    assert value(metrics, "first_audio_seconds_sum") == 0.45
    assert value(metrics, "stage_seconds_sum", stage="stt") == 0.05
    assert value(metrics, "stage_seconds_count", stage="llm_first_token") == 0


def test_the_whole_waterfall_is_measured() -> None:
    metrics = Metrics()
    turn = Turn(2, speech_ended=0, asked=10, transcribed=60, started=60, first_token=100)
    turn.spoken_to, turn.first_speech, turn.released = 110, 150, 300
    turn.first_audio, turn.ended = 320, 4320
    metrics.turn_ended(turn)
    counts = {name: value(metrics, "stage_seconds_count", stage=name) for name in STAGES}
    assert counts == dict.fromkeys(STAGES, 1)
    assert value(metrics, "stage_seconds_sum", stage="sending") == 0.02
    assert value(metrics, "stage_seconds_sum", stage="heard") == 4.0


def test_what_calls_used_and_cost() -> None:
    metrics = Metrics()
    usage = CallUsage(2, 2, 900, 600, 40, 120, 30_000)
    metrics.call_used(usage, Cost(0.5, 0.25, 0.125, "EUR"))
    metrics.call_used(usage, None)
    assert value(metrics, "llm_tokens_total", kind="input") == 600
    assert value(metrics, "llm_tokens_total", kind="cached") == 1200
    assert value(metrics, "llm_tokens_total", kind="output") == 80
    assert value(metrics, "tts_characters_total") == 240
    assert value(metrics, "stt_audio_seconds_total") == 60
    for stage, amount in (("llm", 0.5), ("tts", 0.25), ("stt", 0.125)):
        assert value(metrics, "cost_total", stage=stage, currency="EUR") == amount


def test_phrases_are_counted_apart_and_not_measured() -> None:
    metrics = Metrics()
    metrics.turn_ended(Turn(1, released=0, first_audio=5, interrupted=True))
    assert value(metrics, "turns_total", kind="phrase", interrupted="true") == 1
    assert value(metrics, "first_audio_seconds_count") == 0


def test_what_nobody_heard_is_no_turn() -> None:
    metrics = Metrics()
    metrics.turn_ended(Turn(1, started=0, released=0, speech_ended=0))
    assert b"voice_agent_turns_total{" not in metrics.text()


def test_failures_by_stage_and_provider() -> None:
    metrics = Metrics()
    metrics.failed(TranscriptionFailed("caller", "a secret", "ears"))
    metrics.failed(ReplyFailed(2, "a secret", "brain"))
    metrics.failed(SpeechFailed(2, 0, "a secret"))
    metrics.failed(LegLeft("caller"))
    for stage, provider in (("stt", "ears"), ("llm", "brain"), ("tts", "unknown")):
        assert value(metrics, "provider_errors_total", stage=stage, provider=provider) == 1
    assert b"a secret" not in metrics.text()


def test_the_rest() -> None:
    metrics = Metrics()
    metrics.beat_was_late(7.0)
    metrics.underran(2)
    metrics.call_ended("goodbye")
    metrics.call_refused("full")
    metrics.message_ignored("unknown")
    assert value(metrics, "loop_lag_seconds_sum") == 0.007
    assert value(metrics, "underruns_total") == 2
    assert value(metrics, "calls_total", reason="goodbye") == 1
    assert value(metrics, "calls_refused_total", reason="full") == 1
    assert value(metrics, "messages_ignored_total", kind="unknown") == 1
