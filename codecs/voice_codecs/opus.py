"""Opus (RFC 6716), by libopus: PCM16 in and out, a packet at a time.

libopus converts between 48 kHz and the rates that it knows by itself, so nothing is resampled. It
comes with the extra ``webrtc``; both classes raise ImportError where it is not installed.
"""

import ctypes
from typing import Any

CLOCK = 48_000
"""Opus counts its samples in this rate, whatever it is decoded to."""
FRAME_MS = 20
_LONGEST_MS = 120
_PER_10_MS = CLOCK // 100


class OpusDecoder:
    """Packets of one stream, in their order, to PCM16."""

    def __init__(self, rate: int, channels: int = 1) -> None:
        """`rate` is 8000, 12000, 16000, 24000 or 48000; of several channels samples alternate."""
        from opuslib_next import Decoder  # type: ignore[import-untyped]
        from opuslib_next.api import decoder as api  # type: ignore[import-untyped]

        self._rate = rate
        self._decoder: Any = Decoder(rate, channels)  # Frees the state with itself.
        # Its own `decode` turns each sample into a Python number: four times the work.
        self._decode: Any = api.libopus_decode
        self._most = rate * _LONGEST_MS // 1000
        self._frame = 2 * channels
        self._room = (ctypes.c_int16 * (self._most * channels))()

    def decode(self, packet: bytes) -> bytes:
        """The packet's sound; empty if it is none of Opus."""
        return self._run(packet, self._most, 0)

    def conceal(self, samples: int, following: bytes = b"") -> bytes:
        """What may have been in a gap of so many samples at 48 kHz, in whole 2.5 ms.

        `following` is the packet behind it, which may tell of the 20 ms before itself.
        """
        wanted = samples * self._rate // CLOCK
        step = self._rate // 400
        wanted -= wanted % step
        told = self._rate * FRAME_MS // 1000 if following else 0
        pcm = b""
        while (missing := wanted - len(pcm) // 2 - told) > 0:
            some = self._run(b"", min(missing, self._rate // 50), 0)
            if not some:
                break
            pcm += some
        if told and wanted >= told:
            pcm += self._run(following, told, 1)
        return pcm

    def _run(self, packet: bytes, samples: int, redundancy: int) -> bytes:
        count = self._decode(
            self._decoder.decoder_state, packet, len(packet), self._room, samples, redundancy
        )
        return ctypes.string_at(self._room, self._frame * count) if count > 0 else b""


class OpusEncoder:
    """PCM16 to packets of 20 ms that hold enough of their predecessor to hide its loss."""

    def __init__(self, rate: int, bits_per_second: int, complexity: int = 1) -> None:
        """From complexity 2 on libopus takes more than twice the time, for little.

        PESQ (wideband, six readings of 12 s at 16 kHz) without loss, with 3 % and with 10 %:

        - complexity 1, 36 kbit/s: 4.29, 4.05, 3.36 (128 µs for each packet),
        - complexity 3, 32 kbit/s: 4.28, 4.05, 3.35 (276 µs),
        - complexity 1, 32 kbit/s: 4.35, 3.34, 2.32: too little room for the predecessor.
        """
        from opuslib_next import Encoder

        self._encoder: Any = Encoder(rate, 1, "voip")
        self._encoder.bitrate = bits_per_second
        self._encoder.complexity = complexity
        self._encoder.inband_fec = 1
        self._encoder.packet_loss_perc = 5
        self._samples = rate * FRAME_MS // 1000

    @property
    def frame_bytes(self) -> int:
        """What `encode` takes."""
        return 2 * self._samples

    def encode(self, pcm: bytes) -> bytes:
        """A packet with these 20 ms."""
        packet: bytes = self._encoder.encode(pcm, self._samples)
        return packet


def duration(packet: bytes) -> int:
    """How long a packet lasts, in samples at 48 kHz; 0 if it is none (RFC 6716, section 3.1)."""
    if not packet:
        return 0
    configuration, count = packet[0] >> 3, packet[0] & 3
    if configuration < 12:  # SILK: 10, 20, 40, 60 ms
        frame = (_PER_10_MS, 2 * _PER_10_MS, 4 * _PER_10_MS, 6 * _PER_10_MS)[configuration & 3]
    elif configuration < 16:  # Hybrid: 10, 20 ms
        frame = _PER_10_MS << (configuration & 1)
    else:  # CELT: 2.5, 5, 10, 20 ms
        frame = _PER_10_MS // 4 << (configuration & 3)
    if count < 3:
        return frame * (1 if count == 0 else 2)
    frames = packet[1] & 0x3F if len(packet) > 1 else 0
    return frame * frames if frame * frames <= CLOCK * _LONGEST_MS // 1000 else 0
