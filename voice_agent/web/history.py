"""Tells consoles of conversations whose record has changed, once the change can be read."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict

import structlog

from ..calls.board import HISTORY, Board
from ..calls.records import Begun, Conversations, Ended, RecordingKept, Resumed, Write
from ..errors import StorageUnavailable
from .api.documents import ConversationOut

_WAITING = 1000
"""Conversations that are to be told of; of more, the oldest are not."""

log = structlog.get_logger()


class History:
    """Goes by what was written to the database: lists that are asked for agree with it."""

    def __init__(self, board: Board, conversations: Callable[[str], Conversations]) -> None:
        """`conversations` are those of a workspace."""
        self._board = board
        self._conversations = conversations
        self._changed: dict[str, None] = {}
        self._news = asyncio.Event()

    def written(self, writes: Sequence[Write]) -> None:
        """To be told what has reached the database."""
        if not self._board.feed.named(HISTORY):
            return
        for write in writes:
            if isinstance(write, Begun | Resumed | Ended | RecordingKept):
                self._changed[write.conversation_id] = None
        while len(self._changed) > _WAITING:
            del self._changed[next(iter(self._changed))]
        if self._changed:
            self._news.set()

    async def keep_telling(self) -> None:
        """Read and tell what has changed. Never returns."""
        while True:
            await self._news.wait()
            self._news.clear()
            changed, self._changed = self._changed, {}
            try:
                for id in changed:
                    await self._tell(id)
            except StorageUnavailable as problem:
                log.warning("history_not_told", reason=str(problem))

    async def _tell(self, id: str) -> None:
        feed = self._board.feed
        for topic in feed.named(HISTORY):
            if (found := await self._conversations(topic.workspace).get(id)) is not None:
                shown = ConversationOut.model_validate(asdict(found)).model_dump(mode="json")
                feed.publish(topic, {"kind": "conversation", "conversation": shown})
