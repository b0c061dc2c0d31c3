from bench.micro import turn_events
from bench.steps import best_us
from voice_pipelines.conversation.events import LegJoined
from voice_pipelines.conversation.machine import Conversation, Phase
from voice_pipelines.conversation.policy import EndpointingPolicy, Phrases, TurnPolicy


def test_the_cost_is_for_each_unit() -> None:
    assert 0 < best_us(lambda: sum(range(1000)), 1000) < best_us(lambda: sum(range(1000)))


def test_the_events_are_a_whole_turn() -> None:
    conversation = Conversation(
        TurnPolicy(
            endpointing=EndpointingPolicy(mode="fixed", fixed_ms=200), phrases=Phrases(greeting="")
        )
    )
    conversation.handle(LegJoined("caller"), 0)
    phases = []
    for now, event in turn_events():
        conversation.handle(event, now)
        phases.append(conversation.phase)
    assert Phase.SPEAKING in phases
    assert phases[-1] is Phase.LISTENING
