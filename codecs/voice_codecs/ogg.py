"""Ogg pages for an Opus stream (RFC 3533, RFC 7845): written page by page, so that what a crash
leaves can be played, and read again as far as they go."""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_CAPTURE = b"OggS"
_FIRST, _LAST = 0x02, 0x04
_MOST_SEGMENTS = 255
_RATE = 48_000
"""Opus counts in these samples, whatever it was given."""


_HEAD = struct.Struct("<4sBBqIIIB")


class OpusPage(NamedTuple):
    """What a page holds."""

    granule: int
    """Samples at 48 kHz up to its end, those that decoders drop at the beginning included."""
    packets: list[bytes]


class OpusHead(NamedTuple):
    """What the first page tells of the stream."""

    channels: int
    pre_skip: int
    """Samples at 48 kHz that decoders drop at the beginning."""


def opus_head(page: OpusPage) -> OpusHead:
    """What the first page tells. Raises ValueError if it is none of Opus."""
    packet = page.packets[0] if page.packets else b""
    if len(packet) < 19 or not packet.startswith(b"OpusHead\x01"):
        raise ValueError("not an Ogg file with Opus")
    return OpusHead(packet[9], int.from_bytes(packet[10:12], "little"))


def read_pages(file: BinaryIO) -> Iterator[OpusPage]:
    """The pages of a file as `OpusPages` writes them: no packet goes on to the next page. What a
    crash has cut off is left out; checksums are not looked at.

    Raises ValueError if it is no such file, and OSError.
    """
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        capture, version, _, granule, _, _, _, count = _HEAD.unpack(head)
        if (capture, version) != (_CAPTURE, 0):
            raise ValueError("not an Ogg file")
        lacing = file.read(count)
        content = file.read(sum(lacing))
        if len(lacing) < count or len(content) < sum(lacing):
            return
        packets, begin, end = [], 0, 0
        for length in lacing:
            end += length
            if length < 255:
                packets.append(content[begin:end])
                begin = end
        yield OpusPage(granule, packets)


class OpusPages:
    """Packs Opus packets into pages. Give every page to the file as it comes."""

    def __init__(self, serial: int, rate: int, channels: int, pre_skip: int, vendor: str) -> None:
        """`rate` is that of the original; `pre_skip` are samples at 48 kHz that decoders drop."""
        self._serial = serial
        self._channels = channels
        self._rate = rate
        self._vendor = vendor.encode()
        self._pre_skip = pre_skip
        self._sequence = 0
        self._granule = 0
        """Samples at 48 kHz that the packets so far decode to, those to be dropped included."""
        self._segments = bytearray()
        self._packets: list[bytes] = []

    def head(self) -> bytes:
        """The first two pages: what the stream is, and who wrote it."""
        identity = struct.pack(
            "<8sBBHIhB", b"OpusHead", 1, self._channels, self._pre_skip, self._rate, 0, 0
        )
        tags = struct.pack("<8sI", b"OpusTags", len(self._vendor)) + self._vendor + bytes(4)
        pages = b""
        for kind, packet in ((_FIRST, identity), (0, tags)):
            self._add(packet)
            pages += self._page(kind, 0)
        return pages

    def packet(self, packet: bytes, samples: int) -> bytes:
        """Take a packet of so many samples at 48 kHz; gives a page whenever one is full."""
        full = b""
        if len(self._segments) + len(packet) // 255 + 1 > _MOST_SEGMENTS:
            full = self.flush()
        self._add(packet)
        self._granule += samples
        return full

    def flush(self) -> bytes:
        """A page with the packets that wait for one; empty if there are none."""
        return self._page(0, self._granule) if self._segments else b""

    def end(self, surplus: int = 0) -> bytes:
        """The last page. `surplus` samples at 48 kHz at the end are not to be played."""
        return self._page(_LAST, max(self._granule - surplus, 0))

    def _add(self, packet: bytes) -> None:
        # The packet ends with the first segment that is shorter than 255.
        self._segments += b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
        self._packets.append(packet)

    def _page(self, kind: int, granule: int) -> bytes:
        head = _HEAD.pack(
            _CAPTURE, 0, kind, granule, self._serial, self._sequence, 0, len(self._segments)
        )
        page = bytearray(head + self._segments + b"".join(self._packets))
        struct.pack_into("<I", page, 22, checksum(page))
        self._sequence += 1
        self._segments.clear()
        self._packets.clear()
        return bytes(page)


def checksum(page: bytes | bytearray) -> int:
    """The CRC of a page whose own field is zero: polynomial 0x04C11DB7, not reflected."""
    crc = 0
    for byte in page:
        crc = (crc << 8 & 0xFFFFFFFF) ^ _TABLE[crc >> 24 ^ byte]
    return crc


def _row(byte: int) -> int:
    crc = byte << 24
    for _ in range(8):
        crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc


_TABLE = tuple(_row(byte) for byte in range(256))
