"""A call as spans, call → turn → stage: descriptions only, as a pure function of its figures.

The LLM's span follows OpenTelemetry's conventions for generative AI
(https://opentelemetry.io/docs/specs/semconv/gen-ai/), which have the status "development"; what
they do not name is called ``voice_agent.…``. Unless asked for, no span holds what anybody said.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from .cost import Cost
from .figures import CallFigures
from .turns import Turn

Value = str | int | float | bool

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Span:
    """One span that is over. Times are nanoseconds since 1970, UTC."""

    name: str
    start: int
    end: int
    attributes: Mapping[str, Value]
    children: tuple["Span", ...] = ()
    client: bool = False
    """It asked somebody else for something."""
    failed: bool = False
    events: Mapping[str, int] = field(default_factory=dict)
    """Moments in it, by name."""


@dataclass(frozen=True, slots=True)
class Model:
    """The configured language model. A fallback that stood in for it is not told apart."""

    provider: str
    """By the conventions' names, such as ``openai`` or ``groq``, where they have one."""
    name: str


def call_span(
    figures: CallFigures, model: Model, cost: Cost | None = None, transcripts: bool = False
) -> Span:
    """The span of a whole call; `transcripts` puts into it what was said."""
    began = _nanoseconds(figures.started)
    usage = figures.usage
    attributes: dict[str, Value] = {
        "gen_ai.conversation.id": figures.call,
        "voice_agent.end_reason": figures.reason or "unknown",
        "voice_agent.answers": len(figures.heard_answers),
        "voice_agent.interruptions": figures.interruptions,
        "voice_agent.tts.characters": usage.characters,
        "voice_agent.stt.audio_seconds": usage.listened_ms / 1000,
    }
    if cost is not None:
        attributes["voice_agent.cost"] = cost.total
        attributes["voice_agent.cost.currency"] = cost.currency
    of_call = _OfCall(figures.call, began, model, transcripts)
    turns = tuple(span for turn in figures.turns if (span := of_call.turn(turn)) is not None)
    end = began + figures.duration_ms * _NS_PER_MS
    return Span("call", began, end, attributes, turns)


@dataclass(frozen=True, slots=True)
class _OfCall:
    """What all spans of one call have in common."""

    call: str
    began: int
    model: Model
    transcripts: bool

    def turn(self, turn: Turn) -> Span | None:
        moments = [at for stage in turn.stages for at in (stage.start, stage.end)]
        others = (turn.started, turn.written, turn.released, turn.ended)
        moments += [at for at in others if at is not None]
        if not moments:
            return None
        attributes: dict[str, Value] = {
            "voice_agent.turn": turn.number,
            "voice_agent.turn.kind": "answer" if turn.is_answer else "phrase",
            "voice_agent.turn.interrupted": turn.interrupted,
        }
        if turn.first_audio_ms is not None:
            attributes["voice_agent.turn.first_audio_ms"] = turn.first_audio_ms
        if self.transcripts:
            attributes["voice_agent.turn.caller"] = turn.user_text
            attributes["voice_agent.turn.agent"] = turn.agent_text
            attributes["voice_agent.turn.heard"] = turn.heard_text
        start, end = min(moments), max(moments)
        children = tuple(self._stages(turn, end))
        return Span("turn", self._at(start), self._at(end), attributes, children)

    def _stages(self, turn: Turn, end: int) -> Iterator[Span]:
        if turn.started is not None:
            yield self._llm(turn, turn.started, end)
        for stage in turn.stages:
            if stage.name != "llm_first_token":  # It is the beginning of the LLM's own span.
                yield Span(stage.name, self._at(stage.start), self._at(stage.end), {})

    def _llm(self, turn: Turn, started: int, end: int) -> Span:
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self.model.provider,
            "gen_ai.request.model": self.model.name,
            "gen_ai.request.stream": True,
            "gen_ai.conversation.id": self.call,
            "gen_ai.output.type": "text",
        }
        events = {}
        if turn.first_token is not None:
            took = turn.first_token - started
            attributes["gen_ai.response.time_to_first_chunk"] = took / 1000
            events["first_token"] = self._at(turn.first_token)
        if turn.input_tokens is not None and turn.output_tokens is not None:
            attributes["gen_ai.usage.input_tokens"] = turn.input_tokens
            attributes["gen_ai.usage.cache_read.input_tokens"] = turn.cached_tokens or 0
            attributes["gen_ai.usage.output_tokens"] = turn.output_tokens
        if turn.failed:
            attributes["error.type"] = "_OTHER"  # What providers call it may say too much.
        if self.transcripts:
            attributes["gen_ai.input.messages"] = _message("user", turn.user_text)
            attributes["gen_ai.output.messages"] = _message("assistant", turn.agent_text)
        return Span(
            f"chat {self.model.name}",
            self._at(started),
            self._at(end if turn.written is None else turn.written),
            attributes,
            client=True,
            failed=turn.failed,
            events=events,
        )

    def _at(self, ms: int) -> int:
        return self.began + ms * _NS_PER_MS


def _message(role: str, text: str) -> str:
    """One message in the conventions' JSON."""
    message = {"role": role, "parts": [{"type": "text", "content": text}]}
    return msgspec.json.encode([message]).decode()


def _nanoseconds(started: str) -> int:
    moment = datetime.fromisoformat(started)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1) * _NS_PER_MS
