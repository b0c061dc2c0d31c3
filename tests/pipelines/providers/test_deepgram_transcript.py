"""What Deepgram's messages say, out of golden ones."""

import json
from pathlib import Path

import pytest
from deepgram.listen.v1.types import ListenV1Error, ListenV1Metadata, ListenV1Results
from hypothesis import given
from hypothesis import strategies as st

from voice_codecs.pcm import MULAW_8K
from voice_pipelines.errors import ProviderGarbled, ProviderUnavailable
from voice_pipelines.ports import Hypothesis
from voice_pipelines.providers.deepgram_transcript import (
    Results,
    Tape,
    Transcript,
    query,
    read_message,
)

WIRE = Path(__file__).parents[2] / "wire" / "deepgram"
SECOND = MULAW_8K.bytes_for(1000)


def golden(name: str) -> str:
    return (WIRE / f"{name}.json").read_text()


def results(name: str) -> Results:
    message = read_message("deepgram", golden(name))
    assert isinstance(message, Results)
    return message


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("interim", ListenV1Results),
        ("final", ListenV1Results),
        ("from_finalize", ListenV1Results),
        ("silence", ListenV1Results),
        ("metadata", ListenV1Metadata),
        ("error", ListenV1Error),
    ],
)
def test_the_golden_messages_are_what_the_sdk_knows(
    name: str,
    kind: type[ListenV1Results | ListenV1Metadata | ListenV1Error],
) -> None:
    kind.model_validate(json.loads(golden(name)), strict=True)


def test_interim_words_are_replaced_and_final_ones_stay() -> None:
    transcript = Transcript()
    assert transcript.take(results("interim")) == Hypothesis("Do you have a", None)
    assert transcript.take(results("final")) == Hypothesis("Do you have a table?", None)
    assert transcript.take(results("silence")) is None
    assert transcript.understood == 3 * SECOND


def test_a_request_is_answered_by_all_finals_since_the_reset() -> None:
    transcript = Transcript()
    transcript.take(results("final"))
    assert transcript.settle(7, 2 * SECOND) is None
    answer = transcript.take(results("from_finalize"))
    assert answer == Hypothesis("Do you have a table? For four.", 7)
    assert transcript.waiting is None
    transcript.reset(2 * SECOND)
    assert transcript.text == ""


def test_a_request_for_audio_that_is_final_already_is_answered_at_once() -> None:
    transcript = Transcript()
    assert transcript.settle(1, 0) == Hypothesis("", 1)
    transcript.take(results("final"))
    assert transcript.settle(2, round(1.2 * SECOND)) == Hypothesis("Do you have a table?", 2)


def test_a_final_result_that_came_too_early_does_not_answer() -> None:
    transcript = Transcript()
    assert transcript.settle(1, 2 * SECOND) is None
    assert transcript.take(results("final")) == Hypothesis("Do you have a table?", None)
    assert transcript.waiting == 1


def test_a_newer_request_replaces_an_older_one() -> None:
    transcript = Transcript()
    transcript.settle(1, SECOND)
    transcript.settle(2, 2 * SECOND)
    transcript.take(results("final"))
    assert transcript.take(results("from_finalize")) == Hypothesis(
        "Do you have a table? For four.", 2
    )


def test_words_of_the_turn_before_do_not_reach_into_the_next() -> None:
    transcript = Transcript()
    transcript.reset(round(0.6 * SECOND))  # in the midst of "have", which is mostly after it
    assert transcript.take(results("final")) == Hypothesis("have a table?", None)


def test_a_new_connection_counts_from_its_own_beginning() -> None:
    transcript = Transcript()
    transcript.connected(10 * SECOND)
    transcript.take(results("final"))
    assert transcript.understood == round(11.2 * SECOND)


def test_an_error_message_is_an_error_and_quotes_nothing() -> None:
    error = read_message("deepgram", golden("error"))
    assert isinstance(error, ProviderUnavailable)
    assert "table" not in str(error)


def test_other_messages_are_of_no_use() -> None:
    assert read_message("deepgram", golden("metadata")) is None
    assert read_message("deepgram", '{"type": "SpeechStarted"}') is None


@pytest.mark.parametrize(
    "garbage", ["", "<html>", "[]", "{}", '{"type": "Results"}', '{"type": 1}']
)
def test_what_is_not_a_message_is_garbled(garbage: str) -> None:
    with pytest.raises(ProviderGarbled):
        read_message("deepgram", garbage)


def test_keyterms_are_asked_for_one_by_one() -> None:
    asked = query("nova-3", "de", ["Käsespätzle", "Riesling"])
    assert [value for key, value in asked if key == "keyterm"] == ["Käsespätzle", "Riesling"]
    assert dict(asked)["encoding"] == "mulaw"
    assert dict(asked)["sample_rate"] == "8000"


@given(st.lists(st.binary(max_size=50), max_size=20), st.integers(1, 2000))
def test_a_tape_gives_back_what_was_not_released(parts: list[bytes], released: int) -> None:
    everything = b"".join(parts)
    tape = Tape(10_000)
    for part in parts:
        tape.feed(part)
        tape.take()
    tape.release(released)
    start = tape.rewind()
    assert start == min(released, len(everything))
    assert tape.take() == everything[start:]


def test_a_full_tape_forgets_the_oldest_and_says_so() -> None:
    tape = Tape(4)
    tape.feed(b"abcdef")
    assert tape.torn
    assert tape.rewind() == 2
    assert not tape.torn
    assert tape.take() == b"cdef"
