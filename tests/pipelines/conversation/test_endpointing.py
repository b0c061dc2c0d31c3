"""How long a silence must last, from everything that is known at a pause."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_pipelines.conversation.endpointing import Pauses, patience
from voice_pipelines.conversation.policy import EndpointingPolicy
from voice_pipelines.conversation.words import Expectation

POLICY = EndpointingPolicy()
FIXED = EndpointingPolicy(mode="fixed", fixed_ms=444)


def wait(
    text: str,
    probability: float | None = None,
    expected: Expectation = Expectation.ANYTHING,
    pauses: tuple[int, ...] = (),
    policy: EndpointingPolicy = POLICY,
) -> int:
    known = Pauses()
    for pause in pauses:
        known.resumed_after(pause)
    return patience(policy, text, probability, expected, known)


@pytest.mark.parametrize(
    ("text", "probability", "expected_ms"),
    [
        ("a table for two", None, 600),
        ("a table for two", 0.9, 250),
        ("a table for two", 0.7, 250),
        ("a table for two", 0.15, 1200),
        ("a table for two", 0.0, 1200),
        ("a table for two", 0.425, 425),
        ("a table for", None, 1800),
        ("a table for", 0.99, 1800),
        ("", None, 600),
    ],
)
def test_words_weigh_more_than_the_model(
    text: str, probability: float | None, expected_ms: int
) -> None:
    assert wait(text, probability) == expected_ms


def test_a_number_that_is_not_whole_gets_time() -> None:
    assert wait("five five five", 0.99, Expectation.NUMBER) == 1200
    assert wait("555 123 4567", 0.99, Expectation.NUMBER) == 250
    assert wait("I don't know it", 0.99, Expectation.NUMBER) == 250


def test_slow_speakers_get_time() -> None:
    assert wait("yes", pauses=(700, 800)) == 875
    assert wait("yes", pauses=(900,)) == 600, "one may be an accident"
    assert wait("yes", pauses=(5000, 5000)) == 1800
    assert wait("yes", 0.9, pauses=(700, 800)) == 250, (
        "a clear ending is one for slow speakers, too"
    )
    assert wait("yes", pauses=(5000, 5000, *[100] * 8)) == 600, "only the last ones count"


def test_fixed_is_fixed() -> None:
    assert wait("and", 0.0, Expectation.NUMBER, (5000, 5000), FIXED) == 444


texts = st.sampled_from(["", "yes", "and", "five five", "my name is", "five " * 10])
probabilities = st.none() | st.floats(0, 1)
lengths = st.lists(st.integers(0, 10_000), max_size=12).map(tuple)


@given(texts, probabilities, st.sampled_from(Expectation), lengths)
def test_it_is_never_shorter_than_the_least_nor_longer_than_the_most(
    text: str, probability: float | None, expected: Expectation, pauses: tuple[int, ...]
) -> None:
    assert POLICY.min_ms <= wait(text, probability, expected, pauses) <= POLICY.max_ms


@given(texts, st.floats(0, 1), st.floats(0, 1), st.sampled_from(Expectation), lengths)
def test_the_surer_the_model_the_shorter(
    text: str, one: float, other: float, expected: Expectation, pauses: tuple[int, ...]
) -> None:
    unsure, sure = sorted((one, other))
    assert wait(text, sure, expected, pauses) <= wait(text, unsure, expected, pauses)
