"""Two directions of a call on one time line."""

from hypothesis import given
from hypothesis import strategies as st

from voice_codecs.pcm import MULAW_8K, PCM16_8K
from voice_codecs.tape import Tape

A, B, C = b"\x10", b"\x20", b"\x30"
QUIET = b"\xff"


def frames(tape: Tape, byte: bytes, count: int, at: int, late: int = 0) -> int:
    """`count` frames of 20 ms that end at `at`, `at` + 20 ms …; gives the end of the last."""
    for number in range(count):
        tape.heard(byte * 160, at + number * 160 + late)
    return at + (count - 1) * 160


def test_both_directions_lie_where_they_were_heard() -> None:
    tape = Tape(MULAW_8K)
    frames(tape, A, 4, 160)
    tape.said(B * 320, 160)
    tape.said(C * 160, 200)  # Sent ahead: it plays after the former.
    left, right = tape.take(640)
    assert left == A * 640
    assert right == QUIET * 160 + B * 320 + C * 160
    assert tape.take(700) == (QUIET * 60, QUIET * 60)
    assert tape.take(700) == (b"", b"")


def test_what_is_cleared_was_never_said() -> None:
    tape = Tape(MULAW_8K)
    tape.said(B * 1000, 100)
    tape.cleared(400)
    tape.said(C * 100, 600)
    tape.cleared(5000)
    assert tape.take(800)[1] == QUIET * 100 + B * 300 + QUIET * 200 + C * 100 + QUIET * 100


def test_what_was_taken_cannot_be_cleared() -> None:
    tape = Tape(MULAW_8K)
    tape.said(B * 1000, 0)
    assert tape.take(500)[1] == B * 500
    tape.cleared(100)
    assert tape.take(600)[1] == QUIET * 100


def test_a_late_burst_is_not_a_hole() -> None:
    tape = Tape(MULAW_8K)
    frames(tape, A, 10, 160)
    for _ in range(25):  # Half a second comes at once.
        tape.heard(B * 160, 1600 + 4000)
    frames(tape, C, 10, 1600 + 4000 + 160)
    assert tape.take(7200)[0] == A * 1600 + B * 4000 + C * 1600


def test_frames_that_never_come_leave_a_hole() -> None:
    tape = Tape(MULAW_8K)
    end = frames(tape, A, 10, 160)
    end = frames(tape, B, 60, end + 160 + 2400)  # 300 ms were lost.
    end = frames(tape, C, 10, end + 160 + 16_000)  # And 2 s.
    left = tape.take(end)[0]
    assert len(left) == end
    assert left.count(QUIET) == 2400 + 16_000
    assert left.endswith(QUIET * 16_000 + C * 1600)


def test_muted_is_silence_in_both_directions() -> None:
    tape = Tape(MULAW_8K)
    frames(tape, A, 5, 160)
    tape.said(B * 1600, 0)
    tape.mute(800)
    frames(tape, A, 5, 960)
    tape.said(B * 800, 1600)
    tape.unmute()
    frames(tape, C, 5, 1760)
    tape.said(C * 100, 2400)
    left, right = tape.take(2500)
    assert left == A * 800 + QUIET * 800 + C * 800 + QUIET * 100
    assert right == B * 800 + QUIET * 1600 + C * 100


def test_it_holds_thirty_seconds_and_says_when_it_drops() -> None:
    tape = Tape(MULAW_8K)
    frames(tape, A, 1500, 160)
    assert not tape.overrun
    frames(tape, A, 1, 1501 * 160)
    assert tape.overrun
    assert len(tape.take(480_000)[0]) == 240_000 * 2
    far = Tape(MULAW_8K)
    far.said(B, 10**9)
    assert far.overrun and far.end <= 240_001


def test_sixteen_bits_are_kept_whole() -> None:
    tape = Tape(PCM16_8K)
    tape.heard(b"\x01\x02" * 160, 200)
    tape.said(b"\x03\x04" * 160, 0)
    tape.cleared(100)
    left, right = tape.take(200)
    assert left == bytes(80) + b"\x01\x02" * 160
    assert right == b"\x03\x04" * 100 + bytes(200)


STEPS = st.lists(
    st.tuples(st.sampled_from(["heard", "said", "cleared", "mute", "unmute", "take"]),
              st.integers(0, 900), st.integers(0, 400)),
    max_size=60,
)  # fmt: skip


@given(STEPS)
def test_channels_are_always_equally_long_and_whole(steps: list[tuple[str, int, int]]) -> None:
    tape, now, taken = Tape(MULAW_8K), 0, 0
    for step, wait, size in steps:
        now += wait
        match step:
            case "heard":
                tape.heard(A * size, now)
            case "said":
                tape.said(B * size, now)
            case "cleared":
                tape.cleared(now)
            case "mute":
                tape.mute(now)
            case "unmute":
                tape.unmute()
            case _:
                left, right = tape.take(now)
                assert len(left) == len(right) == max(now - taken, 0)
                taken = max(now, taken)
    left, right = tape.take(now + 10_000)
    assert len(left) == len(right) == now + 10_000 - taken
