"""What is kept of conversations."""

from datetime import UTC, datetime, timedelta

from voice_agent.calls.records import Begun, Conversation, new_id

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def test_ids_sort_by_time() -> None:
    ids = [new_id(NOW + timedelta(milliseconds=n)) for n in range(100)]
    assert ids == sorted(ids) and len(set(ids)) == 100 and {len(id) for id in ids} == {24}


def test_what_was_begun_names_its_conversation() -> None:
    assert Begun(Conversation(id="c", created_at=NOW)).conversation_id == "c"
