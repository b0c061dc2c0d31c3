"""Ogg read page by page, as strictly as RFC 3533 has it."""

import struct
from dataclasses import dataclass

from voice_codecs.ogg import checksum


@dataclass(frozen=True)
class Page:
    kind: int
    granule: int
    serial: int
    sequence: int
    packets: list[bytes]


def pages(content: bytes) -> list[Page]:
    """All pages; one that was cut off by a crash is left out."""
    found = []
    while len(content) >= 27:
        capture, version, kind, granule, serial, sequence, crc, count = struct.unpack_from(
            "<4sBBqIIIB", content
        )
        assert (capture, version) == (b"OggS", 0)
        lacing = content[27 : 27 + count]
        size = 27 + count + sum(lacing)
        if len(content) < size:
            break
        page = bytearray(content[:size])
        page[22:26] = bytes(4)
        assert checksum(page) == crc
        packets, packet, at = [], b"", 27 + count
        for length in lacing:
            packet += content[at : at + length]
            at += length
            if length < 255:
                packets.append(packet)
                packet = b""
        assert not packet, "no packet goes on to the next page"
        found.append(Page(kind, granule, serial, sequence, packets))
        content = content[size:]
    return found
