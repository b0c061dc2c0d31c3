"""The live calls of one process as consoles watch them: the topics, and when they are told.

``board``
    the calls of a workspace
``call:ID``
    one of them, with all that is said and done in it
``history``, ``personas``
    that a conversation's record or a persona has changed; what it is now, the API tells
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from .feed import Feed, NoSuchTopic, Topic, Watcher
from .watch import CallWatch

BOARD, HISTORY, PERSONAS, CALL = "board", "history", "personas", "call:"

_EVERY_S = 0.25
"""How often calls that change are told of."""
_LEVELS_S = 0.1
_LINGER_S = 30.0
"""How long a topic is kept up for a console that was cut off."""
_LONGEST_ID = 128
_NO_CALL: Mapping[str, Any] = {
    "call": None,
    "messages": (),
    "interim": "",
    "state": {},
    "actions": (),
    "turns": (),
    "participants": (),
}

log = structlog.get_logger()


class Board:
    """Told by the calls, watched by consoles. What goes wrong in it is never a call's problem."""

    def __init__(self) -> None:
        self.feed = Feed(self, self._left)
        self._calls: dict[str, CallWatch] = {}
        self._changed: list[CallWatch] = []
        self._flushing: asyncio.TimerHandle | None = None
        self._metering: asyncio.TimerHandle | None = None

    def watcher(self, workspace: str, wake: Callable[[], None]) -> Watcher:
        """A console that sees what belongs to `workspace`; close it in the end."""
        return Watcher(self.feed, workspace, wake)

    # The calls tell ------------------------------------------------------------------------------

    def began(self, call: CallWatch) -> None:
        """A call has taken a line."""
        self._calls[call.plan.conversation_id] = call
        call.listed = self.feed.is_open(_board(call))
        if self.feed.is_open(_topic(call)):
            self._watch(call)
            self.feed.renew(_topic(call))
        if call.listed or call.watched:
            self.changed(call)

    def ended(self, call: CallWatch, reason: str) -> None:
        """It is over."""
        id = call.plan.conversation_id
        if self._calls.get(id) is call:
            del self._calls[id]
        if call.watched:
            self._safely(call.look)
            self._safely(call.flush)
            self.tell(call, {"kind": "ended", "reason": reason})
            call.unwatch()
        call.disconnected()
        if id not in self._calls:
            self.feed.publish(_board(call), {"kind": "gone", "conversationId": id})

    def changed(self, call: CallWatch) -> None:
        if not call.waits:
            call.waits = True
            self._changed.append(call)
            if self._flushing is None:
                loop = asyncio.get_running_loop()
                self._flushing = loop.call_later(_EVERY_S, self._flush)

    def soon(self, call: CallWatch) -> None:
        asyncio.get_running_loop().call_soon(self._safely, call.look)

    def tell(self, call: CallWatch, event: Mapping[str, Any]) -> None:
        try:
            self.feed.publish(_topic(call), event)
        except Exception:  # A value that cannot be written, such as a number out of bounds.
            log.exception("console_not_told", kind=event.get("kind"))

    # Others tell ---------------------------------------------------------------------------------

    def persona_changed(self, workspace: str, id: str) -> None:
        """It was changed, published or deleted."""
        self.feed.publish(Topic(workspace, PERSONAS), {"kind": "persona", "id": id})

    # For the feed --------------------------------------------------------------------------------

    def opened(self, topic: Topic) -> None:
        if topic.name == BOARD:
            for call in self._calls.values():
                call.listed = call.listed or call.plan.workspace == topic.workspace
        elif topic.name.startswith(CALL) and len(topic.name) <= len(CALL) + _LONGEST_ID:
            if (found := self._call(topic)) is not None:
                self._watch(found)
        elif topic.name not in (HISTORY, PERSONAS):
            raise NoSuchTopic(
                "There is no such topic: watch board, history, personas, or call: and the id of a "
                "conversation."
            )

    def closed(self, topic: Topic) -> None:
        if topic.name == BOARD:
            for call in self._calls.values():
                call.listed = call.listed and call.plan.workspace != topic.workspace
        elif (found := self._call(topic)) is not None:
            found.unwatch()

    def snapshot(self, topic: Topic) -> Mapping[str, Any]:
        if topic.name == BOARD:
            here = [each for each in self._calls.values() if _board(each) == topic]
            return {"calls": [each.view() for each in here]}
        if topic.name.startswith(CALL):
            found = self._call(topic)
            return _NO_CALL if found is None else found.snapshot()
        return {}

    def _call(self, topic: Topic) -> CallWatch | None:
        """The live call of a topic, if the workspace is its own."""
        found = self._calls.get(topic.name.removeprefix(CALL))
        return found if found is not None and _topic(found) == topic else None

    def _left(self, topic: Topic) -> None:
        """Consoles that were cut off come back: keep the topic up for a while."""
        asyncio.get_running_loop().call_later(_LINGER_S, self.feed.forget, topic)

    # Timers --------------------------------------------------------------------------------------

    def _flush(self) -> None:
        self._flushing = None
        changed, self._changed = self._changed, []
        told: dict[Topic, list[Any]] = {}
        for call in changed:
            view = self._safely(call.flush)
            if view is not None and self._calls.get(call.plan.conversation_id) is call:
                told.setdefault(_board(call), []).append(view)
        for topic, calls in told.items():
            self._safely(lambda: self.feed.publish(topic, {"kind": "calls", "calls": calls}))  # noqa: B023  # Called at once.

    def _watch(self, call: CallWatch) -> None:
        call.watch()
        if self._metering is None:
            loop = asyncio.get_running_loop()
            self._metering = loop.call_later(_LEVELS_S, self._meter)

    def _meter(self) -> None:
        self._metering = None
        watched = [call for call in self._calls.values() if call.watched]
        for call in watched:
            topic = _topic(call)
            if self.feed.is_watched(topic) and (levels := call.levels()) is not None:
                told = {"kind": "levels", "user": levels[0], "ai": levels[1]}
                self.feed.publish_fleeting(topic, told)
        if watched:
            loop = asyncio.get_running_loop()
            self._metering = loop.call_later(_LEVELS_S, self._meter)

    def _safely(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except Exception:
            log.exception("console_not_told")
            return None


def _board(call: CallWatch) -> Topic:
    return Topic(call.plan.workspace, BOARD)


def _topic(call: CallWatch) -> Topic:
    return Topic(call.plan.workspace, CALL + call.plan.conversation_id)
