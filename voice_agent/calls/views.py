"""What consoles are shown of calls: the shapes of the live socket, see docs/console.md.

Times named ``…Ms``, and `at`, are milliseconds since the call (this part of it) began, unless they
are durations.
"""

import json
from bisect import insort
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from ..telemetry.turns import Turn
from .plan import CallPlan
from .records import Action, Message

Transport = Literal["telephone", "websocket", "webrtc"]
RecordingState = Literal["off", "on", "paused"]
LATE = 6
"""The last so many turns may still change."""
_MS = timedelta(milliseconds=1)


class View(msgspec.Struct, frozen=True, rename="camel"):
    """Something that is shown; written in JSON with the names of the console."""


class LiveCallView(View, frozen=True):
    """One live call on the board."""

    conversation_id: str
    persona_id: str
    persona_name: str
    direction: str
    remote: str
    user_id: str
    started_at: str
    """ISO 8601, UTC."""
    transport: Transport
    phase: str
    """As `voice_pipelines.conversation.machine.Phase`, or ``connecting``."""
    turns: int
    """Answers of the language model so far."""
    first_audio_ms: int | None
    """The median of them."""
    last_first_audio_ms: int | None
    interrupted: int
    recording: RecordingState
    state: Mapping[str, Any]


class SaidView(View, frozen=True):
    """One contribution."""

    message_id: str
    source: Literal["user", "ai"]
    content: str
    """Of the agent: what was heard."""
    intended: str
    """Of the agent: all that it was going to say."""
    withdrawn: bool
    interrupted: bool
    at: int


class WebhookView(View, frozen=True):
    """A webhook's request and answer, without secrets."""

    url: str
    method: str
    request: str
    status: int | None
    response: str
    took_ms: int


class ActionView(View, frozen=True):
    """Something that the agent does, or did."""

    number: int
    name: str
    kind: str
    arguments: Any
    """A JSON value; the text itself if it is none."""
    started_at: int
    finished_at: int | None
    outcome: str | None
    result: str | None
    webhook: WebhookView | None


class StageView(View, frozen=True):
    name: str
    start: int
    end: int


class TurnView(View, frozen=True):
    """One turn of the agent as a waterfall, see `telemetry.turns`."""

    number: int
    answer: bool
    """The language model wrote it; otherwise it is a fixed phrase."""
    user_text: str
    agent_text: str
    heard_text: str
    speech_began: int | None
    speech_ended: int | None
    first_audio: int | None
    first_audio_ms: int | None
    interrupted: bool
    stages: tuple[StageView, ...]


class ParticipantView(View, frozen=True):
    """Somebody in the call now."""

    id: str
    role: Literal["caller", "agent"]
    name: str


class Tally:
    """The figures of a call's turns. Turns that cannot change any more are looked at once."""

    def __init__(self) -> None:
        self._settled = 0
        self._answers = self._interrupted = 0
        self._waits: list[int] = []
        """In order."""
        self._last: int | None = None

    def of(self, turns: Sequence[Turn]) -> tuple[int, list[int], int | None, int]:
        """Answers, how long each was waited for (in order), for the last one, and interruptions.

        `turns` are the released ones, the same as before and perhaps more.
        """
        settled = max(len(turns) - LATE, self._settled)
        for turn in turns[self._settled : settled]:
            self._answers += turn.is_answer
            self._interrupted += turn.interrupted
            if turn.is_answer and (wait := turn.first_audio_ms) is not None:
                insort(self._waits, wait)
                self._last = wait
        self._settled = settled
        answers, interrupted, waits = self._answers, self._interrupted, list(self._waits)
        last = self._last
        for turn in turns[settled:]:
            answers += turn.is_answer
            interrupted += turn.interrupted
            if turn.is_answer and (wait := turn.first_audio_ms) is not None:
                insort(waits, wait)
                last = wait
        return answers, waits, last, interrupted


def live_call(
    plan: CallPlan,
    began: str,
    transport: Transport,
    phase: str,
    recording: RecordingState,
    figures: tuple[int, list[int], int | None, int],
    state: Mapping[str, Any],
) -> LiveCallView:
    """A live call; `figures` are a `Tally`'s."""
    answers, waits, last, interrupted = figures
    return LiveCallView(
        conversation_id=plan.conversation_id,
        persona_id=plan.persona_id,
        persona_name=plan.persona.name,
        direction=plan.direction,
        remote=plan.remote,
        user_id=plan.user_id,
        started_at=began,
        transport=transport,
        phase=phase,
        turns=answers,
        first_audio_ms=_median(waits),
        last_first_audio_ms=last,
        interrupted=interrupted,
        recording=recording,
        state=state,
    )


def participants(plan: CallPlan) -> tuple[ParticipantView, ...]:
    """Who is in a call of two."""
    return (
        ParticipantView("caller", "caller", plan.remote or plan.user_id),
        ParticipantView("agent", "agent", plan.persona.name),
    )


def said(message: Message, began: datetime, interrupted: bool) -> SaidView:
    """A contribution to a call that began at `began`."""
    agent = message.speaker == "agent"
    return SaidView(
        message_id=str(message.number),
        source="ai" if agent else "user",
        content=message.text,
        intended=message.intended if agent else message.text,
        withdrawn=message.withdrawn,
        interrupted=interrupted,
        at=_since(began, message.at),
    )


def action(record: Action, began: datetime) -> ActionView:
    """An action of a call that began at `began`."""
    ended = record.ended_at
    return ActionView(
        number=record.number,
        name=record.name,
        kind=record.kind or "",
        arguments=_json(record.arguments),
        started_at=_since(began, record.started_at),
        finished_at=None if ended is None else _since(began, ended),
        outcome=record.outcome,
        result=record.result,
        webhook=None if record.webhook is None else _webhook(record.webhook),
    )


def turn(measured: Turn) -> TurnView:
    """A turn, as far as it has come."""
    return TurnView(
        number=measured.number,
        answer=measured.is_answer,
        user_text=measured.user_text,
        agent_text=measured.agent_text,
        heard_text=measured.heard_text,
        speech_began=measured.speech_began,
        speech_ended=measured.speech_ended,
        first_audio=measured.first_audio,
        first_audio_ms=measured.first_audio_ms,
        interrupted=measured.interrupted,
        stages=tuple(StageView(each.name, each.start, each.end) for each in measured.stages),
    )


def _median(ordered: Sequence[int]) -> int | None:
    middle = len(ordered) // 2
    if not ordered:
        return None
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2


def _webhook(exchange: Mapping[str, Any]) -> WebhookView:
    values: dict[str, Any] = {name: exchange[name] for name in WebhookView.__struct_fields__}
    return WebhookView(**values)


def _since(began: datetime, at: datetime) -> int:
    return max(0, round((at - began) / _MS))


def _json(text: str) -> Any:
    try:
        # What Python reads beyond JSON, no browser does.
        return json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return text
