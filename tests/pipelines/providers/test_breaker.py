"""When a provider is left alone, and when it is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_pipelines.errors import (
    ProviderBusy,
    ProviderError,
    ProviderGarbled,
    ProviderRefused,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from voice_pipelines.providers.breaker import Breaker, State, Ticket

DOWN = ProviderUnavailable("x", "down")
ERRORS: list[ProviderError] = [
    DOWN,
    ProviderTimeout("x", "slow"),
    ProviderGarbled("x", "odd"),
    ProviderBusy("x", "later", 700),
    ProviderBusy("x", "later"),
    ProviderRefused("x", "bad key"),
]
LONGEST_MS = 8_000


def breaker(failures: int = 3) -> Breaker:
    return Breaker(
        failures=failures,
        rest_ms=1_000,
        longest_rest_ms=LONGEST_MS,
        refused_rest_ms=5_000,
        probe_ms=3_000,
    )


def admitted(it: Breaker, now: int) -> Ticket:
    ticket = it.admit(now)
    assert ticket is not None
    return ticket


def fail(it: Breaker, now: int, error: ProviderError = DOWN) -> None:
    it.failed(admitted(it, now), now, error)


def test_it_opens_after_failures_in_a_row_and_lets_one_probe_through() -> None:
    it = breaker(failures=2)
    fail(it, 0)
    it.succeeded(admitted(it, 1))
    fail(it, 2)
    assert it.state(2) is State.CLOSED
    fail(it, 3)
    assert it.state(3) is State.OPEN
    assert it.admit(1_002) is None
    assert it.wait_ms(1_002) == 1
    assert it.state(1_003) is State.HALF_OPEN
    probe = admitted(it, 1_003)
    assert [it.admit(1_003 + wait) for wait in range(10)] == [None] * 10
    it.succeeded(probe)
    assert it.state(1_013) is State.CLOSED
    assert it.wait_ms(1_013) == 0


def test_each_failed_probe_doubles_the_rest_up_to_a_limit() -> None:
    it = breaker(failures=1)
    now, rests = 0, []
    for _ in range(6):
        fail(it, now)
        rests.append(it.wait_ms(now))
        now += it.wait_ms(now)
    assert rests == [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]
    it.succeeded(admitted(it, now))
    fail(it, now)
    assert it.wait_ms(now) == 1_000


def test_a_refusal_opens_it_at_once_and_for_long() -> None:
    it = breaker()
    fail(it, 0, ProviderRefused("x", "bad key"))
    assert it.wait_ms(0) == 5_000


def test_a_request_that_is_wrong_says_nothing_of_the_provider() -> None:
    it = breaker(failures=1)
    fail(it, 0, ProviderRejected("x", "HTTP 400"))
    assert it.state(0) is State.CLOSED
    fail(it, 0)
    fail(it, it.wait_ms(0), ProviderRejected("x", "HTTP 400"))
    assert it.state(1_000) is State.HALF_OPEN
    assert it.admit(1_000) is not None, "the probe was given back"


@pytest.mark.parametrize(
    ("wait_ms", "rest_ms"), [(700, 700), (0, 1), (10**9, LONGEST_MS), (None, 0)]
)
def test_a_busy_provider_is_left_alone_as_long_as_it_asks(
    wait_ms: int | None, rest_ms: int
) -> None:
    it = breaker()
    fail(it, 0, ProviderBusy("x", "later", wait_ms))
    assert it.wait_ms(0) == rest_ms


def test_a_cancelled_probe_makes_room_for_the_next() -> None:
    it = breaker(failures=1)
    fail(it, 0)
    it.abandoned(admitted(it, 1_000))
    assert it.state(1_000) is State.HALF_OPEN
    probe = admitted(it, 1_001)
    assert it.admit(1_001) is None
    it.succeeded(probe)
    assert it.state(1_001) is State.CLOSED


def test_a_probe_that_never_ends_keeps_nobody_out_for_ever() -> None:
    it = breaker(failures=1)
    fail(it, 0)
    lost = admitted(it, 1_000)
    assert it.admit(3_999) is None
    probe = admitted(it, 4_000)
    it.succeeded(lost)
    it.failed(lost, 4_000, DOWN)
    it.abandoned(lost)
    assert it.state(4_000) is State.HALF_OPEN
    assert it.admit(4_000) is None
    it.succeeded(probe)
    assert it.state(4_000) is State.CLOSED


def test_what_began_before_it_opened_says_nothing_of_the_probe() -> None:
    it = breaker(failures=1)
    slow, slower, quick = (admitted(it, 0) for _ in range(3))
    it.failed(quick, 10, DOWN)
    it.failed(slow, 900, DOWN)
    assert it.wait_ms(10) == 1_000
    it.succeeded(slower)
    assert it.state(1_009) is State.OPEN
    assert it.state(1_010) is State.HALF_OPEN


def test_it_cannot_open_before_the_first_failure() -> None:
    with pytest.raises(ValueError, match="1 failure"):
        Breaker(failures=0)


# Laws

Step = tuple[int, str, int]
STEPS = st.lists(
    st.tuples(
        st.integers(0, 2_000),
        st.sampled_from(["admit", "succeed", "fail", "abandon"]),
        st.integers(0, 50),
    ),
    max_size=60,
)


def run(it: Breaker, steps: list[Step]) -> int:
    """Play `steps` and return the time at which they end; checks what holds at every one."""
    now = 0
    flying: list[Ticket] = []
    probe: tuple[Ticket, int] | None = None
    for wait, what, which in steps:
        now += wait
        state = it.state(now)
        if what == "admit":
            ticket = it.admit(now)
            match state:
                case State.CLOSED:
                    assert ticket is not None
                case State.OPEN:
                    assert ticket is None
                case State.HALF_OPEN:
                    given_up = probe is None or now >= probe[1] + 3_000
                    assert (ticket is not None) == given_up, "exactly one probe"
                    if ticket is not None:
                        probe = ticket, now
            if ticket is not None:
                flying.append(ticket)
        elif flying:
            ticket = flying.pop(which % len(flying))
            match what:
                case "succeed":
                    it.succeeded(ticket)
                case "fail":
                    it.failed(ticket, now, ERRORS[which % len(ERRORS)])
                case _:
                    it.abandoned(ticket)
            if probe is not None and ticket == probe[0]:
                probe = None
                if state is State.HALF_OPEN:
                    wanted = {"succeed": State.CLOSED, "fail": State.OPEN}
                    assert it.state(now) is wanted.get(what, State.HALF_OPEN)
            elif state is not State.CLOSED:
                assert it.state(now) is state, "only the probe may change its mind"
        assert (it.wait_ms(now) > 0) == (it.state(now) is State.OPEN)
    return now


@given(STEPS)
def test_whatever_happened_one_is_tried_at_a_time_and_soon_again(steps: list[Step]) -> None:
    it = breaker()
    later = run(it, steps) + LONGEST_MS + 3_000
    it.succeeded(admitted(it, later))
    assert it.state(later) is State.CLOSED


@given(STEPS)
def test_no_number_of_cancellations_opens_it(steps: list[Step]) -> None:
    it = breaker(failures=1)
    end = run(it, [(wait, "abandon" if what == "fail" else what, n) for wait, what, n in steps])
    assert it.state(end) is State.CLOSED


@given(st.integers(1, 10), st.lists(st.booleans(), max_size=40))
def test_it_opens_exactly_when_enough_fail_in_a_row(failures: int, outcomes: list[bool]) -> None:
    it = breaker(failures)
    row = 0
    for good in outcomes:
        ticket = admitted(it, 0)
        if good:
            it.succeeded(ticket)
        else:
            it.failed(ticket, 0, DOWN)
        row = 0 if good else row + 1
        assert (it.state(0) is State.OPEN) == (row == failures)
        if row == failures:
            return
