"""RTP packets, as aiortc reads and writes them."""

import pytest
from aiortc import rtp
from hypothesis import given
from hypothesis import strategies as some

from voice_codecs.rtp import RtpPacket, RtpWriter, parse, source

NUMBERS = some.integers(0, 0xFFFF)
TIMES = some.integers(0, 0xFFFFFFFF)


def extensions() -> rtp.HeaderExtensionsMap:
    """With the name of the media as the extension number 4."""
    made = rtp.HeaderExtensionsMap()
    made._HeaderExtensionsMap__ids.mid = 4  # type: ignore[attr-defined]
    return made


@given(NUMBERS, TIMES, TIMES, some.binary(max_size=50), some.integers(0, 3), some.booleans())
def test_what_aiortc_writes_is_read(
    number: int, time: int, ssrc: int, payload: bytes, sources: int, named: bool
) -> None:
    packet = rtp.RtpPacket(111, 1, number, time, ssrc, payload)
    packet.csrc = [7] * sources
    if named:
        packet.extensions.mid = "0"
    packet.padding_size = number % 9
    datagram = packet.serialize(extensions())
    assert parse(datagram) == RtpPacket(111, number, time, ssrc, payload)
    assert source(datagram) == ssrc


@given(NUMBERS, TIMES, some.binary(max_size=50))
def test_what_is_written_is_what_aiortc_writes(number: int, time: int, payload: bytes) -> None:
    packet = rtp.RtpPacket(111, 1, ssrc=5)
    packet.extensions.mid = "audio"
    writer = RtpWriter(packet.serialize(extensions()), number, time)
    for step in range(3):
        packet.sequence_number = (number + step) & 0xFFFF
        packet.timestamp = (time + 960 * step) & 0xFFFFFFFF
        packet.payload = payload
        assert writer.write(960 * step, payload) == packet.serialize(extensions())
        assert writer.timestamp == packet.timestamp


@given(some.binary(max_size=40))
def test_whatever_else_comes_is_no_packet_or_a_part_of_it(datagram: bytes) -> None:
    if (packet := parse(datagram)) is not None:
        assert datagram.find(packet.payload) >= 0 and len(packet.payload) <= len(datagram) - 12


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x80\x6f",  # Cut off.
        b"\x00\x01" + bytes(18),  # STUN
        b"\x16\xfe\xfd" + bytes(20),  # DTLS
        b"\x80\xc8" + bytes(26),  # RTCP
    ],
)
def test_other_protocols_have_no_source(datagram: bytes) -> None:
    assert source(datagram) is None
