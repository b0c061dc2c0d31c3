from hypothesis import given
from hypothesis import strategies as st

from voice_agent.telephony.measure import (
    BargeIn,
    Burst,
    Spoken,
    Turn,
    barge_ins,
    bursts,
    is_voiced,
    turns,
    voiced,
)
from voice_codecs.g711 import mulaw_to_pcm, pcm_to_mulaw

MS = 8
LOUD, QUIET = b"\x10", b"\xff"


def timeline(*speech: tuple[int, int], length: int = 10_000) -> bytes:
    """Loud from the first to the second millisecond of each pair."""
    audio = bytearray(QUIET * length * MS)
    for start, end in speech:
        audio[start * MS : end * MS] = LOUD * ((end - start) * MS)
    return bytes(audio)


def words(label: str, start: int, end: int) -> Spoken:
    return Spoken(label, start * MS, end * MS)


def test_the_threshold_is_an_amplitude_of_340() -> None:
    every_code = bytes(range(256))
    amplitudes = memoryview(mulaw_to_pcm(every_code)).cast("h")
    loud = [abs(amplitude) >= 340 for amplitude in amplitudes]
    assert [is_voiced(bytes([code])) for code in every_code] == loud
    assert voiced(every_code).tolist() == [code for code in every_code if loud[code]]
    assert not is_voiced(pcm_to_mulaw(b"\x20\x00\xe0\xff" * 80))
    assert not is_voiced(b"")


def test_bursts_are_parted_by_quiet_and_by_clears() -> None:
    heard = timeline((100, 300), (700, 900), (1301, 1400))
    assert bursts(heard) == [Burst(100 * MS, 900 * MS), Burst(1301 * MS, 1400 * MS)]
    assert bursts(heard, [300.0]) == [
        Burst(100 * MS, 300 * MS),
        Burst(700 * MS, 900 * MS),
        Burst(1301 * MS, 1400 * MS),
    ]
    assert bursts(timeline()) == bursts(b"") == []


def test_latency_runs_from_the_last_voiced_sample_to_the_first_heard() -> None:
    sent = timeline((1000, 1500), (4000, 4500))
    heard = timeline((100, 700), (1900, 2500), (5250, 5500))
    # The second utterance was scripted with silence around the words.
    spoken = [words("one", 1000, 1500), words("two", 3900, 4700)]
    one, two = turns(sent, heard, spoken)
    assert (one.label, one.started_ms, one.ended_ms) == ("one", 1000, 1499.875)
    assert (one.answered_ms, one.latency_ms, one.cut_in) == (1900, 400.125, False)
    assert (two.started_ms, two.latency_ms) == (4000, 750.125)


def test_no_answer_is_none() -> None:
    sent = timeline((1000, 1500), (4000, 4500))
    heard = timeline((4100, 4300))
    one, two = turns(sent, heard, [words("one", 1000, 1500), words("two", 4000, 4500)])
    assert one.latency_ms is None
    assert two.latency_ms is None
    assert two.cut_in


def test_speech_that_was_going_on_is_no_answer() -> None:
    sent, spoken = timeline((1000, 1500)), [words("backchannel", 1000, 1500)]
    (turn,) = turns(sent, timeline((0, 3000)), spoken)
    assert turn == Turn("backchannel", 1000, 1499.875, None, False)


def test_keys_are_measured_by_their_bounds() -> None:
    (turn,) = turns(timeline(), timeline((2000, 2500)), [words("keys", 1000, 1200)])
    assert (turn.started_ms, turn.ended_ms, turn.answered_ms) == (1000, 1199.875, 2000)


def test_barge_in() -> None:
    sent = timeline((1000, 1400))
    heard = timeline((0, 1250), (1550, 3000))
    spoken = [words("stop", 1000, 1400)]
    assert barge_ins(sent, heard, spoken, [1250.5]) == (BargeIn("stop", 1000, 249.875, 250.5),)
    (turn,) = turns(sent, heard, spoken, [1250.5])
    assert (turn.answered_ms, turn.cut_in) == (1550, False)


def test_a_barge_in_that_the_agent_ignores() -> None:
    sent, spoken = timeline((1000, 1400)), [words("stop", 1000, 1400)]
    assert barge_ins(sent, timeline((0, 3000)), spoken) == (BargeIn("stop", 1000, 1999.875, None),)


def test_speaking_into_silence_is_no_barge_in() -> None:
    sent, spoken = timeline((1000, 1400)), [words("hello", 1000, 1400)]
    assert barge_ins(sent, timeline((0, 900), (1401, 2000)), spoken) == ()


@given(st.lists(st.tuples(st.integers(20, 900), st.integers(1, 3000), st.integers(20, 900))))
def test_an_orderly_conversation_is_measured_exactly(exchange: list[tuple[int, int, int]]) -> None:
    now = 500
    said, answers, spoken = [], [], []
    for speech, latency, reply in exchange:
        said.append((now, now + speech))
        spoken.append(words(str(now), now, now + speech))
        now += speech + latency
        answers.append((now, now + reply))
        now += reply + 500
    sent, heard = timeline(*said, length=now), timeline(*answers, length=now)
    found = turns(sent, heard, spoken)
    assert [turn.latency_ms for turn in found] == [ms + 0.125 for _, ms, _ in exchange]
    assert not any(turn.cut_in for turn in found)
    assert barge_ins(sent, heard, spoken) == ()


@given(st.lists(st.booleans(), max_size=300), st.lists(st.integers(0, 6000), max_size=4))
def test_bursts_cover_what_is_voiced(frames: list[bool], clears: list[int]) -> None:
    heard = b"".join((LOUD if loud else QUIET) * 160 for loud in frames)
    found = bursts(heard, sorted(clears))
    inside = {at for burst in found for at in range(burst.start, burst.end)}
    assert set(voiced(heard).tolist()) <= inside
    for burst in found:
        assert is_voiced(heard[burst.start : burst.start + 1])
        assert is_voiced(heard[burst.end - 1 : burst.end])
    for before, after in zip(found, found[1:], strict=False):
        quiet = after.start - before.end > 400 * MS
        assert quiet or any(before.end <= clear * MS <= after.start for clear in clears)
