"""The hold, packet by packet: loss, disorder, silence, and what it costs in time."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from voice_codecs.jitter import Gap, JitterHold, Packet, Piece

STEP = 960


def payload(number: int) -> bytes:
    return b"\x08" + number.to_bytes(4, "big")  # 20 ms by its first byte


class Stream:
    """Packets of 20 ms, by their numbers."""

    def __init__(self, start: int = 0, most_hold_ms: int = 120) -> None:
        self.hold = JitterHold(most_hold_ms)
        self.start = start
        self.pieces: list[Piece] = []

    def comes(self, number: int, now: int | None = None) -> list[Piece]:
        at = number * 20 if now is None else now
        pieces = self.hold.push(
            (self.start + number) & 0xFFFF,
            (self.start * 7 + number * STEP) & 0xFFFFFFFF,
            payload(number),
            at,
        )
        self.pieces += pieces
        return pieces

    @property
    def samples(self) -> int:
        return sum(each.samples if isinstance(each, Gap) else STEP for each in self.pieces)


def test_in_order_nothing_is_held() -> None:
    stream = Stream(start=65_530)
    for number in range(20):
        assert stream.comes(number) == [Packet(payload(number))]
        assert stream.hold.held == 0
    assert stream.hold.lost == 0


def test_a_lost_packet_costs_40_ms_once() -> None:
    stream = Stream()
    for number in (0, 1, 2):
        stream.comes(number)
    assert stream.comes(4) == []
    assert stream.comes(5) == [Gap(STEP, payload(4)), Packet(payload(4)), Packet(payload(5))]
    for number in range(6, 30):
        assert stream.comes(number) == [Packet(payload(number))], "the delay is gone again"
    assert stream.samples == 30 * STEP
    assert stream.hold.lost == 1


def test_neighbors_that_change_places_are_put_right() -> None:
    stream = Stream()
    for number in (0, 2, 1, 3, 5, 4):
        stream.comes(number)
    assert stream.pieces == [Packet(payload(number)) for number in range(6)]


def test_the_hold_grows_with_disorder_and_returns() -> None:
    """What comes three packets late is lost once; then it is waited for, and in calm no more."""
    stream = Stream()
    late = [0, 2, 3, 4, 1]
    for number in late:
        stream.comes(number)
    assert (stream.hold.lost, stream.hold.late, stream.hold.depth_ms) == (1, 1, 80)
    stream.pieces.clear()
    for number in late:
        stream.comes(number + 5)
    assert stream.pieces == [Packet(payload(number)) for number in range(5, 10)]
    for number in range(10, 600):
        stream.comes(number)
    assert stream.hold.depth_ms == 40


def test_the_hold_has_a_bound() -> None:
    stream = Stream(most_hold_ms=100)
    rounds = 20
    for begin in range(0, 50 * rounds, 50):
        for number in [0, *range(2, 20), 1, *range(20, 50)]:
            stream.comes(begin + number)
    assert stream.hold.depth_ms <= 100
    assert stream.hold.late == rounds


def test_silence_is_told_while_it_lasts() -> None:
    """DTX: the numbers go on, the timestamps leap; a listener hears the silence when it is."""
    hold = JitterHold()
    hold.push(1, 0, payload(0), 0)
    hold.push(2, STEP, b"\x08", 20)
    told = [hold.beat(now) for now in range(40, 420, 20)]
    silence = sum(piece.samples for pieces in told for piece in pieces if isinstance(piece, Gap))
    assert 300 <= silence // 48 <= 400
    after = hold.push(3, 21 * STEP, payload(21), 420)
    assert isinstance(after[-1], Packet)
    rest = sum(piece.samples for piece in after if isinstance(piece, Gap))
    assert silence + rest == 19 * STEP


def test_a_stall_is_bridged_for_a_second_and_loses_nothing() -> None:
    """The network stands still: no silence is heard at once, and what was held up is not lost."""
    stream = Stream()
    stream.comes(0)
    assert not any(stream.hold.beat(now) for now in range(20, 200, 20))
    told = [piece for now in range(200, 3000, 20) for piece in stream.hold.beat(now)]
    assert 900 <= sum(piece.samples for piece in told if isinstance(piece, Gap)) // 48 <= 1000
    for number in range(1, 100):
        stream.comes(number, now=3000)
    assert stream.pieces == [Packet(payload(number)) for number in range(100)]


def test_what_is_held_does_not_wait_for_ever() -> None:
    stream = Stream()
    stream.comes(0)
    stream.comes(2)
    assert stream.hold.beat(60) == []
    assert stream.hold.beat(100) == [Gap(STEP, payload(2)), Packet(payload(2))]


def test_a_long_outage_is_no_longer_than_a_second() -> None:
    stream = Stream()
    stream.comes(0)
    stream.comes(500)
    pieces = stream.comes(501)
    assert isinstance(pieces[0], Gap) and pieces[0].samples == 48_000
    assert pieces[1:] == [Packet(payload(500)), Packet(payload(501))]


def test_numbers_may_begin_anew() -> None:
    stream = Stream(start=40_000)
    stream.comes(0)
    other = Stream(start=10_000)
    other.hold = stream.hold
    for number in range(3):
        other.comes(number)
    assert [each for each in other.pieces if isinstance(each, Packet)][-1] == Packet(payload(2))


@settings(deadline=None)
@given(st.integers(), st.floats(0, 0.3), st.integers(0, 6))
def test_whatever_happens_the_order_is_right_and_no_time_is_lost(
    seed: int, loss: float, disorder: int
) -> None:
    chance = random.Random(seed)
    stream = Stream(start=65_000)
    order = sorted(range(1, 400), key=lambda number: number + chance.uniform(0, disorder))
    arrived = [number for number in (0, *order) if not number or chance.random() >= loss]
    for at, number in enumerate(arrived):
        stream.comes(number, now=at * 20)
    numbers = [
        int.from_bytes(each.payload[1:], "big")
        for each in stream.pieces
        if isinstance(each, Packet)
    ]
    assert numbers == sorted(set(numbers))
    assert stream.samples == (numbers[-1] + 1) * STEP
    assert stream.hold.held <= 6
