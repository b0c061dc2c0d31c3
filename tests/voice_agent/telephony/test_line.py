from hypothesis import given
from hypothesis import strategies as st

from voice_agent.telephony.line import CarrierBuffer, Underruns

MS = b"\x10" * 8
"""One millisecond of loud mu-law."""


def test_plays_from_the_moment_of_arrival_aligned_to_nothing() -> None:
    line = CarrierBuffer()
    line.receive(MS * 3, 1.5)
    line.receive(MS * 2, 2.0)
    assert line.pending_ms(2.0) == 4.5
    assert line.heard(8.0) == b"\xff" * 12 + MS * 5 + b"\xff" * 12


def test_a_mark_is_echoed_when_what_came_before_was_played() -> None:
    line = CarrierBuffer()
    line.receive(MS * 40, 0)
    line.mark("a", 1)
    line.receive(MS * 20, 2)
    line.mark("b", 3)
    line.mark("c", 3)
    assert line.advance(39.9) == ()
    assert line.advance(40) == ("a",)
    assert line.advance(61) == ("b", "c")
    assert line.advance(100) == ()


def test_a_mark_behind_nothing_is_echoed_at_once() -> None:
    line = CarrierBuffer()
    line.mark("empty", 5)
    assert line.advance(5) == ("empty",)
    line.receive(MS, 6)
    line.mark("late", 50)
    assert line.advance(50) == ("late",)


def test_clear_drops_the_rest_and_echoes_all_pending_marks() -> None:
    line = CarrierBuffer()
    line.receive(MS * 1000, 0)
    line.mark("one", 0)
    line.receive(MS * 1000, 0)
    line.mark("two", 0)
    assert line.clear(10) == ("one", "two")
    assert line.advance(5000) == ()
    assert line.heard(20) == MS * 10 + b"\xff" * 80


def test_a_hole_inside_a_reply_is_an_underrun() -> None:
    line = CarrierBuffer()
    line.receive(MS * 20, 0)
    line.receive(MS * 20, 25)
    line.mark("chunk", 26)
    line.receive(MS * 20, 125)
    assert line.underruns() == Underruns(count=2, over_40_ms=1, worst_ms=80)
    assert [gap.marked for gap in line.gaps] == [False, True]


def test_pauses_and_clears_are_no_underruns() -> None:
    line = CarrierBuffer()
    line.receive(MS * 20, 100)
    line.receive(MS * 20, 521)
    line.receive(MS * 20, 530)
    line.clear(545)
    line.receive(MS * 20, 600)
    line.receive(b"", 630)
    assert line.underruns() == Underruns(0, 0, 0)


def test_the_buffer_is_bounded() -> None:
    line = CarrierBuffer(limit_ms=100)
    line.receive(MS * 60, 0)
    line.receive(MS * 60, 0)
    assert (line.pending_ms(0), line.discarded) == (60, 480)
    line.receive(MS * 60, 20)
    assert line.pending_ms(20) == 100


Step = tuple[str, int, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(["audio", "audio", "mark", "clear", "advance"]),
        st.integers(0, 40),  # milliseconds since the step before
        st.integers(1, 400),  # samples of audio
    ),
    max_size=40,
)


@given(steps)
def test_every_mark_is_echoed_once_and_in_order(script: list[Step]) -> None:
    line, now = CarrierBuffer(), 0
    sent: list[str] = []
    echoed: list[str] = []
    for what, wait, size in script:
        now += wait
        match what:
            case "audio":
                line.receive(b"\x10" * size, now)
            case "mark":
                sent.append(str(len(sent)))
                line.mark(sent[-1], now)
            case "clear":
                echoed += line.advance(now)
                echoed += line.clear(now)
                assert echoed == sent
            case _:
                echoed += line.advance(now)
    echoed += line.advance(now + 60_000)
    assert echoed == sent


@given(steps)
def test_what_is_heard_is_what_came_less_what_was_cleared(script: list[Step]) -> None:
    line, now, tone = CarrierBuffer(), 0, 0
    queue: list[tuple[int, int]] = []  # (sample at which it plays, byte)
    for what, wait, size in script:
        now += wait
        if what == "audio":
            tone = tone % 100 + 1
            start = max(now * 8, queue[-1][0] + 1 if queue else 0)
            queue += [(start + i, tone) for i in range(size)]
            line.receive(bytes([tone]) * size, now)
        elif what == "clear":
            queue = [(at, byte) for at, byte in queue if at < now * 8]
            line.clear(now)
    end = now + 5000
    heard = bytearray(b"\xff" * (end * 8))
    for at, byte in queue:
        heard[at] = byte
    assert line.heard(end) == bytes(heard)
    assert bytes(heard).replace(b"\xff", b"") == bytes(byte for _, byte in queue)
