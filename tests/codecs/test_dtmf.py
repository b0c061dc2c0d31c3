import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice_codecs.dtmf import HIGH_HZ, KEYS, LOW_HZ, Detector, tone

SHIFTS = (0, 7, 19, 33)
"""Samples of silence first, so that no test depends on how windows fall."""


def signal(
    key: str,
    ms: float,
    low_db: float = -12,
    high_db: float = -12,
    low_off: float = 0,
    high_off: float = 0,
) -> bytes:
    """One tone pair between pauses of 60 ms; levels are peaks in dBFS, offsets are relative."""
    time = np.arange(int(8 * ms)) / 8000
    index = KEYS.index(key)
    low = 10 ** (low_db / 20) * np.sin(2 * np.pi * LOW_HZ[index // 4] * (1 + low_off) * time)
    high = 10 ** (high_db / 20) * np.sin(
        2 * np.pi * HIGH_HZ[index % 4] * (1 + high_off) * time + 1.0
    )
    return bytes(960) + np.rint(32767 * (low + high)).astype("<i2").tobytes() + bytes(960)


def heard(pcm: bytes) -> set[str]:
    return {Detector().push(bytes(2 * shift) + pcm) for shift in SHIFTS}


@settings(max_examples=30, deadline=None)
@given(
    st.text(KEYS, max_size=8),
    st.integers(40, 120),
    st.integers(40, 120),
    st.lists(st.integers(1, 700), min_size=1, max_size=6),
)
def test_what_is_dialed_is_heard_in_any_chunks(
    keys: str, on_ms: int, off_ms: int, chunks: list[int]
) -> None:
    pcm = tone(keys, on_ms=on_ms, off_ms=off_ms)
    detector = Detector()
    digits, at, turn = "", 0, 0
    while at < len(pcm):
        size = 2 * chunks[turn % len(chunks)]
        digits += detector.push(pcm[at : at + size])
        at, turn = at + size, turn + 1
    assert digits == keys


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(("ms", "counts"), [(15, False), (19.9, False), (40, True), (2000, True)])
def test_duration(key: str, ms: float, counts: bool) -> None:
    assert heard(signal(key, ms)) == {key if counts else ""}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    ("off", "counts"),
    [(0.015, True), (-0.015, True), (0.035, False), (-0.035, False)],
)
def test_pitch(key: str, off: float, counts: bool) -> None:
    expected = {key if counts else ""}
    assert heard(signal(key, 50, low_off=off)) == expected
    assert heard(signal(key, 50, high_off=off)) == expected


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    ("high_over_low_db", "counts"),
    [(-8, True), (-11, False), (0, True), (4, True), (7, False)],
)
def test_twist(key: str, high_over_low_db: float, counts: bool) -> None:
    pcm = signal(key, 50, low_db=-14, high_db=-14 + high_over_low_db)
    assert heard(pcm) == {key if counts else ""}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(("level_db", "counts"), [(-7, True), (-36, True), (-55, False)])
def test_level(key: str, level_db: float, counts: bool) -> None:
    assert heard(signal(key, 50, low_db=level_db, high_db=level_db)) == {key if counts else ""}


@pytest.mark.parametrize(("gap_ms", "digits"), [(5, "5"), (10, "5"), (40, "55"), (200, "55")])
def test_a_short_break_is_bridged_and_a_pause_separates(gap_ms: int, digits: str) -> None:
    pcm = tone("5", on_ms=50, off_ms=gap_ms) + tone("5", on_ms=50, off_ms=60)
    assert heard(pcm) == {digits}


def test_keys_without_a_pause_between_them() -> None:
    assert heard(tone("159", on_ms=80, off_ms=0) + bytes(960)) == {"159"}


def test_noise_under_the_tones() -> None:
    noise = np.random.default_rng(1).normal(0, 32768 * 10 ** (-27 / 20), 200000)
    pcm = np.frombuffer(tone(KEYS, on_ms=50, off_ms=50), "<i2")
    noisy = np.rint(pcm + noise[: len(pcm)]).astype("<i2").tobytes()
    assert Detector().push(noisy) == KEYS


def test_one_tone_alone_is_no_key() -> None:
    for hz in LOW_HZ + HIGH_HZ:
        wave = 10000 * np.sin(2 * np.pi * hz * np.arange(4000) / 8000)
        assert Detector().push(wave.astype("<i2").tobytes()) == ""


def test_tones_with_strong_second_harmonics_are_no_key() -> None:
    time = np.arange(4000) / 8000
    # Twice 697 or 770 Hz lies too near to 1336 or 1477 Hz to be told from them within a window.
    for low, high, overtone in [
        (697, 1209, 2 * 697),
        (941, 1336, 2 * 941),
        (852, 1209, 2 * 852),
        (770, 1477, 2 * 1477),
        (697, 1633, 2 * 1633),
    ]:
        wave = np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time)
        tinted = wave + 0.35 * np.sin(2 * np.pi * overtone * time)
        assert Detector().push((8000 * tinted).astype("<i2").tobytes()) == ""


def test_speech_and_noise_are_no_keys() -> None:
    """Gliding voices with the formants of vowels, and hiss: what talk-off tests are made of."""
    random = np.random.default_rng(7)
    time = np.arange(8000 * 20) / 8000
    pitch = 150 + 60 * np.sin(2 * np.pi * 0.7 * time) + 20 * np.sin(2 * np.pi * 3.1 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / 8000
    vowels = random.uniform((300, 900), (900, 2300), (80, 2)).repeat(2000, axis=0)
    voice = np.zeros(len(time))
    for harmonic in range(1, 20):
        hz = harmonic * pitch
        # The skirts of a resonance 100 Hz wide, as a mouth has them.
        skirts = [1 / np.sqrt(1 + ((hz - vowels[:, i]) / 50) ** 2) for i in (0, 1)]
        voice += np.where(hz < 3800, skirts[0] + skirts[1], 0) * np.sin(harmonic * phase)
    voice *= 9000 / np.abs(voice).max()
    for sound in (voice, random.normal(0, 3000, len(time))):
        assert Detector().push(sound.astype("<i2").tobytes()) == ""


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="'x' is not a telephone key"):
        tone("1x")
    with pytest.raises(ValueError, match="would clip"):
        tone("1", level_dbfs=0)
    with pytest.raises(ValueError, match="even number of bytes"):
        Detector().push(b"\0")


def test_tone_lengths() -> None:
    assert len(tone("12", rate=16000, on_ms=50, off_ms=30)) == 2 * 2 * 16 * 80
    assert tone("") == b""
