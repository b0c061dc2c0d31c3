"""Packets of a live stream in their order, held back no longer than loss and disorder demand.

A recognizer has no clock: it takes sound when it comes, so there is no playout delay to keep. A
packet that comes in its turn goes on at once. Behind a gap packets are held until so many have come
that the missing one is taken for lost; then the gap is told and nothing is held any more. How many
that are grows by what comes too late, and shrinks again while nothing does.

What sends nothing in silence (DTX) leaves no gap in the numbers but one in the timestamps; while it
lasts, `beat` tells it as it grows, so that whoever listens hears the silence when it is.
"""

from dataclasses import dataclass

from .opus import CLOCK, FRAME_MS, duration

_FRAME = CLOCK * FRAME_MS // 1000
_LEAST = 2
"""Packets behind a gap until it counts as loss: neighbors often change places."""
_CALM = 250
"""Packets in order after which the depth shrinks by one: five seconds."""
_LONGEST_GAP = CLOCK
"""A second: what is missing beyond it is not made up for."""
_QUIET_MS = 60
"""Nothing for so long is silence, where the stream said that it would be silent;"""
_STALLED_MS = 200
"""and this long, where it did not."""
_SILENT_BYTES = 2
"""The longest packet with which Opus says that it will be silent."""
_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Packet:
    """The next one."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """Nothing is known of so much time."""

    samples: int
    """At 48 kHz."""
    following: bytes = b""
    """The packet behind it, if that one may tell what was lost."""


Piece = Packet | Gap


class JitterHold:
    """One stream. Time is given, in milliseconds; sequence numbers and timestamps are RTP's."""

    def __init__(self, most_hold_ms: int = 120) -> None:
        """Packets are held for at most about `most_hold_ms`, whatever the disorder."""
        self._most = max(most_hold_ms // FRAME_MS, _LEAST)
        self._depth = _LEAST
        self._next: int | None = None
        self._due = 0
        """The timestamp at which the next packet should begin."""
        self._held: dict[int, tuple[int, bytes]] = {}
        self._given_up: dict[int, None] = {}
        """Numbers that were taken for lost, the latest last."""
        self._calm = 0
        self._came = 0
        """When the last packet came."""
        self._made_up = 0
        """Samples that `beat` has told since then."""
        self._silent = False
        """The last packet said that the stream would be silent."""
        self.lost = 0
        """Packets that did not come in time."""
        self.late = 0
        """Those of them that came after all."""

    @property
    def depth_ms(self) -> int:
        """How long a missing packet is waited for."""
        return self._depth * FRAME_MS

    @property
    def held(self) -> int:
        """Packets that wait for one before them."""
        return len(self._held)

    def push(self, sequence: int, timestamp: int, payload: bytes, now: int) -> list[Piece]:
        """Take a packet as it comes; gives what is complete by it."""
        pieces: list[Piece] = []
        if self._next is None:
            self._next, self._due = sequence, timestamp
        if (sequence - self._next) & 0x8000:
            self._too_late(sequence)
            return pieces
        self._held[sequence] = (timestamp, payload)
        self._came = now
        self._take_in_order(pieces)
        while len(self._held) >= self._depth:
            self._give_up(pieces)
        return pieces

    def beat(self, now: int) -> list[Piece]:
        """To be called every 20 ms: gives the silence that has passed without a packet."""
        pieces: list[Piece] = []
        if self._next is None:
            return pieces
        quiet = now - self._came
        while self._held and quiet >= _QUIET_MS:
            self._give_up(pieces)
        begins = _QUIET_MS if self._silent else _STALLED_MS
        while quiet >= begins and self._made_up * 1000 // CLOCK + FRAME_MS <= quiet - FRAME_MS:
            if self._made_up >= _LONGEST_GAP:
                break
            self._made_up += _FRAME
            pieces.append(Gap(_FRAME))
        return pieces

    def _take_in_order(self, pieces: list[Piece]) -> None:
        assert self._next is not None
        while (found := self._held.pop(self._next, None)) is not None:
            timestamp, payload = found
            self._bridge(timestamp, b"", pieces)
            pieces.append(Packet(payload))
            self._due = (timestamp + (duration(payload) or _FRAME)) & 0xFFFFFFFF
            self._silent = len(payload) <= _SILENT_BYTES
            self._next = (self._next + 1) & 0xFFFF
            self._calm += 1
        if self._calm >= _CALM and self._depth > _LEAST:
            self._depth -= 1
            self._calm = 0

    def _give_up(self, pieces: list[Piece]) -> None:
        """What is missing before the first one held is lost."""
        assert self._next is not None
        start = self._next
        missing = min((sequence - start) & 0xFFFF for sequence in self._held)
        first = (start + missing) & 0xFFFF
        timestamp, payload = self._held[first]
        self.lost += missing
        for number in range(max(missing - _REMEMBERED, 0), missing):
            self._given_up[(start + number) & 0xFFFF] = None
        while len(self._given_up) > _REMEMBERED:
            del self._given_up[next(iter(self._given_up))]
        self._bridge(timestamp, payload, pieces)
        self._next, self._due = first, timestamp
        self._take_in_order(pieces)

    def _bridge(self, timestamp: int, following: bytes, pieces: list[Piece]) -> None:
        """Tell the time from where the stream was to `timestamp`, less what was told already."""
        gap = (timestamp - self._due) & 0xFFFFFFFF
        made_up, self._made_up = self._made_up, 0
        if gap >= 0x80000000:
            return  # The stream's clock was set back.
        left = min(gap, _LONGEST_GAP) - made_up
        if left > 0:
            pieces.append(Gap(left, following if left >= _FRAME and not made_up else b""))

    def _too_late(self, sequence: int) -> None:
        assert self._next is not None
        if sequence not in self._given_up:
            if (self._next - sequence) & 0xFFFF > _REMEMBERED * 8:
                self._next = None  # The numbers begin anew; so does the next packet.
                self._held.clear()
            return  # A duplicate.
        del self._given_up[sequence]
        self.late += 1
        # It would have been in time, had the hold waited for as many as have come since.
        self._depth = min(max((self._next - sequence) & 0xFFFF, self._depth), self._most)
        self._calm = 0
