"""An earlier part of a conversation, read back."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from voice_agent.calls.records import (
    Action,
    Conversation,
    ConversationFilter,
    Message,
    Place,
)
from voice_agent.calls.resume import past
from voice_pipelines.conversation.commands import Message as Told

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Kept:
    """Records in memory. Satisfies `records.Conversations`."""

    def __init__(self, messages: Sequence[Message], actions: Sequence[Action] = ()) -> None:
        self._messages = messages
        self._actions = actions
        self.pages = 0

    async def list(
        self, wanted: ConversationFilter, after: Place | None = None, limit: int = 50
    ) -> Sequence[Conversation]:
        return ()

    async def get(self, id: str) -> Conversation | None:
        return None

    async def messages(self, id: str, first: int = 0, limit: int = 1000) -> Sequence[Message]:
        self.pages += 1
        return [each for each in self._messages if each.number >= first][:limit]

    async def actions(self, id: str, first: int = 0, limit: int = 1000) -> Sequence[Action]:
        return [each for each in self._actions if each.number >= first][:limit]

    async def merge_state(
        self, id: str, changes: Mapping[str, object]
    ) -> Mapping[str, object] | None:
        return None


def message(number: int, speaker: str, text: str, withdrawn: bool = False) -> Message:
    return Message(
        conversation_id="c",
        number=number,
        speaker=speaker,
        text=text,
        at=NOW,
        withdrawn=withdrawn,
    )


CONVERSATION = Conversation(id="c", created_at=NOW, state={"table": 4})


async def test_what_was_heard_comes_back_and_what_was_not_does_not() -> None:
    kept = Kept(
        [
            message(0, "agent", "Good day."),
            message(1, "caller", "hello", withdrawn=True),
            message(2, "agent", ""),
            message(3, "note", "(the caller was away)"),
            message(4, "caller", "a table"),
        ],
        [
            Action(conversation_id="c", number=number, name="book", arguments="{}", started_at=NOW)
            for number in (1, 2)
        ],
    )
    before, records = await past(kept, CONVERSATION)
    assert before.messages == (
        Told("assistant", "Good day."),
        Told("user", "(the caller was away)"),
        Told("user", "a table"),
    )
    assert before.state == {"table": 4}
    assert (before.next_message, before.last_action) == (5, 2)
    assert len(records) == 5


async def test_a_long_conversation_is_read_in_pages() -> None:
    kept = Kept([message(number, "caller", "x") for number in range(2500)])
    before, _ = await past(kept, CONVERSATION)
    assert len(before.messages) == 2500
    assert kept.pages == 3


async def test_nothing_was_said_before() -> None:
    before, _ = await past(Kept([]), CONVERSATION)
    assert (before.messages, before.next_message, before.last_action) == ((), 0, 0)
