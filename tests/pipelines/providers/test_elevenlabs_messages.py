"""What ElevenLabs' messages say, out of golden ones."""

import json
from pathlib import Path

import pytest
from elevenlabs.types import (
    AudioOutputMulti,
    CloseContext,
    FinalOutputMulti,
    InitializeConnectionMulti,
    SendTextMulti,
)
from hypothesis import given
from hypothesis import strategies as st

from voice_codecs.pcm import MULAW_8K
from voice_pipelines.errors import (
    ProviderBusy,
    ProviderGarbled,
    ProviderRefused,
    ProviderRejected,
    ProviderUnavailable,
)
from voice_pipelines.providers.elevenlabs_messages import (
    Alignment,
    Message,
    SocketLost,
    WordTimes,
    audio_of,
    failure,
    opening,
    query,
    read_message,
)

WIRE = Path(__file__).parents[2] / "wire" / "elevenlabs"


def golden(name: str) -> str:
    return (WIRE / f"{name}.json").read_text()


def message(name: str) -> Message:
    return read_message("elevenlabs", golden(name))


def samples(ms: int) -> int:
    return ms * MULAW_8K.rate // 1000


def test_the_golden_messages_are_what_the_sdk_knows() -> None:
    InitializeConnectionMulti.model_validate(json.loads(golden("out_opening"))[0], strict=True)
    SendTextMulti.model_validate(json.loads(golden("out_opening"))[1], strict=True)
    CloseContext.model_validate(json.loads(golden("out_opening"))[2], strict=True)
    for name in ("audio", "audio_last"):
        AudioOutputMulti.model_validate(json.loads(golden(name)), strict=True)
    FinalOutputMulti.model_validate(json.loads(golden("final")), strict=True)


def test_a_text_is_asked_for_in_a_context_of_its_own() -> None:
    asked = opening("1", "Hi there!", {"stability": 0.5, "speed": 1.1})
    assert [json.loads(part) for part in asked] == json.loads(golden("out_opening"))
    assert "voice_settings" not in opening("1", "Hi there!", {})[0]


def test_a_connection_asks_for_mulaw() -> None:
    assert query("eleven_flash_v2_5", None)["output_format"] == "ulaw_8000"
    assert query("eleven_flash_v2_5", "de")["language_code"] == "de"


def test_words_end_where_their_last_letters_do() -> None:
    times = WordTimes("Hi there!")
    assert audio_of("elevenlabs", message("audio")) == b"\xff\x7f\x00\x80"
    assert times.take(message("audio")) == (("Hi", samples(120)),)
    # The second chunk counts from its own beginning, 300 ms after the first one's.
    assert times.take(message("audio_last")) == ((" there!", samples(500)),)


def aligned(text: str, start: int = 0, ms: int = 10) -> Alignment:
    starts = [start + ms * at for at in range(len(text))]
    return Alignment(list(text), starts, [ms] * len(text))


def test_the_alignment_that_goes_on_is_believed() -> None:
    times = WordTimes("It is $5 now.")
    first = Message(alignment=aligned("It is $5 "), normalized=aligned(" It is five dollars "))
    assert [word for word, _ in times.take(first)] == ["It", " is", " $5"]
    # This one starts anew in the text as written, and goes on in the text as read out.
    second = Message(alignment=aligned("It is $5 now."), normalized=aligned(" now."))
    assert times.take(second) == ((" now.", samples(140)),)


def test_without_an_alignment_that_goes_on_there_are_no_more_times() -> None:
    times = WordTimes("It is $5 now.")
    times.take(Message(alignment=aligned("It is ")))
    assert times.take(Message(normalized=aligned("five dollars "))) == ()
    assert times.take(Message(alignment=aligned("$5 now."))) == (), "these would be out of place"


def test_an_alignment_that_does_not_fit_itself_is_not_believed() -> None:
    times = WordTimes("Yes.")
    assert times.take(Message(alignment=Alignment(["Y", "e"], [0], [10, 10]))) == ()


def test_a_chunk_without_an_alignment_changes_nothing() -> None:
    times = WordTimes("Yes.")
    assert times.take(Message(audio="AA==")) == ()
    assert times.take(Message(alignment=Alignment())) == ()
    assert times.take(Message(alignment=aligned("Yes."))) == (("Yes.", samples(40)),)


@given(st.text(st.sampled_from("aé. \n"), max_size=30), st.lists(st.integers(1, 8)))
def test_however_it_is_cut_all_words_are_told_once_and_in_order(text: str, cuts: list[int]) -> None:
    times = WordTimes(text)
    told: list[tuple[str, int]] = []
    at = 0
    for cut in [*cuts, len(text)]:
        told += times.take(Message(alignment=aligned(text[at : at + cut])))
        at += cut
    assert "".join(word for word, _ in told) == text.rstrip()
    ends = [end for _, end in told]
    assert ends == sorted(ends)


@pytest.mark.parametrize("garbage", ["", "<html>", "[]", '{"audio": 5}', '{"alignment": "Hi"}'])
def test_what_is_not_a_message_is_garbled(garbage: str) -> None:
    with pytest.raises(ProviderGarbled):
        read_message("elevenlabs", garbage)


def test_audio_that_is_not_base64_is_garbled() -> None:
    with pytest.raises(ProviderGarbled):
        audio_of("elevenlabs", Message(audio="%%%"))


def test_an_error_message_is_typed_and_quotes_nothing() -> None:
    with pytest.raises(ProviderRefused) as refused:
        message("error")
    assert "quota_exceeded" in str(refused.value)
    assert "there" not in str(refused.value)
    assert type(failure("elevenlabs", "max_active_conversations")) is ProviderBusy
    assert type(failure("elevenlabs", "max_character_limit_exceeded")) is ProviderRejected
    assert type(failure("elevenlabs", "internal_error")) is ProviderUnavailable
    assert type(failure("elevenlabs", "input_timeout_exceeded")) is SocketLost
    assert "Hi there" not in str(failure("elevenlabs", "Hi there!"))
