"""Words that are said in a way of their own."""

import pytest

from voice_pipelines.speech_text.english import normalizer

WORDS = {"Siobhan": "shi vawn", "SQL": "sequel", "bella roma": "bellah rohma", "A4": "ay four"}
ROWS = {
    "Siobhan is here.": "shi vawn is here.",
    "SIOBHAN's and siobhan": "shi vawn's and shi vawn",
    "Siobhans": "Siobhans",
    "mail siobhan@b.com or siobhan.com": "mail siobhan at b dot com or siobhan dot com",
    "SQL, SQL.": "sequel, sequel.",
    "At Bella  Roma!": "At bellah rohma!",
    "An A4 sheet": "An ay four sheet",
    "A42": "A forty-two",
}


@pytest.mark.parametrize("text", ROWS)
def test_rows(text: str) -> None:
    assert normalizer("en", WORDS)(text).text == ROWS[text]


def test_pronunciations_apply_without_a_language() -> None:
    assert normalizer("", WORDS)("Siobhan has $5").text == "shi vawn has $5"


def test_signs_in_a_word_are_no_pattern() -> None:
    say = normalizer("", {"C++": "see plus plus", " ": "x", "": "y", ".*": "z"})
    assert say("C++ and C").text == "see plus plus and C"
