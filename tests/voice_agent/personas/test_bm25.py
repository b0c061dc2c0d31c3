"""Matching by words."""

import numpy as np

from voice_agent.personas.bm25 import Bm25, words


def test_words_are_plain() -> None:
    assert words("Café's PRICES, boxes & the bus!") == ["cafe", "price", "boxe", "bus"]


def test_rare_words_count_more_than_common_ones() -> None:
    index = Bm25(["the price of the room", "the price of the tiramisu", "the parking of the house"])
    scores = index.scores("what is the price of a tiramisu")
    assert list(np.argsort(-scores)) == [1, 0, 2]


def test_a_document_without_any_of_the_words_has_no_score() -> None:
    index = Bm25(["dogs are welcome", ""])
    assert list(index.scores("opening hours")) == [0, 0]
    assert index.scores("dog")[0] > 0


def test_nothing_can_be_searched() -> None:
    assert len(Bm25([]).scores("anything")) == 0
    assert list(Bm25(["", ""]).scores("anything")) == [0, 0]
