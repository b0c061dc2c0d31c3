"""Topics, their numbers, what is told again, and consoles that are too slow."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voice_agent.calls.feed import BYTES, OUTBOX, RING, TOPICS, Feed, NoSuchTopic, Topic, Watcher

BOARD = Topic("w", "board")


@dataclass
class Known:
    """What there is to know, and which topics are open."""

    body: dict[str, Any] = field(default_factory=dict)
    open: list[Topic] = field(default_factory=list)

    def opened(self, topic: Topic) -> None:
        if topic.name == "nothing":
            raise NoSuchTopic("There is nothing.")
        self.open.append(topic)

    def closed(self, topic: Topic) -> None:
        self.open.remove(topic)

    def snapshot(self, topic: Topic) -> Mapping[str, Any]:
        return self.body


@dataclass
class Console:
    """A watcher, read now and then."""

    feed: Feed
    workspace: str = "w"
    woken: int = 0

    def __post_init__(self) -> None:
        self.watcher = Watcher(self.feed, self.workspace, self.wake)
        (hello,) = self.read()
        assert hello == {"type": "hello", "epoch": self.feed.epoch}

    def wake(self) -> None:
        self.woken += 1

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.watcher.take()]

    def kinds(self) -> list[Any]:
        return [each["event"]["n"] if "event" in each else each["type"] for each in self.read()]


def told(feed: Feed, *numbers: int) -> None:
    for number in numbers:
        feed.publish(BOARD, {"n": number})


def test_a_console_gets_a_snapshot_and_then_what_happens() -> None:
    source = Known({"calls": [1]})
    feed = Feed(source)
    told(feed, 0)  # Nobody watches.
    console = Console(feed)
    console.watcher.watch("board")
    (snapshot,) = console.read()
    assert (snapshot["type"], snapshot["topic"], snapshot["body"]) == (
        *("snapshot", "board"),
        {"calls": [1]},
    )
    assert source.open == [BOARD] and console.woken == 1
    told(feed, 1, 2)
    events = console.read()
    assert [each["event"] for each in events] == [{"n": 1}, {"n": 2}]
    assert [each["seq"] - snapshot["seq"] for each in events] == [1, 2]
    console.watcher.unwatch("board")
    told(feed, 3)
    assert console.read() == [] and source.open == []


def test_what_comes_while_a_snapshot_waits_is_in_it() -> None:
    feed = Feed(Known())
    console = Console(feed)
    console.watcher.watch("board")
    told(feed, 1)
    assert console.kinds() == ["snapshot"]
    told(feed, 2)
    assert console.kinds() == [2]


def test_who_was_cut_off_goes_on_behind_the_last_event() -> None:
    left: list[Topic] = []
    feed = Feed(Known(), left.append)
    console = Console(feed)
    console.watcher.watch("board")
    seen = console.read()[0]["seq"]
    told(feed, 1, 2, 3)
    console.watcher.close()
    told(feed, 4)
    assert left == [BOARD]

    again = Console(feed)
    again.watcher.watch("board", seen + 2, feed.epoch)
    assert again.kinds() == [3, 4]
    again.watcher.watch("board", seen + 4, feed.epoch)
    assert again.kinds() == []
    for after, epoch in ((seen + 5, feed.epoch), (seen - 1, feed.epoch), (seen, "old"), (2, None)):
        again.watcher.watch("board", after, epoch)
        assert again.kinds() == ["snapshot"], (after, epoch)

    again.watcher.close()
    last = seen + 4
    feed.forget(BOARD)
    late = Console(feed)
    late.watcher.watch("board", last, feed.epoch)
    assert late.kinds() == ["snapshot"], "what was not told meanwhile is not known"


def test_a_topic_that_is_watched_again_is_not_forgotten() -> None:
    source = Known()
    feed = Feed(source, lambda _: None)
    first, second = Console(feed), Console(feed)
    first.watcher.watch("board")
    first.watcher.close()
    second.watcher.watch("board")
    feed.forget(BOARD)
    assert feed.is_open(BOARD) and feed.is_watched(BOARD) and source.open == [BOARD]


def test_only_the_last_events_are_kept() -> None:
    feed = Feed(Known(), lambda _: None)
    console = Console(feed)
    console.watcher.watch("board")
    seen = console.read()[0]["seq"]
    told(feed, *range(RING + 1))
    console.watcher.close()
    for after, first in ((seen, "snapshot"), (seen + 1, 1)):
        again = Console(feed)
        again.watcher.watch("board", after, feed.epoch)
        # So many at once are more than an outbox takes: a snapshot is shorter then.
        assert again.kinds()[0] in (first, "snapshot")
    again = Console(feed)
    again.watcher.watch("board", seen + RING, feed.epoch)
    assert again.kinds() == [RING]
    large = "x" * (BYTES // 3)
    for _ in range(4):
        feed.publish(BOARD, {"n": 0, "large": large})
    slow = Console(feed)
    slow.watcher.watch("board", seen + RING + 1, feed.epoch)
    assert slow.kinds() == ["snapshot"], "they are too large to be kept"


def test_a_slow_console_gets_a_snapshot_instead_of_ever_more() -> None:
    source = Known({"state": "new"})
    feed = Feed(source)
    slow, quick = Console(feed), Console(feed)
    for console in (slow, quick):
        console.watcher.watch("board")
        console.watcher.watch("history")
        console.read()
    for number in range(3 * OUTBOX):
        told(feed, number)
        assert quick.kinds() == [number]
        assert len(slow.watcher) <= OUTBOX
    assert slow.kinds()[:2] == ["snapshot", "snapshot"]
    told(feed, 7)
    assert slow.kinds() == [7]


def test_levels_are_not_told_again_and_make_room_for_the_rest() -> None:
    feed = Feed(Known(), lambda _: None)
    console = Console(feed)
    console.watcher.watch("board")
    seen = console.read()[0]["seq"]
    feed.publish_fleeting(BOARD, {"n": "level"})
    (event,) = console.read()
    assert "seq" not in event
    for _ in range(OUTBOX):
        feed.publish_fleeting(BOARD, {"n": "level"})
    told(feed, 1)
    kinds = console.kinds()
    assert kinds[-1] == 1 and len(kinds) < OUTBOX / 2
    console.watcher.watch("board", seen, feed.epoch)
    assert console.kinds() == [1]


def test_what_is_not_true_any_more_is_shown_anew() -> None:
    feed = Feed(Known())
    console = Console(feed)
    console.watcher.watch("board")
    seen = console.read()[0]["seq"]
    told(feed, 1)
    feed.renew(BOARD)
    told(feed, 2)
    assert console.kinds() == [1, "snapshot"]
    console.watcher.watch("board", seen + 1, feed.epoch)
    assert console.kinds() == ["snapshot"]


def test_workspaces_do_not_see_each_other() -> None:
    feed = Feed(Known())
    other = Console(feed, "other")
    other.watcher.watch("board")
    other.read()
    told(feed, 1)
    assert other.read() == []


def test_what_cannot_be_watched_is_refused_with_a_sentence() -> None:
    feed = Feed(Known())
    console = Console(feed)
    console.watcher.watch("nothing")
    assert console.read() == [
        {"type": "refused", "topic": "nothing", "message": "There is nothing."}
    ]
    assert not feed.is_open(Topic("w", "nothing"))
    for number in range(TOPICS + 1):
        console.watcher.watch(f"topic {number}")
    assert [each["type"] for each in console.read()].count("refused") == 1
    console.watcher.close()
    assert feed.named("topic 1") == []


def test_half_a_surrogate_pair_is_told_all_the_same() -> None:
    feed = Feed(Known())
    console = Console(feed)
    console.watcher.watch("board")
    console.read()
    feed.publish(BOARD, {"n": "\ud800"})
    assert console.kinds() == ["\ud800"]
