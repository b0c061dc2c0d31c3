"""Both directions of a call on one time line, to be recorded as two channels.

Time is counted in samples since the start. What the far end said is placed by when it came: frames
that come late in a burst belong together, and only a lag that stays is a hole. What we said is
placed by when it plays: sent ahead of time, it waits for what was sent before it, and what is
cleared before it was played was never said.
"""

from voice_codecs.pcm import AudioFormat

_LAG_MS = 40
"""So far behind the clock the far end's audio may be: the carrier's frames and our event loop."""
_STEADY_FRAMES = 50
"""A lag that not one of so many frames makes up for is a hole."""
_HOLE_MS = 1000
"""A lag of so much is one at once."""
_MOST_MS = 30_000
"""More than this is not held: whoever is to take it does not come."""


class Tape:
    """Holds what was not taken yet. All methods are cheap and synchronous."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._silence = audio_format.silence
        self._width = audio_format.sample_width
        self._per_ms = audio_format.rate // 1000
        self._most = _MOST_MS * self._per_ms
        self._hole = _HOLE_MS * self._per_ms
        self._tolerated = _LAG_MS * self._per_ms
        self._left = bytearray()
        self._right = bytearray()
        self._taken = 0
        """The sample with which both begin."""
        self._lag = self._hole
        """The least one of the last frames,"""
        self._frames = 0
        """so many of them."""
        self._began = False
        self.muted = False
        """Silence is kept instead of what is heard and said."""
        self.overrun = False
        """Something was dropped, because nobody took it."""

    def heard(self, audio: bytes, at: int) -> None:
        """The far end said `audio`; its last sample came at `at`."""
        left = self._left
        held, samples = len(left) // self._width, len(audio) // self._width
        if held + samples > self._most:
            self.overrun = True
            return
        lag = at - samples - self._taken - held
        if not self._began:
            self._began = True
            self._pad(left, lag)
            lag = 0
        self._frames += 1
        if lag < self._lag:
            self._lag = lag
        if lag >= self._hole:
            self._pad(left, lag)
            self._lag = 0
        elif self._frames >= _STEADY_FRAMES:
            if self._lag > self._tolerated:
                self._pad(left, self._lag)
            self._lag, self._frames = self._hole, 0
        left += self._silence * samples if self.muted else audio

    def said(self, audio: bytes, at: int) -> None:
        """We sent `audio` at `at`; it plays then, or after what was sent before."""
        right = self._right
        held, samples = len(right) // self._width, len(audio) // self._width
        if held + samples > self._most:
            self.overrun = True
            return
        if (dry := at - self._taken - held) > 0:
            self._pad(right, dry)
        right += self._silence * samples if self.muted else audio

    def cleared(self, at: int) -> None:
        """What would have played from `at` on does not."""
        keep = max(at - self._taken, 0) * self._width
        del self._right[keep:]

    def mute(self, at: int) -> None:
        """Keep silence from `at` on, also in place of what was said ahead of time."""
        self.muted = True
        ahead = self._end(self._right) - at
        if ahead > 0:
            self.cleared(at)
            self._pad(self._right, ahead)

    def unmute(self) -> None:
        self.muted = False

    def take(self, until: int) -> tuple[bytes, bytes]:
        """(what was heard, what was said) from the last time up to `until`, equally long."""
        samples = until - self._taken
        if samples <= 0:
            return b"", b""
        size = samples * self._width
        parts = []
        for channel in (self._left, self._right):
            missing = size - len(channel)
            if missing > 0:
                channel += self._silence * (missing // self._width)
            parts.append(bytes(memoryview(channel)[:size]))
            del channel[:size]
        self._taken = until
        return parts[0], parts[1]

    @property
    def end(self) -> int:
        """The sample after the last one that was heard or said."""
        return max(self._end(self._left), self._end(self._right))

    def _end(self, channel: bytearray) -> int:
        return self._taken + len(channel) // self._width

    def _pad(self, channel: bytearray, samples: int) -> None:
        most = self._most - len(channel) // self._width
        if samples > most:
            self.overrun = True
        channel += self._silence * max(min(samples, most), 0)
