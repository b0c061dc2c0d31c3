"""Numbers as words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_pipelines.speech_text.numbers import (
    cardinal,
    digits,
    grouped,
    number,
    ordinal,
    pairs,
    year,
)

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_VALUES = {word: n for n, word in enumerate(_ONES)} | {
    word: 10 * n for n, word in enumerate(_TENS, 2)
}
_SCALES = "thousand million billion trillion quadrillion quintillion".split()


def read_back(words: str) -> int:
    """The number that `words` name."""
    total = group = 0
    for word in words.replace("-", " ").split():
        if word == "hundred":
            group *= 100
        elif word in _SCALES:
            total += group * 1000 ** (_SCALES.index(word) + 1)
            group = 0
        else:
            group += _VALUES[word]
    return total + group


@given(st.integers(0, 10**21 - 1) | st.integers(0, 2000))
def test_the_words_of_a_number_can_be_read_back(n: int) -> None:
    assert read_back(cardinal(n)) == n


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (cardinal(1234), "one thousand two hundred thirty-four"),
        (cardinal(-5), "minus five"),
        (cardinal(10**21), " ".join(["one", *["zero"] * 21])),
        (ordinal(1), "first"),
        (ordinal(22), "twenty-second"),
        (ordinal(30), "thirtieth"),
        (ordinal(112), "one hundred twelfth"),
        (ordinal(1000), "one thousandth"),
        (year(2026), "twenty twenty-six"),
        (year(2005), "two thousand five"),
        (year(2000), "two thousand"),
        (year(1905), "nineteen oh five"),
        (year(1900), "nineteen hundred"),
        (pairs("221"), "two twenty-one"),
        (pairs("101"), "one oh one"),
        (pairs("200"), "two hundred"),
        (pairs("12"), "twelve"),
        (pairs("0042"), "zero zero four two"),
        (digits("4-8"), "four eight"),
        (grouped("483920"), "four eight three, nine two zero"),
        (number("1,234.50"), "one thousand two hundred thirty-four point five zero"),
        (number(".5"), "point five"),
        (number("007"), "zero zero seven"),
    ],
)  # fmt: skip
def test_words(said: str, words: str) -> None:
    assert said == words


@given(st.text("0123456789", min_size=1, max_size=40))
def test_no_digit_is_lost_in_groups(text: str) -> None:
    assert grouped(text).replace(",", "") == digits(text)
