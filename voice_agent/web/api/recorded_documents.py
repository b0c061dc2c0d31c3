"""The shapes of what journals and recordings tell, see docs/api.md. Times are milliseconds since
the call began, `…Ms` durations; names are those of the console's live socket."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, JsonValue

from ...calls.views import TurnView
from ...telemetry.cost import Cost
from .documents import Given

Milliseconds = Annotated[int, Field(ge=0, le=86_400_000)]
Probability = Annotated[float, Field(ge=0, le=1)]


class JournalQuery(Given):
    part: Annotated[int, Field(ge=1, le=1000)] = 1
    """Of a conversation that was resumed: which of its calls."""


class WaveformQuery(JournalQuery):
    buckets: Annotated[int, Field(ge=10, le=4000)] = 800


class PartOut(BaseModel):
    """One call, or stream of a call, on which a conversation went on."""

    part: int
    call: str
    startedAt: str


class StageOut(BaseModel):
    name: str
    start: int
    end: int


class TurnOut(BaseModel):
    """One turn of the agent as a waterfall of overlapping stages."""

    number: int
    answer: bool
    """The language model wrote it; otherwise it is a fixed phrase."""
    userText: str
    agentText: str
    heardText: str
    speechBegan: int | None
    """The first sound of what the turn answers; null if it was written."""
    speechEnded: int | None
    """The caller's last sound."""
    firstAudio: int | None
    firstAudioMs: int | None
    interrupted: bool
    stages: list[StageOut]

    @classmethod
    def of(cls, turn: TurnView) -> "TurnOut":
        return cls(
            number=turn.number,
            answer=turn.answer,
            userText=turn.user_text,
            agentText=turn.agent_text,
            heardText=turn.heard_text,
            speechBegan=turn.speech_began,
            speechEnded=turn.speech_ended,
            firstAudio=turn.first_audio,
            firstAudioMs=turn.first_audio_ms,
            interrupted=turn.interrupted,
            stages=[StageOut(name=s.name, start=s.start, end=s.end) for s in turn.stages],
        )


class CostOut(BaseModel):
    """What a call cost by the configured prices: an estimate."""

    llm: float
    tts: float
    stt: float
    total: float
    currency: str

    @classmethod
    def of(cls, cost: Cost) -> "CostOut":
        llm, tts, stt, total = (
            round(each, 6) for each in (cost.llm, cost.tts, cost.stt, cost.total)
        )
        return cls(llm=llm, tts=tts, stt=stt, total=total, currency=cost.currency)


class TurnsOut(BaseModel):
    items: list[TurnOut]
    cost: CostOut | None
    """Null without `[prices]` in the configuration."""
    durationMs: int
    part: int
    parts: list[PartOut]


class StateAt(BaseModel):
    at: int
    state: dict[str, JsonValue]


class StatesOut(BaseModel):
    """How the state of the conversation became what it is."""

    items: list[StateAt]


class ChannelsOut(BaseModel):
    caller: list[float]
    agent: list[float]


class WaveformOut(BaseModel):
    """The largest swing of each stretch of a recording, 0 to 1."""

    durationMs: int
    channels: ChannelsOut


class EndpointingIn(Given):
    """Values that are to be other than recorded; see `[endpointing]` in the configuration."""

    mode: Literal["adaptive", "fixed"] | None = None
    fixed_ms: Milliseconds | None = None
    min_ms: Milliseconds | None = None
    typical_ms: Milliseconds | None = None
    max_ms: Milliseconds | None = None
    spelling_ms: Milliseconds | None = None
    finished_probability: Probability | None = None
    unfinished_probability: Probability | None = None
    max_turn_ms: Milliseconds | None = None
    stable_ms: Milliseconds | None = None
    keypad_ms: Milliseconds | None = None


class InterruptionIn(Given):
    """Values that are to be other than recorded; see `[interruption]` in the configuration."""

    enabled: bool | None = None
    sustained_ms: Milliseconds | None = None
    false_alarm_ms: Milliseconds | None = None
    retract_ms: Milliseconds | None = None


class WhatIfIn(Given):
    """Another policy; what is left out is as it was recorded."""

    endpointing: EndpointingIn = EndpointingIn()
    interruption: InterruptionIn = InterruptionIn()


class ChangeOut(BaseModel):
    """One turn as it was, and as it would have been."""

    turn: int
    recordedMs: int | None
    """When the agent took the floor; null if it did not."""
    replayedMs: int | None
    earlierMs: int | None
    """Negative for later."""
    cutOff: bool
    """The caller would have been interrupted."""
    text: str


class PolicyOut(BaseModel):
    """The values in force when the call was recorded."""

    endpointing: dict[str, JsonValue]
    interruption: dict[str, JsonValue]


class SliderOut(BaseModel):
    """A value that is worth trying, within bounds that make sense."""

    section: Literal["endpointing", "interruption"]
    name: str
    min: float
    max: float
    step: float


class WhatIfOut(BaseModel):
    turns: list[ChangeOut]
    policy: PolicyOut
    sliders: list[SliderOut]
