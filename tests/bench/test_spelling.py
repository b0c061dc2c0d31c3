import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.spelling import LETTERS, letters, passages, read, spell, words
from voice_codecs.convert import convert
from voice_codecs.g711 import mulaw_to_pcm, pcm_to_mulaw
from voice_codecs.mix import gain
from voice_codecs.pcm import MULAW_8K, PCM16_16K, AudioFormat, Encoding

TEXT = "Hello, aaa bookkeeper? I'm 2255 wide."
SILENCE = b"\xff"


def spelled(mulaw: bytes) -> str:
    return "".join(letter.letter for letter in read(mulaw))


@given(st.text(LETTERS, max_size=30), st.integers(0, 400))
def test_what_was_spelled_is_read_wherever_it_begins(text: str, offset: int) -> None:
    assert spelled(SILENCE * offset + spell(text)) == text


def test_what_cannot_be_spelled_is_left_out() -> None:
    assert letters("Größe: $5") == "gre 5"
    assert spelled(spell("Größe: $5")) == "gre 5"


@pytest.mark.parametrize("between", [PCM16_16K, AudioFormat(Encoding.PCM16, 24_000)])
def test_it_survives_resampling(between: AudioFormat) -> None:
    audio = convert(convert(spell(TEXT), MULAW_8K, between), between, MULAW_8K)
    assert spelled(audio) == letters(TEXT)


def test_it_survives_ducking() -> None:
    assert spelled(pcm_to_mulaw(gain(mulaw_to_pcm(spell(TEXT)), -12))) == letters(TEXT)


def test_a_letter_that_a_hole_tore_is_one_letter() -> None:
    audio = spell("all of it")
    for at in (240, 2 * 480 + 240, 8 * 480 + 240):
        assert spelled(audio[:at] + SILENCE * 800 + audio[at:]) == "all of it"


def test_words_and_passages_know_their_time() -> None:
    audio = spell("go on") + SILENCE * 1600 + spell("now")
    assert [word.text for word in words(audio)] == ["go", "on", "now"]
    first, second = passages(audio)
    assert (first.text, second.text) == ("go on", "now")
    assert abs(second.start - (5 * 480 + 1600)) <= 80
    assert abs(second.end - len(audio)) <= 80


def test_noise_says_nothing() -> None:
    assert read(SILENCE * 8000) == []
    assert read(bytes(range(256)) * 20) == []
