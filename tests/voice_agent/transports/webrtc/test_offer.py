"""Session descriptions on their way in and out."""

import pytest

from voice_agent.transports.webrtc.offer import OfferRefused, answer_for, checked, has_channel

OFFER = """v=0
o=- 1 2 IN IP4 127.0.0.1
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=rtpmap:111 opus/48000/2
a=candidate:1 1 udp 2122260223 192.0.2.1 40000 typ host
a=candidate:2 1 udp 2122260222 1f2d.local 40001 typ host
a=candidate:3 1 udp 2122260221 2001:db8::1 40002 typ host
a=end-of-candidates
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
a=sctp-port:5000
"""


def test_only_addresses_are_kept_as_candidates() -> None:
    lines = checked(OFFER).split("\r\n")
    assert [line.split(" ")[4] for line in lines if "candidate:" in line] == [
        "192.0.2.1",
        "2001:db8::1",
    ]
    assert "a=end-of-candidates" not in lines
    assert has_channel(OFFER) and not has_channel(OFFER.split("m=application")[0])


def test_a_flood_of_candidates_is_cut() -> None:
    flood = "".join(f"a=candidate:{n} 1 udp 1 192.0.2.1 {n + 1} typ host\n" for n in range(1000))
    assert checked(OFFER + flood).count("a=candidate") == 32


@pytest.mark.parametrize(
    ("offer", "code"),
    [
        ("", "malformed"),
        ("m=video 9 X 1\n", "malformed"),
        (OFFER + "m=audio 9 X 111\n", "malformed"),
        (OFFER + "m=video 9 X 1\n", "malformed"),
        (OFFER.replace("m=application", "m=video"), "malformed"),
        (OFFER.replace("opus", "g722"), "format"),
    ],
)
def test_other_offers_are_refused(offer: str, code: str) -> None:
    with pytest.raises(OfferRefused) as refused:
        checked(offer)
    assert refused.value.code == code


def test_the_answer_asks_for_redundancy() -> None:
    """Browsers send no redundancy against loss unless they are asked for it (RFC 7587)."""
    answer = answer_for(OFFER + "a=fmtp:111 minptime=10\n", "", 24_000)
    (line,) = [line for line in answer.split("\r\n") if line.startswith("a=fmtp:111 ")]
    assert "useinbandfec=1" in line and "maxaveragebitrate=24000" in line


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("203.0.113.7", ["203.0.113.7 40000 typ srflx raddr 192.0.2.1 rport 40000"]),
        ("2001:db8::7", ["2001:db8::7 40002 typ srflx raddr 2001:db8::1 rport 40002"]),
        ("192.0.2.1", []),
        ("", []),
    ],
)
def test_an_address_outside_is_told_beside_the_own(address: str, told: list[str]) -> None:
    """Beside those of its family only: NAT leads from IPv4 to IPv4."""
    own = checked(OFFER)  # Its names are no addresses.
    lines = answer_for(own, address, 24_000).split("\r\n")
    assert [line.split(" ", 4)[4] for line in lines if "typ srflx" in line] == told
    assert [line for line in lines if "typ host" in line] == [
        line for line in own.split("\r\n") if "typ host" in line
    ], "who is inside too goes the short way"
