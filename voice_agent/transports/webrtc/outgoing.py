"""What the agent says, as packets: one for each 20 ms, and nothing ahead.

What has not been asked for yet can still be taken back, so the pace of the packets is the whole
clock of what is played.
"""

from collections.abc import Callable, Iterator

from voice_codecs.opus import CLOCK, FRAME_MS, OpusEncoder

_PER_PACKET = CLOCK * FRAME_MS // 1000
_EARLY_MS = 4
"""So much before its time a packet may go: the beat that asks for it is not exact."""
_STALLED_MS = 200
"""So late, packets are left out instead of being sent all at once."""
_ENCODED_SILENCE = 3
"""Packets of silence that are made; then the last of them is sent again and again."""


class Outgoing:
    """One stream. Time is given, in milliseconds."""

    def __init__(self, encoder: OpusEncoder) -> None:
        self._encoder = encoder
        self._due: int | None = None
        """When the next packet is to go."""
        self._at = 0
        """Its place in the stream, at 48 kHz."""
        self._silent = 0
        """Packets of silence since the last sound."""
        self._last = b""

    def packets(self, now: int, frame: Callable[[], bytes | None]) -> Iterator[tuple[int, bytes]]:
        """(place in the stream at 48 kHz, packet) of those that are due.

        `frame` gives 20 ms of PCM16 for each of them, or None for silence.
        """
        if self._due is None:
            self._due = now
        if now > self._due + _STALLED_MS:
            missed = (now - self._due) // FRAME_MS
            self._due += missed * FRAME_MS
            self._at += missed * _PER_PACKET
        while now + _EARLY_MS >= self._due:
            at = self._at
            self._due += FRAME_MS
            self._at += _PER_PACKET
            yield at, self._encoded(frame())

    def _encoded(self, pcm: bytes | None) -> bytes:
        self._silent = 0 if pcm is not None else self._silent + 1
        if self._silent <= _ENCODED_SILENCE:
            self._last = self._encoder.encode(pcm or bytes(self._encoder.frame_bytes))
        return self._last
