"""Conversations between two streams."""

import pytest

from voice_agent.calls import kept as kept_module
from voice_agent.calls.kept import KeptConversations
from voice_agent.calls.plan import CallPlan, Past
from voice_agent.personas.persona import Persona
from voice_pipelines.conversation.commands import Message

PAST = Past((Message("user", "Hello"),), {"name": "Ann"}, 3, 1)


def plan(id: str = "c") -> CallPlan:
    return CallPlan(conversation_id=id, persona=Persona(name="Anna"), remote="+15550100")


def test_it_goes_on_once_with_what_was_and_what_has_happened() -> None:
    kept = KeptConversations()
    kept.learn("c", "The line was busy.")  # The carrier may be quicker than the stream's end.
    kept.keep(plan(), PAST)
    kept.learn("c", "The caller is back.")
    goes_on = kept.take("c")
    assert goes_on is not None
    assert (goes_on.past, goes_on.note) == (PAST, "The line was busy. The caller is back.")
    assert goes_on.remote == "+15550100"
    assert kept.take("c") is None and len(kept) == 0


def test_the_facts_of_one_absence_are_not_told_again_in_the_next() -> None:
    kept = KeptConversations()
    kept.learn("c", "Busy.")
    kept.keep(plan(), PAST)
    again = kept.take("c")
    assert again is not None
    kept.keep(again, PAST)
    second = kept.take("c")
    assert second is not None and second.note == ""


def test_what_is_over_is_forgotten() -> None:
    kept = KeptConversations()
    kept.keep(plan(), PAST)
    known = kept.get("c")
    assert known is not None and known.remote == "+15550100"
    assert kept.forget("c") is not None
    assert kept.forget("c") is None and kept.get("c") is None


def test_not_everything_is_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_module, "_KEPT", 2)
    kept = KeptConversations()
    for id in ("a", "b", "c"):
        kept.learn(f"{id}2", "Never asked for.")
        kept.keep(plan(id), PAST)
    assert kept.get("a") is None and kept.get("b") is not None and len(kept) == 2
    assert len(kept._facts) == 2
