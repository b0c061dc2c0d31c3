"""The page's leg beat by beat, without a page."""

from voice_agent.transports.webrtc.leg import WebRtcLeg
from voice_agent.transports.webrtc.outbox import Outbox
from voice_codecs.browser import Flush, StateUpdated, parse_server

FRAME = 640


class Far:
    """A leg, and what comes of it."""

    def __init__(self, playout_ms: int = 60) -> None:
        self.hung_up = False
        self.heard: list[str] = []
        self.told: list[str] = []
        self.leg = WebRtcLeg(playout_ms, self._hang_up)
        self.leg.connect(self.heard.append)

    def _hang_up(self) -> None:
        self.hung_up = True


def test_audio_goes_out_by_20_ms_and_counts_as_heard_later() -> None:
    far = Far(playout_ms=60)
    far.leg.send(b"\1" * FRAME * 2 + b"\2\2")
    far.leg.mark("a")
    assert [far.leg.frame() for _ in range(2)] == [b"\1" * FRAME] * 2
    assert far.leg.frame() == b"\2\2".ljust(FRAME, b"\0")
    assert far.leg.frame() is None
    assert far.heard == []
    beats = 0
    while not far.heard:
        far.leg.frame()
        beats += 1
    assert far.heard == ["a"]
    assert beats == 3, "20 ms of its own and 60 ms of the page, of which one beat was before"


def test_without_a_sign_of_life_since_it_was_sent_nothing_was_heard() -> None:
    far = Far(playout_ms=60)
    far.leg.send(b"\1" * FRAME * 2)
    far.leg.mark("a")
    for now in range(0, 1000, 20):
        far.leg.frame(now, sign=19)
    assert far.heard == [] and far.leg.waits
    far.leg.frame(1000, sign=20)
    assert far.heard == ["a"] and not far.leg.waits, "the second frame was sent at 20"


def test_what_was_not_sent_is_taken_back() -> None:
    far = Far(playout_ms=0)
    far.leg.attach(far.told.append, 0)
    far.leg.send(b"\1" * FRAME * 5)
    far.leg.mark("a")
    far.leg.frame()
    far.leg.clear()
    assert [parse_server(text) for text in far.told] == [Flush(1)]
    assert all(far.leg.frame() is None for _ in range(10))
    far.leg.send(b"\3" * FRAME)
    far.leg.mark("b")
    assert far.leg.frame() == b"\3" * FRAME
    far.leg.frame()
    far.leg.frame()
    assert far.heard == ["b"]


def test_without_a_connection_the_oldest_audio_is_dropped() -> None:
    far = Far(playout_ms=0)
    for _ in range(200):
        far.leg.send(b"\1" * FRAME)
    far.leg.send(b"\2" * FRAME)
    far.leg.mark("a")
    frames = []
    while (frame := far.leg.frame()) is not None:
        frames.append(frame)
    assert len(frames) == 100 and frames[-1] == b"\2" * FRAME
    far.leg.frame()
    assert far.heard == ["a"]


async def test_messages_wait_for_a_connection() -> None:
    far = Far()
    far.leg.begin(16_000, [StateUpdated({"n": 0})])
    far.leg.tell(StateUpdated({"n": 1}))
    far.leg.attach(far.told.append, 0)
    far.leg.tell(StateUpdated({"n": 2}))
    far.leg.detach()
    far.leg.tell(StateUpdated({"n": 3}))
    assert far.leg.remembers(2) and not far.leg.remembers(5)
    far.leg.attach(far.told.append, 2)
    assert [parse_server(text) for text in far.told] == [
        StateUpdated({"n": n}) for n in (0, 1, 2, 2, 3)
    ]
    await far.leg.hang_up()
    assert far.hung_up


def test_the_outbox_forgets_the_oldest() -> None:
    box = Outbox(most_bytes=10)
    for text in ("aaaa", "bbbb", "cccc"):
        box.add(text)
    assert box.since(0) is None
    assert box.since(1) == ["bbbb", "cccc"]
    assert box.since(3) == []
    assert box.since(4) is None
