"""Calls as spans, described."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from voice_agent.calls.journal_file import load
from voice_agent.telemetry.cost import Cost
from voice_agent.telemetry.figures import CallFigures, figures
from voice_agent.telemetry.spans import Model, Span, call_span
from voice_agent.telemetry.turns import Turn
from voice_agent.telemetry.usage import CallUsage

JOURNALS = Path(__file__).parents[2] / "journals"
MODEL = Model("groq", "openai/gpt-oss-20b")
SECOND = 1_000_000_000
BEGAN = 1_795_341_600 * SECOND
"""2026-11-22T10:00:00Z."""


def answer() -> Turn:
    turn = Turn(2, user_text="Open?", agent_text="Yes, until ten.", heard_text="Yes,")
    turn.speech_ended, turn.asked, turn.transcribed, turn.started = 1000, 1080, 1200, 1200
    turn.first_token, turn.spoken_to, turn.first_speech, turn.written = 1350, 1400, 1460, 1480
    turn.released, turn.first_audio, turn.ended = 1500, 1501, 2000
    turn.input_tokens, turn.cached_tokens, turn.output_tokens = 800, 640, 12
    return turn


def call(*turns: Turn, started: str = "2026-11-22T10:00:00.000+00:00") -> CallFigures:
    usage = CallUsage(characters=15, listened_ms=3000)
    return CallFigures("CA1", started, 3000, "goodbye", turns, usage)


def everything(span: Span) -> Iterator[Span]:
    yield span
    for child in span.children:
        yield from everything(child)


def test_a_call_holds_turns_that_hold_stages() -> None:
    root = call_span(call(answer()), MODEL, Cost(0.1, 0.2, 0.3, "EUR"))
    assert (root.name, root.start, root.end) == ("call", BEGAN, BEGAN + 3 * SECOND)
    assert root.attributes["gen_ai.conversation.id"] == "CA1"
    assert root.attributes["voice_agent.end_reason"] == "goodbye"
    assert root.attributes["voice_agent.cost"] == pytest.approx(0.6)
    [turn] = root.children
    assert (turn.start, turn.end) == (BEGAN + SECOND, BEGAN + 2 * SECOND)
    assert turn.attributes["voice_agent.turn.first_audio_ms"] == 501
    assert [stage.name for stage in turn.children] == [
        "chat openai/gpt-oss-20b",
        "endpointing",
        "stt",
        "first_clause",
        "tts_first_byte",
        "sending",
        "heard",
    ]


def test_the_language_models_span_follows_the_conventions() -> None:
    [turn] = call_span(call(answer()), MODEL).children
    chat = turn.children[0]
    assert chat.client and not chat.failed
    assert (chat.start, chat.end) == (BEGAN + 1_200_000_000, BEGAN + 1_480_000_000)
    assert chat.events == {"first_token": BEGAN + 1_350_000_000}
    assert chat.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "groq",
        "gen_ai.request.model": "openai/gpt-oss-20b",
        "gen_ai.request.stream": True,
        "gen_ai.conversation.id": "CA1",
        "gen_ai.output.type": "text",
        "gen_ai.response.time_to_first_chunk": 0.15,
        "gen_ai.usage.input_tokens": 800,
        "gen_ai.usage.cache_read.input_tokens": 640,
        "gen_ai.usage.output_tokens": 12,
    }


def test_a_failed_model_is_an_error_without_its_words() -> None:
    turn = Turn(2, started=100, released=200, written=300, failed=True)
    [span] = call_span(call(turn), MODEL).children
    assert span.children[0].failed and span.children[0].attributes["error.type"] == "_OTHER"
    assert (span.start, span.end) == (BEGAN + 100_000_000, BEGAN + 300_000_000)


def test_what_was_said_is_in_it_only_if_asked_for() -> None:
    silent = repr(call_span(call(answer()), MODEL))
    assert "Open?" not in silent and "until" not in silent
    [turn] = call_span(call(answer()), MODEL, transcripts=True).children
    assert turn.attributes["voice_agent.turn.heard"] == "Yes,"
    asked = json.loads(str(turn.children[0].attributes["gen_ai.input.messages"]))
    assert asked == [{"role": "user", "parts": [{"type": "text", "content": "Open?"}]}]


@pytest.mark.parametrize("started", ["2026-11-22T10:00:00Z", "2026-11-22T10:00:00"])
def test_the_beginning_as_older_journals_have_it(started: str) -> None:
    assert call_span(call(started=started), MODEL).start == BEGAN


@pytest.mark.parametrize("name", ["normal", "barge_in", "llm_killed"])
def test_spans_of_recorded_calls_lie_within_their_parents(name: str) -> None:
    root = call_span(figures(load(JOURNALS / f"{name}.jsonl")), MODEL)
    assert len(root.children) > 2
    for span in everything(root):
        assert span.start <= span.end
        for child in span.children:
            assert span.start <= child.start and child.end <= span.end
