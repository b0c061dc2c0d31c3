"""The carrier's end of the line: what it has been sent, what it has played, what the caller heard.

A model of the outbound buffer of a Twilio media stream. Audio plays in the order received, 8,000
mu-law samples a second, from the moment it arrives if nothing is playing. No clock: `now` is
milliseconds since the call started and never goes backwards. Source:
https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

from collections import deque
from dataclasses import dataclass

RATE = 8000
SAMPLES_PER_MS = RATE // 1000
SILENCE = b"\xff"
"""One mu-law sample of silence."""

LIMIT_MS = 10 * 60_000
"""Twilio buffers ten minutes and discards what exceeds them (its warning 31931)."""

BURST_MS = 400
"""A buffer that ran dry for longer than this is a pause between two replies, not an underrun."""


def sample_at(now: float) -> int:
    """The number of the sample that plays at `now` milliseconds."""
    return int(now * SAMPLES_PER_MS)


@dataclass(frozen=True, slots=True)
class Gap:
    """The buffer ran dry in the middle of what the agent was sending."""

    start: int
    """The first sample of silence, counted from the start of the call."""
    samples: int
    marked: bool
    """A mark came between: some agents mark the end of a reply, others the end of every chunk."""

    @property
    def ms(self) -> float:
        return self.samples / SAMPLES_PER_MS


@dataclass(frozen=True, slots=True)
class Underruns:
    """How often, and how badly, the caller heard a hole."""

    count: int
    over_40_ms: int
    worst_ms: float


class CarrierBuffer:
    """Plays what the agent sends, echoes its marks, forgets on `clear`.

    An *underrun* is a stretch of more than 0 and at most `BURST_MS` of silence that nobody sent,
    between audio that ended and audio that came after it, with no `clear` between the two. A mark
    between them excuses nothing, because many agents mark every chunk; `Gap.marked` tells for those
    who want to know. So two replies that follow each other within `BURST_MS` are counted too: the
    count errs towards blame. Silence that the agent *sent* is never counted.
    """

    def __init__(self, limit_ms: int = LIMIT_MS) -> None:
        self._limit = limit_ms * SAMPLES_PER_MS
        self._timeline = bytearray()
        """What was played and, beyond `now`, what will be unless it is cleared."""
        self._marks: deque[tuple[int, str]] = deque()
        self._broken_off = True
        """Nothing came before, or a clear did: the next silence is not an underrun."""
        self._marked = False
        self.gaps: list[Gap] = []
        self.discarded = 0
        """Samples that came when the buffer was full."""

    def receive(self, audio: bytes, now: float) -> None:
        """Queue `audio` (mu-law) behind what is queued: whole, or not at all if it does not fit."""
        if not audio:
            return
        at, end = sample_at(now), len(self._timeline)
        if max(0, end - at) + len(audio) > self._limit:
            self.discarded += len(audio)
            return
        if at > end:
            dry = at - end
            if not self._broken_off and dry <= BURST_MS * SAMPLES_PER_MS:
                self.gaps.append(Gap(end, dry, self._marked))
            self._timeline += SILENCE * dry
        self._timeline += audio
        self._broken_off = self._marked = False

    def mark(self, name: str, now: float) -> None:
        """Have `name` echoed by `advance` once everything received before it has been played."""
        self._marks.append((max(len(self._timeline), sample_at(now)), name))
        self._marked = True

    def clear(self, now: float) -> tuple[str, ...]:
        """Drop what was not played yet. Returns every pending mark: all are echoed at once."""
        del self._timeline[sample_at(now) :]
        echoes = tuple(name for _, name in self._marks)
        self._marks.clear()
        self._broken_off = True
        return echoes

    def advance(self, now: float) -> tuple[str, ...]:
        """The marks to echo now, in the order in which they came."""
        if not self._marks or self._marks[0][0] > (at := sample_at(now)):
            return ()
        echoes = []
        while self._marks and self._marks[0][0] <= at:
            echoes.append(self._marks.popleft()[1])
        return tuple(echoes)

    def pending_ms(self, now: float) -> float:
        """How much audio is still to be played."""
        return max(0, len(self._timeline) - sample_at(now)) / SAMPLES_PER_MS

    def played(self, start: float, end: float) -> bytes:
        """What was played between two moments, without the silence after the last audio."""
        return bytes(self._timeline[sample_at(start) : sample_at(end)])

    def heard(self, now: float) -> bytes:
        """Everything the caller heard up to `now`: mu-law, silence where nothing was played."""
        at = sample_at(now)
        return bytes(self._timeline[:at]).ljust(at, SILENCE)

    def underruns(self) -> Underruns:
        """The gaps so far, counted."""
        lengths = [gap.ms for gap in self.gaps]
        return Underruns(len(lengths), sum(ms > 40 for ms in lengths), max(lengths, default=0.0))
