from bench.utterances import speech, stretches, tone, tones
from voice_agent.telephony.measure import voiced

FRAME = 160
SILENCE = b"\xff"


def test_a_tone_is_voiced_from_its_first_to_its_last_sample() -> None:
    audio = tone(600)
    positions = voiced(audio)
    assert (positions[0], positions[-1]) == (0, len(audio) - 1)


def test_tones_are_whole_frames_and_the_same_each_time() -> None:
    assert tones(7) == tones(7)
    assert all(len(audio) % FRAME == 0 for audio in tones(7))


def test_recordings_are_cut_where_the_speech_pauses() -> None:
    audio = SILENCE * 4000 + tone(800) + SILENCE * 2000 + tone(1000) + SILENCE * 80 + tone(200)
    assert [len(part) // 8 for part in stretches(audio)] == [860, 1280]


def test_what_is_too_short_or_silent_is_left_out() -> None:
    assert stretches(SILENCE * 8000) == []
    assert stretches(tone(200)) == []


def test_speech_ends_in_its_last_frame() -> None:
    for audio in speech():
        assert len(audio) % FRAME == 0
        assert len(audio) - FRAME <= voiced(audio)[-1] < len(audio)
