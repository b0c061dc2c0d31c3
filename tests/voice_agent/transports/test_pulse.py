"""Signs of life, in time that only the test moves."""

from voice_agent.transports.pulse import Pulse

QUIET_MS, AGAIN_MS = 60, 100


def asked(pulse: Pulse, begin: int, end: int) -> list[int]:
    """When it asks, looked at each 20 ms."""
    return [now for now in range(begin, end, 20) if pulse.asks(now)]


def test_a_page_with_a_microphone_is_never_asked() -> None:
    pulse = Pulse(0)
    for now in range(0, 5000, 20):
        pulse.came(now)
        assert not pulse.asks(now + 19) and not pulse.gone
        assert pulse.latest == now


def test_a_page_that_answers_is_there_and_what_it_was_asked_when_counts() -> None:
    pulse = Pulse(0)
    assert asked(pulse, 0, 100) == [QUIET_MS]
    pulse.came(QUIET_MS)
    assert pulse.latest == QUIET_MS, "not when the answer came"
    assert pulse.asks(10_000) and not pulse.gone, "nobody has asked since"


def test_a_page_that_never_answers_is_gone_until_it_does() -> None:
    pulse = Pulse(0)
    assert asked(pulse, 0, 360) == [60, 60 + AGAIN_MS, 60 + 2 * AGAIN_MS]
    assert not pulse.gone
    assert pulse.asks(360) and pulse.gone
    pulse.came(700)
    assert not pulse.gone


def test_when_we_stand_still_ourselves_the_page_is_not_gone() -> None:
    pulse = Pulse(0)
    for now in (60, 900, 2000):
        assert pulse.asks(now) and not pulse.gone
    pulse.came(2001)
    assert pulse.asks(3000) and not pulse.gone


def test_a_long_way_is_no_absence() -> None:
    """Each answer takes longer than a page may be silent: only the first one is missed."""
    pulse, way = Pulse(0), 400
    answers: list[int] = []
    gone = []
    for now in range(0, 5000, 20):
        while answers and answers[0] + way <= now:
            pulse.came(answers.pop(0))
        if pulse.asks(now):
            answers.append(now)
        if pulse.gone:
            gone.append(now)
    assert gone == list(range(60 + 3 * AGAIN_MS, 60 + way, 20))


def test_an_answer_that_is_older_than_a_packet_proves_nothing_new() -> None:
    pulse = Pulse(0)
    pulse.came(500)
    assert pulse.asks(560)
    pulse.came(400)
    assert pulse.latest == 500 and asked(pulse, 580, 1000) == [660, 760, 860, 960]
    assert pulse.gone
