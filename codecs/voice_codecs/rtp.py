"""RTP packets (RFC 3550), as far as one stream of sound needs them."""

import struct
from typing import NamedTuple

_FIXED = struct.Struct("!BBHLL")
_WORDS = struct.Struct("!HH")
_PLACE = struct.Struct("!HL")
_VERSION = 2
_RTCP = range(192, 209)
"""Second bytes of RTCP packets that share a port with RTP (RFC 5761, section 4)."""


class RtpPacket(NamedTuple):
    """One packet, without its header extensions."""

    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes


def source(datagram: bytes) -> int | None:
    """The SSRC of what may be RTP, encrypted or not; None for STUN, DTLS, TURN and RTCP."""
    if len(datagram) < _FIXED.size or datagram[0] >> 6 != _VERSION or datagram[1] in _RTCP:
        return None
    return int.from_bytes(datagram[8:12])


def parse(datagram: bytes) -> RtpPacket | None:
    """The packet; None if it is none."""
    size = len(datagram)
    if size < _FIXED.size:
        return None
    flags, kind, sequence, timestamp, ssrc = _FIXED.unpack_from(datagram)
    if flags >> 6 != _VERSION:
        return None
    begin = _FIXED.size + 4 * (flags & 0x0F)
    if flags & 0x10:  # A header extension.
        if size < begin + _WORDS.size:
            return None
        begin += _WORDS.size + 4 * _WORDS.unpack_from(datagram, begin)[1]
    end = size
    if flags & 0x20:  # Padding, which the last byte counts.
        if not datagram[-1]:
            return None
        end -= datagram[-1]
    if begin > end:
        return None
    return RtpPacket(kind & 0x7F, sequence, timestamp, ssrc, datagram[begin:end])


class RtpWriter:
    """Packets of one stream, which differ in number, timestamp and payload only."""

    def __init__(self, template: bytes, sequence_number: int, timestamp: int) -> None:
        """`template` is a packet without payload; the other two are those of the first packet."""
        self._flags, self._rest = template[:2], template[8:]
        self._origin = timestamp
        self.sequence_number = sequence_number
        """Of the next packet."""
        self.timestamp = timestamp
        """Of the last one."""

    def write(self, elapsed: int, payload: bytes) -> bytes:
        """The next packet; `elapsed` is its place in the stream, in units of the timestamp."""
        self.timestamp = (self._origin + elapsed) & 0xFFFFFFFF
        place = _PLACE.pack(self.sequence_number, self.timestamp)
        self.sequence_number = (self.sequence_number + 1) & 0xFFFF
        return b"".join((self._flags, place, self._rest, payload))
