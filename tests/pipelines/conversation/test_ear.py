"""What is known of one party's speech."""

import pytest

from voice_pipelines.conversation.ear import Ear
from voice_pipelines.conversation.policy import SpeculationPolicy


def talking(text: str = "") -> Ear:
    ear = Ear("a")
    ear.starts(1000)
    ear.confirms(1100)
    assert ear.takes(text, None, 1200)
    return ear


def test_words_are_taken_as_long_as_they_matter() -> None:
    ear = Ear("a")
    ear.starts(1000)
    assert not ear.takes("two", None, 1050), "it may be no speech"
    ear.confirms(1100)
    assert ear.takes("two", None, 1200)
    ear.stops(1900)
    first = ear.ask(2000)
    second = ear.ask(2010)
    assert not ear.takes("two tickets", first, 2050), "a newer question has overtaken it"
    assert ear.takes("two tickets", second, 2060)
    assert (ear.words, ear.settled, ear.asked_at) == ("two tickets", True, None)
    assert not ear.takes("two", None, 2070), "an interim that was on its way"
    assert not ear.takes("two tickets", second, 2080), "it was answered"


def test_the_same_words_otherwise_written_are_no_news() -> None:
    ear = talking("two tickets")
    assert ear.takes("Two tickets.", None, 1500)
    assert (ear.text, ear.text_changed_at) == ("Two tickets.", 1200)


def test_speech_again_takes_back_what_the_pause_has_given() -> None:
    ear = talking()
    ear.stops(1900)
    ear.takes("two", ear.ask(2000), 2050)
    ear.starts(2100)
    assert ear.settled, "it may be no speech"
    ear.confirms(2200)
    assert (ear.settled, ear.asked_at, ear.probability) == (False, None, None)


@pytest.mark.parametrize(("voiced_until", "stale"), [(1700, False), (1701, True)])
def test_words_that_came_long_before_the_end_are_stale(voiced_until: int, stale: bool) -> None:
    ear = talking("two")
    ear.stops(voiced_until)
    assert ear.stale is stale


def test_the_llm_reads_ahead_what_will_hardly_change() -> None:
    rule = SpeculationPolicy(prefill_words=2, prefills=2)
    ear = talking("I would like")
    assert ear.prefill(rule) == "", "the last two words may change, and one is not enough"
    ear.takes("I would like two tickets", None, 1300)
    assert ear.prefill(rule) == "I would like"
    ear.takes("I would like two tickets for", None, 1400)
    assert ear.prefill(rule) == "", "too little is new"
    ear.takes("I would like two tickets for the play", None, 1500)
    assert ear.prefill(rule) == "I would like two tickets for"
    ear.takes("I would like two tickets for the play on Friday, please", None, 1600)
    assert ear.prefill(rule) == "", "that was twice"
    assert talking("so many words are enough").prefill(SpeculationPolicy(prefill_words=0)) == ""
