"""The pace of what is sent, in time that is given."""

from collections.abc import Callable

from voice_agent.transports.webrtc.outgoing import Outgoing
from voice_codecs.opus import OpusEncoder


class Counted(OpusEncoder):
    made = 0

    def encode(self, pcm: bytes) -> bytes:
        self.made += 1
        return super().encode(pcm)


def made(encoder: OpusEncoder | None = None) -> Outgoing:
    return Outgoing(encoder or OpusEncoder(16_000, 36_000))


def places(
    outgoing: Outgoing, now: int, frame: Callable[[], bytes | None] = lambda: None
) -> list[int]:
    return [at // 960 for at, _ in outgoing.packets(now, frame)]


def test_a_packet_each_20_ms_and_silence_is_made_once() -> None:
    encoder = Counted(16_000, 36_000)
    frames = iter([b"\1\0" * 320, *[None] * 20])
    outgoing = made(encoder)
    sent = [places(outgoing, 1000 + 20 * n, lambda: next(frames)) for n in range(21)]
    assert sent == [[n] for n in range(21)]
    assert encoder.made == 4


def test_a_beat_that_is_a_little_early_or_late_sends_its_packet() -> None:
    outgoing = made()
    assert [places(outgoing, now) for now in (0, 17, 55, 60, 76)] == [[0], [1], [2], [3], [4]]


def test_what_a_late_beat_has_missed_is_sent_at_once() -> None:
    outgoing = made()
    assert [places(outgoing, now) for now in (0, 100, 120)] == [[0], [1, 2, 3, 4, 5], [6]]


def test_after_a_stall_packets_are_left_out() -> None:
    """What is late is not sent all at once: the page would keep it as delay."""
    outgoing = made()
    assert places(outgoing, 0) == [0]
    assert places(outgoing, 520) == [26]
    assert places(outgoing, 540) == [27]
