"""Pages as RFC 3533 and RFC 7845 want them."""

from hypothesis import given
from hypothesis import strategies as st

from tests.codecs.ogg_reading import pages
from voice_codecs.ogg import OpusPages, checksum

PACKETS = st.lists(st.binary(min_size=1, max_size=1300), max_size=80)


def test_the_checksum_is_the_one_of_the_format() -> None:
    # CRC-32 with polynomial 0x04C11DB7, no reflection, initial value and final XOR 0.
    assert checksum(b"123456789") == 0x89A1897F


@given(PACKETS, st.lists(st.integers(0, 80), max_size=5))
def test_what_goes_in_comes_out(packets: list[bytes], flushed: list[int]) -> None:
    stream = OpusPages(7, 8000, 2, 312, "voice-agent")
    content = stream.head()
    for number, packet in enumerate(packets):
        content += stream.packet(packet, 960)
        if number in flushed:
            content += stream.flush()
    content += stream.end(100)
    found = pages(content)
    assert [page.sequence for page in found] == list(range(len(found)))
    assert {page.serial for page in found} == {7}
    head, tags = found[0].packets[0], found[1].packets[0]
    assert head.startswith(b"OpusHead\x01\x02") and len(head) == 19
    assert head[10:12] == (312).to_bytes(2, "little") and head[12:16] == b"\x40\x1f\0\0"
    assert tags == b"OpusTags\x0b\0\0\0voice-agent\0\0\0\0"
    assert (found[0].kind, found[-1].kind) == (2, 4)
    assert [packet for page in found[2:] for packet in page.packets] == packets
    assert found[-1].granule == max(960 * len(packets) - 100, 0)
    granules = [page.granule for page in found[2:-1]]
    assert granules == sorted(granules) and all(g % 960 == 0 for g in granules)
