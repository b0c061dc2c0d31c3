"""What was rewritten, and which written words are heard with which spoken ones."""

from hypothesis import given
from hypothesis import strategies as st

from voice_pipelines.speech_text.english import normalizer
from voice_pipelines.speech_text.segments import WordClock, spoken

normalize = normalizer("en", {})


def test_stretches_that_run_into_a_word_are_parted() -> None:
    said = spoken("A4 is 5km", [(1, 2, "four"), (6, 7, "five")])
    assert said.text == "A four is five km"
    assert said.original == "A4 is 5km"


def test_a_rewritten_word_is_heard_with_the_last_that_is_spoken_for_it() -> None:
    clock = WordClock(normalize("It costs $16, sir."))
    times = [("It", 10), (" costs", 20), (" sixteen", 30), (" dollars,", 40), (" sir.", 50)]
    heard = [clock.hear([word]) for word in times]
    assert heard == [
        (("It", 10),),
        ((" costs", 20),),
        (),
        ((" $16,", 40),),
        ((" sir.", 50),),
    ]


def test_words_that_were_rewritten_together_are_heard_together() -> None:
    clock = WordClock(normalize("On Nov 22, 2026, at 8 p.m."))
    said = "On November twenty-second, twenty twenty-six, at eight p.m."
    words = [(f" {word}", n) for n, word in enumerate(said.split())]
    assert clock.hear(words) == (
        ("On", 0),
        (" Nov", 4),
        (" 22,", 4),
        (" 2026,", 4),
        (" at", 5),
        (" 8", 7),
        (" p.m.", 7),
    )


def test_parts_of_words_count_as_much_as_whole_words() -> None:
    clock = WordClock(normalize("At $5 now"))
    assert clock.hear([("At", 1), (" fi", 2), ("ve dol", 3)]) == (("At", 1),)
    assert clock.hear([("lars", 4), (" now", 5)]) == ((" $5", 4), (" now", 5))


def test_words_of_another_text_prove_nothing() -> None:
    clock = WordClock(normalize("It costs $16"))
    assert clock.hear([("It", 1), (" cost", 2), (" 16", 3), (" dollars", 4)]) == (("It", 1),)
    assert clock.hear([("s", 5), (" sixteen", 6)]) == ()


@given(st.text(), st.integers(0, 99))
def test_what_was_heard_is_a_beginning_of_what_was_written(text: str, percent: int) -> None:
    said = normalize(text)
    clock = WordClock(said)
    words = [(f" {word}", n) for n, word in enumerate(said.text.split())]
    some = clock.hear(words[: len(words) * percent // 100])
    assert text.startswith("".join(word for word, _ in some))
    if words:
        assert (
            "".join(
                word for word, _ in some + clock.hear(words[len(words) * percent // 100 :])
            ).split()
            == text.split()
        )
