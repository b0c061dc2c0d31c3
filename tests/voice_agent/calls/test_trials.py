"""What is tried without having been saved."""

from voice_agent.calls.trials import Trials
from voice_agent.personas.persona import Persona


def test_a_document_is_kept_until_others_need_its_room() -> None:
    trials = Trials(most=2)
    first, second = trials.keep(Persona(name="Ann")), trials.keep(Persona(name="Bob"))
    assert first != second and trials.get(first) == Persona(name="Ann")
    trials.keep(Persona(name="Cat"))
    assert trials.get(first) is None and trials.get(second) == Persona(name="Bob")
    assert trials.get("") is None


def test_a_large_document_makes_room_for_itself() -> None:
    trials = Trials(most_bytes=2_000)
    small = trials.keep(Persona(name="Ann"))
    large = trials.keep(Persona(name="Bob", prompt="x" * 3_000))
    assert trials.get(small) is None and trials.get(large) is not None, "the newest is always kept"
