"""A language of tones: every letter is 60 ms of a frequency of its own, and can be read back.

Simulated callers and vendors speak it, so that a recognizer is a table, and what somebody heard can
be compared with what was said, word by word and with the time of each. It survives mu-law, gain and
resampling. Case is lost, and so are characters that are not in `LETTERS`.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from voice_codecs.g711 import mulaw_to_pcm, pcm_to_mulaw

LETTERS = " abcdefghijklmnopqrstuvwxyz0123456789.,?!'"
LETTER_MS = 60
"""Three frames; 16 letters a second are the pace of a person."""

_RATE = 8000
_PER_MS = _RATE // 1000
_LETTER = LETTER_MS * _PER_MS
_AGAIN = len(LETTERS)
"""The tone that repeats the letter before it: "ll" would be one long "l"."""
_LOWEST_HZ, _STEP_HZ = 400, 70
_PEAK = 12_000

_HOP = 10 * _PER_MS
_WINDOW = 20 * _PER_MS
_BINS = 512
_PURE = 0.85
"""The share of a window's energy that its tone must have; windows across two letters have less."""
_QUIET = 300.0
"""The amplitude below which a window is silent: 20 dB below a ducked voice."""
_ENOUGH = 2
"""Windows that make a letter; five lie within a whole one."""
_TORN = 15
"""No tone follows itself: within so many windows it is one letter, torn by a hole in the audio."""
_PAUSE = 100 * _PER_MS


def spell(text: str) -> bytes:
    """`text` as mu-law at 8 kHz, in whole frames; its last sample is loud."""
    return b"".join(_TONES[symbol] for symbol in _symbols(text))


def is_loud(mulaw: bytes) -> bool:
    """Whether anybody speaks in it."""
    return bool(len(mulaw)) and bool(np.abs(_pcm(mulaw)).max() > _QUIET)


def letters(text: str) -> str:
    """What is left of `text` when it has been spelled and read."""
    return "".join(letter for letter in text.lower() if letter in LETTERS)


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter and the samples that it lies between, to the nearest 10 ms."""

    letter: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Passage:
    """What was said without a pause of 100 ms, and the samples that it lies between."""

    text: str
    start: int
    end: int


def read(mulaw: bytes) -> list[Letter]:
    """The letters in `mulaw`; what is cut off, mixed or no letter is left out."""
    found: list[Letter] = []
    symbols = _windows(mulaw)
    last, ended = -1, 0
    edges = np.flatnonzero(np.diff(symbols)) + 1
    for start, end in pairwise([0, *edges.tolist(), len(symbols)]):
        if end - start < _ENOUGH or (symbol := int(symbols[start])) < 0:
            continue
        torn = symbol == last and start - ended < _TORN
        last, ended = symbol, end
        letter = LETTERS[symbol] if symbol < _AGAIN else (found[-1].letter if found else "")
        if letter and not torn:
            found.append(Letter(letter, start * _HOP, (end - 1) * _HOP + _WINDOW))
    return found


def passages(mulaw: bytes) -> list[Passage]:
    """The letters in `mulaw`, joined as far as no pause is between them."""
    joined: list[Passage] = []
    for letter in read(mulaw):
        if joined and letter.start - joined[-1].end < _PAUSE:
            before = joined.pop()
            joined.append(Passage(before.text + letter.letter, before.start, letter.end))
        else:
            joined.append(Passage(letter.letter, letter.start, letter.end))
    return joined


def words(mulaw: bytes) -> list[Passage]:
    """The words in `mulaw`, their punctuation included."""
    found: list[Passage] = []
    last = " "
    for letter in read(mulaw):
        if letter.letter != " ":
            if last == " " or letter.start - found[-1].end >= _PAUSE:
                found.append(Passage(letter.letter, letter.start, letter.end))
            else:
                before = found.pop()
                found.append(Passage(before.text + letter.letter, before.start, letter.end))
        last = letter.letter
    return found


def _symbols(text: str) -> list[int]:
    symbols: list[int] = []
    last = -1
    for letter in letters(text):
        symbol = LETTERS.index(letter)
        last = _AGAIN if symbol == last else symbol
        symbols.append(last)
    return symbols


def _tone(symbol: int) -> bytes:
    # Cosines that end at their peak: the end of the speech is known to the sample.
    at = np.arange(1 - _LETTER, 1) / _RATE
    wave = _PEAK * np.cos(2 * np.pi * (_LOWEST_HZ + symbol * _STEP_HZ) * at)
    return pcm_to_mulaw(wave.astype("<i2").tobytes())


_TONES = [_tone(symbol) for symbol in range(len(LETTERS) + 1)]


def _pcm(mulaw: bytes) -> npt.NDArray[np.float32]:
    return np.frombuffer(mulaw_to_pcm(mulaw), "<i2").astype(np.float32)


def _windows(mulaw: bytes) -> npt.NDArray[np.intp]:
    """The symbol of each window, -1 for none."""
    if len(mulaw) < _WINDOW:
        return np.zeros(0, np.intp)
    windows = np.lib.stride_tricks.sliding_window_view(_pcm(mulaw), _WINDOW)[::_HOP]
    loud = np.abs(windows).max(axis=1) > _QUIET
    symbols = np.full(len(windows), -1, np.intp)
    if loud.any():
        symbols[loud] = _symbols_of(windows[loud])
    return symbols


def _symbols_of(windows: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
    power = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW), _BINS, axis=1)) ** 2
    peak = power.argmax(axis=1)
    lobe = _BINS * 110 // _RATE  # A Hann window of 20 ms has its first zeros 100 Hz off.
    near = np.abs(np.arange(power.shape[1]) - peak[:, None]) <= lobe
    pure = (power * near).sum(axis=1) >= _PURE * power.sum(axis=1)
    symbol = np.rint((peak * _RATE / _BINS - _LOWEST_HZ) / _STEP_HZ).astype(np.intp)
    return np.where(pure & (symbol >= 0) & (symbol <= _AGAIN), symbol, -1)
