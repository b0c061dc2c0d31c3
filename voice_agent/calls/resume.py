"""An earlier part of a conversation, read back from its records."""

from collections.abc import Sequence
from typing import Literal, cast

from pydantic import JsonValue

from voice_pipelines.conversation.commands import Message as Told

from .plan import Past
from .records import Action, Conversation, Conversations, Message

_PAGE = 1000


async def past(
    conversations: Conversations, conversation: Conversation
) -> tuple[Past, Sequence[Message]]:
    """What was said and done in `conversation`, as it was heard; and the messages' records.

    Raises StorageUnavailable.
    """
    messages = await _messages(conversations, conversation.id)
    actions = await _actions(conversations, conversation.id)
    before = Past(
        messages=tuple(_told(each) for each in messages if each.text and not each.withdrawn),
        state=cast(dict[str, JsonValue], dict(conversation.state)),
        next_message=messages[-1].number + 1 if messages else 0,
        last_action=actions[-1].number if actions else 0,
    )
    return before, messages


def _told(message: Message) -> Told:
    role: Literal["assistant", "user"] = "assistant" if message.speaker == "agent" else "user"
    return Told(role, message.text)


async def _messages(conversations: Conversations, id: str) -> list[Message]:
    found: list[Message] = []
    while True:
        page = await conversations.messages(id, found[-1].number + 1 if found else 0, _PAGE)
        found += page
        if len(page) < _PAGE:
            return found


async def _actions(conversations: Conversations, id: str) -> list[Action]:
    found: list[Action] = []
    while True:
        page = await conversations.actions(id, found[-1].number + 1 if found else 0, _PAGE)
        found += page
        if len(page) < _PAGE:
            return found
