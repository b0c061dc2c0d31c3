"""From the deltas of a language model to pieces that can be spoken."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_pipelines.conversation.sentences import SentenceSplitter, speakable

TEXTS: dict[str, list[str]] = {
    "Hello. How are you?": ["Hello.", "How are you?"],
    "Yes! No? Well… Fine.": ["Yes!", "No?", "Well…", "Fine."],
    "Well... I think so.": ["Well...", "I think so."],
    'She said "Yes." Then she left.': ['She said "Yes."', "Then she left."],
    "Dr. Smith and Mrs. Jones are in. Come at 5 p.m. or later. Bye.": [
        "Dr. Smith and Mrs. Jones are in.",
        "Come at 5 p.m. or later.",
        "Bye.",
    ],
    "It costs 3.50 today. It was 4.20.": ["It costs 3.50 today.", "It was 4.20."],
    "Fruit, e.g. apples, i.e. food. Yes.": ["Fruit, e.g. apples, i.e. food.", "Yes."],
    "Some fruit (e.g. apples) is here. Yes.": ["Some fruit (e.g. apples) is here.", "Yes."],
    "J. R. Smith of the U.S. Army called. Yes.": ["J. R. Smith of the U.S. Army called.", "Yes."],
    "See www.example.com now. Yes.": ["See www.example.com now.", "Yes."],
    "Yes, we are open until nine, and on Sunday too, of course. Good, bye.": [
        "Yes, we are open until nine,",
        "and on Sunday too, of course.",
        "Good, bye.",
    ],
    "Yes, we are. It is good, very good indeed, you see.": [
        "Yes, we are.",
        "It is good, very good indeed, you see.",
    ],
    "The room is free – shall I book it?": ["The room is free –", "shall I book it?"],
    "We have:\n- Pizza\n- Pasta\n\n* Ice cream": ["We have:", "Pizza", "Pasta", "Ice cream"],
    "- - Pizza": ["Pizza"],
    "1. Pizza\n2. Pasta": ["1. Pizza", "2. Pasta"],
    "**Yes**, it is `open`. # Hours\n_Nine_ to five": ["Yes, it is open.", "Hours", "Nine to five"],
    "Great 😀! See you ❤️. 🎉🎉": ["Great !", "See you ."],
    "Our [menu](https://example.com/a.b) is here.": ["Our menu is here."],
    "That comes to $1,234.50 today, which is 3.5 km away. See www.a.com/b?c now. Yes.": [
        "That comes to $1,234.50 today,",
        "which is 3.5 km away.",
        "See www.a.com/b?c now.",
        "Yes.",
    ],
    "We open on November 22, 2026, at noon. Yes.": [
        "We open on November 22, 2026,",
        "at noon.",
        "Yes.",
    ],
    "We are open from 9 – 11, and from 2 - 5. Yes.": [
        "We are open from 9 – 11,",
        "and from 2 - 5. Yes.",
    ],
    "The table is at 5, not at 6.": ["The table is at 5,", "not at 6."],
    "We have a lot of fruit, e.g., apples.": ["We have a lot of fruit,", "e.g., apples."],
    "We have all sorts, e.g., apples, pears.": ["We have all sorts,", "e.g., apples, pears."],
    "There are some fruits e.g., apples, here.": ["There are some fruits e.g., apples,", "here."],
    "Your appt. is approx. at noon. Yes.": ["Your appt. is approx. at noon.", "Yes."],
    "Write to _john_smith@a_b.com_ or www.x.com/a_b. Yes.": [
        "Write to john_smith@a_b.com or www.x.com/a_b.",
        "Yes.",
    ],
    "See [what we have, in full. All](https://x.com/menu_(new)) of it. Yes.": [
        "See what we have, in full. All of it.",
        "Yes.",
    ],
    "We have [unclosed things. Yes, we do": ["We have [unclosed things. Yes, we do"],
    "Mail <a@b.com>, __now__, for ~5 of #4. ~~No.~~": [
        "Mail a@b.com, now, for ~5 of #4.",
        "No.",
    ],
    "- [ ] Call\n- [x] Mail": ["Call", "Mail"],
    "No ending": ["No ending"],
    "": [],
    "  \n ": [],
    "... !!! 😀": [],
    "-5 degrees. It is 20 °C.": ["-5 degrees.", "It is 20 °C."],
}


def pieces(*deltas: str) -> list[str]:
    splitter = SentenceSplitter()
    return [piece for delta in deltas for piece in splitter.push(delta)] + splitter.flush()


@pytest.mark.parametrize("text", TEXTS)
def test_texts(text: str) -> None:
    assert pieces(text) == TEXTS[text]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_letter_by_letter(text: str) -> None:
    assert pieces(*text) == TEXTS[text]


def test_a_piece_comes_as_soon_as_it_is_known_to_be_whole() -> None:
    splitter = SentenceSplitter()
    assert splitter.push("Yes, we are open until nine") == []
    assert splitter.push(",") == ["Yes, we are open until nine,"]
    assert splitter.push(" and later on Sunday, of course.") == []
    assert splitter.push(" ") == ["and later on Sunday, of course."]
    assert splitter.flush() == []


def test_a_comma_after_a_number_may_be_a_part_of_it() -> None:
    splitter = SentenceSplitter()
    assert splitter.push("That will be about 1,") == []
    assert splitter.push("000 dollars,") == ["That will be about 1,000 dollars,"]


@pytest.mark.parametrize("text", ["word " * 300, "word\t" * 300, "x" * 1000, "a, " * 300])
def test_text_that_never_ends_is_cut_at_spaces(text: str) -> None:
    parts = pieces(text)
    assert max(map(len, parts)) <= 240
    assert parts == pieces(*text)
    assert "".join("".join(parts).split()) == "".join(text.split())
    if "word" in text:
        assert {word for part in parts for word in part.split()} == {"word"}


prose = st.lists(
    st.sampled_from(
        "yes no we are open until nine Dr. e.g. 3.5 12. p.m. , . ? ! … : – \n - * ** # 😀 (so) "
        '"quoted." word-word don\'t [a](http://b.c) [so _it_ a_b #4 ~5 22, 9, $5 e.g., ... '
        "supercalifragilisticexpialidocious".split(" ")
    )
    | st.text(max_size=6),
    max_size=120,
).map(" ".join)


@given(prose, st.data())
def test_it_does_not_matter_how_the_text_is_cut_into_deltas(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    deltas = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert pieces(*deltas) == pieces(text)


@given(st.lists(st.from_regex(r"\A[a-z]{1,12}[,.?!;:]?\Z"), max_size=150))
def test_no_word_is_lost_or_moved(said: list[str]) -> None:
    text = " ".join(said)
    assert " ".join(pieces(*text)) == text


@given(prose)
def test_every_piece_has_a_sound_and_one_line(text: str) -> None:
    for piece in pieces(text):
        assert speakable(piece)
        assert not set(piece) & set("*`|<>\n😀")
        assert not re.search(r"#(?![0-9])|~(?![0-9$€£])|\b_|_\b", piece)
        assert piece == " ".join(piece.split())
