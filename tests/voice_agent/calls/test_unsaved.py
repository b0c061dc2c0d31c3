"""What is kept in memory of conversations that are not saved, and for how long."""

from voice_agent.calls.plan import CallPlan
from voice_agent.calls.unsaved import UnsavedConversations
from voice_agent.personas.persona import Persona


def plan(id: str) -> CallPlan:
    return CallPlan(conversation_id=id, persona=Persona(name="Anna"), saved=False)


def test_they_are_kept_for_a_while_and_longer_if_they_are_lost_again() -> None:
    unsaved = UnsavedConversations(patience_s=60)
    unsaved.keep(plan("a"), 0)
    unsaved.keep(plan("b"), 30)
    unsaved.keep(plan("a"), 50)
    assert unsaved.get("b", 89) is not None
    assert unsaved.get("b", 90) is None
    assert unsaved.get("a", 109) is not None and len(unsaved) == 1
    unsaved.forget("a")
    assert unsaved.get("a", 109) is None and len(unsaved) == 0


def test_of_too_many_the_oldest_is_forgotten() -> None:
    unsaved = UnsavedConversations(most=2)
    for id in "abc":
        unsaved.keep(plan(id), 0)
    assert [id for id in "abc" if unsaved.get(id, 1)] == ["b", "c"]
