"""Touch tones: the pairs of ITU-T Q.23, made and detected with the tolerances of ITU-T Q.24.

            1209  1336  1477  1633 Hz
    697 Hz    1     2     3     A
    770 Hz    4     5     6     B
    852 Hz    7     8     9     C
    941 Hz    *     0     #     D

How detection works: every 5 ms a 20 ms Hann window is projected onto the eight tones. The strongest
of each group name the key. A window agrees with it when
  * both tones are loud enough and within the twist limits,
  * both are on pitch, by the phase they gained since the last window (a window this short cannot
  tell 2 % apart by
    energy, its phase can),
  * little else sounds: the two tones hold most of the energy, and their second harmonics hold none,
  which
    sung vowels do.
Enough agreeing windows in a row make a digit; enough disagreeing ones end it.
"""

from cmath import phase, rect
from math import pi, sin

import numpy as np
from numpy.typing import NDArray

KEYS = "123A456B789C*0#D"
"""Row by row: index `4 * low + high`."""

LOW_HZ = (697.0, 770.0, 852.0, 941.0)
HIGH_HZ = (1209.0, 1336.0, 1477.0, 1633.0)

NORMAL_TWIST_DB = 8.0
"""The low tone may be stronger by this much (lines lose high tones)."""

REVERSE_TWIST_DB = 4.0
"""The high tone may be stronger by this much."""

_RATE = 8000
_WINDOW = 160
_HOP = 40
_HELD = _WINDOW - _HOP

_ON_HOPS = 5
"""Agreeing windows that make a digit. The window is half full of a tone D ms long for about D ms:
Q.24 wants 40 ms accepted (8 windows) and 20 ms refused (4 windows)."""

_OFF_HOPS = 6
"""Disagreeing windows that end it: a break of 10 ms spoils 3 or 4, a pause of 40 ms at least 8."""

_PITCH_TOLERANCE = 0.025
"""Q.24: 1.5 % must pass and 3.5 % must not."""

_TWIST_MARGIN_DB = 1.0
_MIN_TONE_DBFS = -42.0
_MIN_PURITY = 0.85
"""Part of the energy that the two tones hold (a signal 9 dB above the noise leaves 0.89)."""

_MAX_HARMONIC = 0.03
"""Second harmonic over its tone, in power (-15 dB)."""


def tone(
    keys: str, rate: int = _RATE, on_ms: int = 100, off_ms: int = 100, level_dbfs: float = -9.0
) -> bytes:
    """PCM16 that dials `keys` (0-9, A-D, *, #), each followed by its pause.

    `level_dbfs` is the peak of each of the two tones against full scale; above -6 they would clip
    together, which raises ValueError, as does another key.
    """
    if level_dbfs > -6.03:
        raise ValueError(f"two tones of {level_dbfs} dBFS would clip")
    time = np.arange(rate * on_ms // 1000) / rate
    amplitude = 32768 * 10 ** (level_dbfs / 20)
    pause = bytes(rate * off_ms // 1000 * 2)
    parts: list[bytes] = []
    for key in keys:
        index = KEYS.find(key)
        if index < 0:
            raise ValueError(f"{key!r} is not a telephone key")
        low, high = LOW_HZ[index // 4], HIGH_HZ[index % 4]
        wave = np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time)
        parts += [np.rint(amplitude * wave).astype("<i2").tobytes(), pause]
    return b"".join(parts)


class Detector:
    """Hears digits in PCM16 at 8 kHz, in chunks of any length.

       +------+  _ON_HOPS windows agree   +---------+
    -->| idle |-------------------------->| digit k |
       +------+                           +---------+
           ^      _OFF_HOPS disagree           |
           +-----------------------------------+
    """

    __slots__ = ("_before", "_candidate", "_digit", "_held", "_off", "_on")

    def __init__(self) -> None:
        self._held = bytes(2 * _HELD)
        self._before = _SILENT
        """Projections of the last window."""
        self._digit = -1
        """Key that is sounding, or -1."""
        self._candidate = -1
        self._on = 0
        self._off = 0

    def push(self, pcm: bytes) -> str:
        """The digits that `pcm` completes, each as soon as it has lasted long enough to count.

        An odd number of bytes raises ValueError.
        """
        if len(pcm) % 2:
            raise ValueError(f"PCM16 needs an even number of bytes, not {len(pcm)}")
        held = self._held + pcm
        hops = (len(held) // 2 - _HELD) // _HOP
        if hops <= 0:
            self._held = held
            return ""
        self._held = held[2 * hops * _HOP :]
        # The windows overlap, which numpy's strides say without a copy until the conversion.
        windows = np.ndarray((hops, _WINDOW), "<i2", held, strides=(2 * _HOP, 2)).astype(np.float64)
        return "".join([self._follow(key) for key in self._keys(windows)])

    def _keys(self, windows: NDArray[np.float64]) -> list[int]:
        """The key that each window agrees with, or -1."""
        energies: list[float] = ((windows * windows) @ _HANN).tolist()
        keys = [-1] * len(energies)
        if max(energies) < 2 * _MIN_POWER:
            self._before = _SILENT
            return keys
        projected = windows @ _PROBES
        squares = projected * projected
        powers: list[list[float]] = (squares[:, :_SINE] + squares[:, _SINE:]).tolist()
        projections: list[list[float]] = projected.tolist()
        for hop, energy in enumerate(energies):
            keys[hop] = _key(energy, powers[hop], projections[hop], self._before)
            self._before = projections[hop]
        return keys

    def _follow(self, key: int) -> str:
        """One window's step through the states; gives the digit that it completes, if any."""
        if key == self._digit:
            self._off = self._on = 0
            return ""
        if self._digit >= 0:
            self._off += 1
            if self._off >= _OFF_HOPS:
                self._digit = -1
        self._on = self._on + 1 if key == self._candidate else 1
        self._candidate = key
        if key < 0 or self._on < _ON_HOPS:
            return ""
        self._digit = key
        self._off = self._on = 0
        return KEYS[key]


def _key(energy: float, power: list[float], now: list[float], before: list[float]) -> int:
    """The key that a window agrees with, or -1. Powers are mean squares, frequencies in Hz."""
    power_low, power_high = max(power[:4]), max(power[4:8])
    # A tone off pitch by 2.5 % loses up to 3.8 dB, made good below, once it is known by how much.
    if 2.4 * (power_low + power_high) < _MIN_PURITY * energy:
        return -1
    low, high = power.index(power_low), power.index(power_high, 4)
    off_low, off_high = _off_pitch(low, now, before), _off_pitch(high, now, before)
    if abs(off_low) > _PITCH_TOLERANCE * _TONES[low]:
        return -1
    if abs(off_high) > _PITCH_TOLERANCE * _TONES[high]:
        return -1
    level_low = power_low / _response(off_low)
    level_high = power_high / _response(off_high)
    if min(level_low, level_high) < _MIN_POWER:
        return -1
    if level_low > level_high * _NORMAL_TWIST or level_high > level_low * _REVERSE_TWIST:
        return -1
    if level_low + level_high < _MIN_PURITY * energy:
        return -1
    harmonic_low = power[low + 8] - _LEAK[low][high - 4] * level_high
    if harmonic_low > _MAX_HARMONIC * level_low or power[high + 8] > _MAX_HARMONIC * level_high:
        return -1
    return 4 * low + high - 4


def _off_pitch(tone: int, now: list[float], before: list[float]) -> float:
    """How far from the tone's frequency it sounds, by the phase gained since the last window."""
    gained = complex(now[tone], now[tone + _SINE])
    gained *= complex(before[tone], -before[tone + _SINE]) * _ADVANCE[tone]
    return phase(gained) * _RATE / (2 * pi * _HOP)


def _response(off_hz: float) -> float:
    """Power that the Hann window leaves of a tone `off_hz` beside the probe."""
    bins = abs(off_hz) * _WINDOW / _RATE
    if bins < 1e-6:
        return 1.0
    if abs(bins - 1) < 1e-6:
        return 0.25
    return (sin(pi * bins) / (pi * bins) / (1 - bins * bins)) ** 2


def _leak(low_hz: float, high_hz: float) -> float:
    """Power that the high tone leaves at twice the low one, at most: 1336 is 58 Hz from 2 * 697."""
    nearest = abs(high_hz - 2 * low_hz) - _PITCH_TOLERANCE * high_hz
    return _response(max(nearest, 0.0))


def _probes() -> NDArray[np.float64]:
    """Columns: cosines of the eight tones and of their second harmonics, then all the sines.

    A sine of amplitude a projects to a power of a^2 / 2, its mean square.
    """
    hz = np.concatenate((_TONES, 2 * np.array(_TONES)))
    angle = 2 * np.pi * hz * np.arange(_WINDOW)[:, None] / _RATE
    waves = np.concatenate((np.cos(angle), -np.sin(angle)), axis=1)
    return np.asarray(np.sqrt(2) * _HANN[:, None] * waves, np.float64)


_TONES = LOW_HZ + HIGH_HZ
_SINE = 2 * len(_TONES)
"""Distance from a cosine's column to its sine's."""

_SILENT = [0.0] * (2 * _SINE)
_HANN = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(_WINDOW) + 0.5) / _WINDOW)
_HANN /= _HANN.sum()  # so that the energy of a window is its mean square
_PROBES = _probes()
_ADVANCE = [rect(1.0, -2 * pi * hz * _HOP / _RATE) for hz in _TONES]
_LEAK = [[_leak(low, high) for high in HIGH_HZ] for low in LOW_HZ]
_MIN_POWER = 32768**2 / 2 * 10 ** (_MIN_TONE_DBFS / 10)
_NORMAL_TWIST = 10 ** ((NORMAL_TWIST_DB + _TWIST_MARGIN_DB) / 10)
_REVERSE_TWIST = 10 ** ((REVERSE_TWIST_DB + _TWIST_MARGIN_DB) / 10)
