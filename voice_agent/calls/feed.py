"""What consoles are told, by topic: numbered, written down once for all of them, and bounded.

::

    publish ──► topic: number, ring of the last events ──► outbox of each watcher ──► its socket
                                                                │ full
                                                                ▼
                                            emptied; a snapshot of each topic instead

A topic exists from its first watcher until some time after its last: what nobody watches is neither
computed nor written down. A console whose connection broke goes on behind the last event that it
has seen, as long as the ring still holds the next one; otherwise it gets a snapshot. Nothing here
waits, knows a clock or touches a socket.
"""

import json
import secrets
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

RING = 512
"""Events of a topic that can be told again. A call makes some ten a second while both speak: that
is most of a minute."""
OUTBOX = 256
"""Messages that may wait for one console. One that takes none of them for so long is better off
with a snapshot."""
BYTES = 4 * 1024 * 1024
"""Characters that a ring or an outbox holds at most, whatever their number: states may be large."""
_FLEETING = 32
"""With more than so many messages waiting, a console misses levels: they are stale by then."""
TOPICS = 64
"""Of one console."""

_encode = msgspec.json.Encoder().encode


class Topic(NamedTuple):
    """What can be watched. Consoles see their own workspace only."""

    workspace: str
    name: str
    """Such as ``board`` or ``call:6564…``."""


class NoSuchTopic(LookupError):
    """The text says, in a sentence, why the topic cannot be watched."""


class Source(Protocol):
    """Who knows what the topics are about."""

    def opened(self, topic: Topic) -> None:
        """Somebody watches it; before, nobody did. Raises NoSuchTopic."""

    def snapshot(self, topic: Topic) -> Mapping[str, Any]:
        """All that there is to know of an open topic now."""

    def closed(self, topic: Topic) -> None:
        """Nobody watches it any more; it may take up to half a minute until this is told."""


class _Ring:
    """The last events of a topic, and who watches it."""

    __slots__ = ("_size", "events", "first", "last", "watchers")

    def __init__(self, begin: int) -> None:
        self.events: deque[str] = deque()
        self.first = begin
        """The number before that of the oldest event that is kept."""
        self.last = begin
        self.watchers: set[Watcher] = set()
        self._size = 0

    def add(self, event: str) -> None:
        self.last += 1
        self.events.append(event)
        self._size += len(event)
        while len(self.events) > RING or self._size > BYTES:
            self._size -= len(self.events.popleft())
            self.first += 1

    def clear(self) -> None:
        self.last += 1  # Nobody goes on from before.
        self.first = self.last
        self.events.clear()
        self._size = 0

    def after(self, number: int) -> Iterator[str] | None:
        """The events behind `number`; None if they are not all there."""
        if not self.first <= number <= self.last:
            return None
        return (self.events[at] for at in range(number - self.first, len(self.events)))


class Feed:
    """All topics of one process."""

    def __init__(self, source: Source, left: Callable[[Topic], None] | None = None) -> None:
        """`left` is told when the last watcher of a topic has gone; it calls `forget` some time
        after that. Without it topics are forgotten at once."""
        self.epoch = secrets.token_hex(8)
        """Another one after a restart: numbers of before mean nothing then."""
        self._source = source
        self._left = left or self.forget
        self._rings: dict[Topic, _Ring] = {}
        self._highest = 0
        """No number above it was ever given: a topic that is opened again begins behind it, so
        that nobody goes on across the time in which nothing was told."""

    def is_open(self, topic: Topic) -> bool:
        """Whether it is worth while to say something of the topic."""
        return topic in self._rings

    def is_watched(self, topic: Topic) -> bool:
        """Whether somebody watches it right now."""
        return (ring := self._rings.get(topic)) is not None and bool(ring.watchers)

    def named(self, name: str) -> list[Topic]:
        """The open topics of that name, of all workspaces."""
        return [topic for topic in self._rings if topic.name == name]

    def publish(self, topic: Topic, event: Mapping[str, Any]) -> None:
        """Tell everybody who watches; nothing happens if the topic is not open."""
        if (ring := self._rings.get(topic)) is None:
            return
        number = ring.last + 1
        self._highest = max(self._highest, number)
        text = _written({"type": "event", "topic": topic.name, "seq": number, "event": event})
        ring.add(text)
        for watcher in ring.watchers:
            watcher.put(topic, text)

    def publish_fleeting(self, topic: Topic, event: Mapping[str, Any]) -> None:
        """Tell whoever listens now: it has no number, and is not told again."""
        if (ring := self._rings.get(topic)) is None:
            return
        text = _written({"type": "event", "topic": topic.name, "event": event})
        for watcher in ring.watchers:
            watcher.put_fleeting(topic, text)

    def renew(self, topic: Topic) -> None:
        """What was told of the topic is not true any more: everybody gets a snapshot."""
        if (ring := self._rings.get(topic)) is None:
            return
        ring.clear()
        self._highest = max(self._highest, ring.last)
        for watcher in ring.watchers:
            watcher.renew(topic)

    def forget(self, topic: Topic) -> None:
        """Close the topic, if nobody watches it again."""
        ring = self._rings.get(topic)
        if ring is not None and not ring.watchers:
            del self._rings[topic]
            self._source.closed(topic)

    # For watchers --------------------------------------------------------------------------------

    def join(self, topic: Topic, watcher: "Watcher", after: int | None) -> Iterator[str] | None:
        """Watch. What was missed behind `after`; None if that is not known. Raises NoSuchTopic."""
        ring = self._rings.get(topic)
        if ring is None:
            self._highest += 1
            ring = self._rings[topic] = _Ring(self._highest)
            try:
                self._source.opened(topic)
            except NoSuchTopic:
                del self._rings[topic]
                raise
        ring.watchers.add(watcher)
        return None if after is None else ring.after(after)

    def leave(self, topic: Topic, watcher: "Watcher") -> None:
        if (ring := self._rings.get(topic)) is not None and watcher in ring.watchers:
            ring.watchers.discard(watcher)
            if not ring.watchers:
                self._left(topic)

    def snapshot(self, topic: Topic) -> str:
        """All of an open topic, as it is sent."""
        body = self._source.snapshot(topic)
        ring = self._rings[topic]
        return _written(
            {"type": "snapshot", "topic": topic.name, "seq": ring.last, "body": dict(body)}
        )


class Watcher:
    """One console: the topics that it watches, and what waits to be sent to it."""

    def __init__(self, feed: Feed, workspace: str, wake: Callable[[], None]) -> None:
        """`wake` is called whenever something waits; `take` gives it."""
        self._feed = feed
        self._workspace = workspace
        self._wake = wake
        self._topics: dict[str, Topic] = {}
        self._outbox: deque[str] = deque()
        self._size = 0
        self._behind: dict[Topic, None] = {}
        """Topics of which a snapshot is to be sent, as the console has missed something."""
        self._append(_written({"type": "hello", "epoch": feed.epoch}))

    def __len__(self) -> int:
        return len(self._outbox) + len(self._behind)

    def watch(self, name: str, after: int | None = None, epoch: str | None = None) -> None:
        """Begin to watch a topic: behind the event `after` of `epoch`, or with a snapshot."""
        topic = Topic(self._workspace, name)
        if name not in self._topics and len(self._topics) >= TOPICS:
            self._refuse(name, f"A console watches at most {TOPICS} topics at once.")
            return
        known = after if epoch == self._feed.epoch else None
        try:
            missed = self._feed.join(topic, self, known)
        except NoSuchTopic as refused:
            self._refuse(name, str(refused))
            return
        self._topics[name] = topic
        if missed is None:
            self._behind[topic] = None
            self._wake()
            return
        for text in missed:
            self.put(topic, text)

    def unwatch(self, name: str) -> None:
        if (topic := self._topics.pop(name, None)) is not None:
            self._behind.pop(topic, None)
            self._feed.leave(topic, self)

    def close(self) -> None:
        for name in list(self._topics):
            self.unwatch(name)

    def take(self) -> Iterator[str]:
        """What waits, in the order in which it is to be sent. Ask again while there is more."""
        while self._outbox or self._behind:
            if self._outbox:
                text = self._outbox.popleft()
                self._size -= len(text)
                yield text
                continue
            topic = next(iter(self._behind))
            # Made only now, so that it holds whatever was left out.
            text = self._feed.snapshot(topic)
            del self._behind[topic]
            yield text

    def renew(self, topic: Topic) -> None:
        """Nothing that was published before is true any more."""
        self._behind[topic] = None
        self._wake()

    def put(self, topic: Topic, text: str) -> None:
        """Something was published."""
        if topic in self._behind:
            return
        if len(self._outbox) >= OUTBOX or self._size + len(text) > BYTES:
            self._outbox.clear()
            self._size = 0
            self._behind = dict.fromkeys(self._topics.values())
        else:
            self._append(text)
        self._wake()

    def put_fleeting(self, topic: Topic, text: str) -> None:
        if topic not in self._behind and len(self._outbox) < _FLEETING:
            self._append(text)
            self._wake()

    def _append(self, text: str) -> None:
        self._outbox.append(text)
        self._size += len(text)

    def _refuse(self, name: str, message: str) -> None:
        self.put(
            Topic(self._workspace, name),
            _written({"type": "refused", "topic": name, "message": message}),
        )


def _written(message: Mapping[str, Any]) -> str:
    try:
        return _encode(message).decode()
    except UnicodeEncodeError:  # Half a surrogate pair, which a language model may have written.
        return json.dumps(msgspec.to_builtins(message))
