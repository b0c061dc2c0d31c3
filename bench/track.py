"""What a page says, as aiortc sends it: a packet each 20 ms, and nothing ahead.

aiortc asks a track for the next packet as soon as the last one is sent, so the track's pace is the
whole clock of what is played, and what it has not given away yet can still be taken back.
"""

import asyncio
import fractions
from collections.abc import Callable
from typing import Any

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import Packet

from voice_codecs.opus import CLOCK, FRAME_MS, OpusEncoder

_TIME_BASE = fractions.Fraction(1, CLOCK)
_STEP_S = FRAME_MS / 1000
_STALLED_S = 0.2
"""So late, packets are left out instead of being sent all at once."""
_ENCODED_SILENCE = 3
"""Packets of silence that are made; then the last of them is sent again and again."""


class PacedTrack(MediaStreamTrack):
    """A packet each 20 ms of what `frame` gives: PCM16, or None for silence."""

    kind = "audio"

    def __init__(self, frame: Callable[[], bytes | None], encoder: OpusEncoder) -> None:
        super().__init__()
        self._frame = frame
        self._encoder = encoder
        self._now = asyncio.get_running_loop().time
        self._due: float | None = None
        self._sent = 0
        self._silent = 0
        """Packets of silence since the last sound."""
        self._last = b""

    async def recv(self) -> "Packet[Any]":
        """The next packet, when it is due. It is encoded already: aiortc passes it on."""
        if self.readyState != "live":
            raise MediaStreamError
        now = self._now()
        if self._due is None:
            self._due = now
        if now < self._due:
            await asyncio.sleep(self._due - now)
        elif now > self._due + _STALLED_S:
            missed = int((now - self._due) / _STEP_S)
            self._due += missed * _STEP_S
            self._sent += missed
        self._due += _STEP_S
        packet: Packet[Any] = Packet(self._encoded(self._frame()))
        packet.pts = self._sent * (CLOCK * FRAME_MS // 1000)
        packet.time_base = _TIME_BASE
        self._sent += 1
        return packet

    def _encoded(self, pcm: bytes | None) -> bytes:
        self._silent = 0 if pcm is not None else self._silent + 1
        if self._silent <= _ENCODED_SILENCE:
            self._last = self._encoder.encode(pcm or bytes(self._encoder.frame_bytes))
        return self._last
