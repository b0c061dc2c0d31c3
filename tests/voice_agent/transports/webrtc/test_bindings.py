"""Which addresses and ports are bound, by the settings."""

import errno
import socket

import pytest

from voice_agent.errors import ConfigurationError
from voice_agent.sections import WebRtcSettings
from voice_agent.transports.webrtc.bindings import Bindings, bindings


@pytest.mark.parametrize(
    ("addresses", "host", "bound", "on_loopback"),
    [
        ((), "127.0.0.1", ("127.0.0.1",), True),
        ((), "localhost", None, True),
        ((), "0.0.0.0", (), False),
        ((), "::", (), False),
        ((), "", (), False),
        (("0.0.0.0",), "127.0.0.1", (), False),
        (("127.0.0.2", "127.0.0.3"), "0.0.0.0", ("127.0.0.2", "127.0.0.3"), True),
    ],
)
async def test_what_is_left_open_follows_the_server(
    addresses: tuple[str, ...], host: str, bound: tuple[str, ...] | None, on_loopback: bool
) -> None:
    made = await bindings(WebRtcSettings(addresses=addresses), host)
    assert bound is None or made.addresses == bound
    assert made.on_loopback is on_loopback


@pytest.mark.parametrize(
    ("settings", "host", "complaint"),
    [
        (
            WebRtcSettings(ports=(40_100, 40_000)),
            "127.0.0.1",
            r"`webrtc.ports` is \[40100, 40000\]",
        ),
        (WebRtcSettings(ports=(0, 40_000)), "127.0.0.1", "the first and the last"),
        (WebRtcSettings(addresses=("eth0",)), "127.0.0.1", "names eth0, which is no IP address"),
        (WebRtcSettings(addresses=("203.0.113.7",)), "127.0.0.1", "UDP port at 203.0.113.7"),
        (WebRtcSettings(), "not a host", "`server.host` is not a host"),
        (WebRtcSettings(public_address="203.0.113.7"), "127.0.0.1", "set `webrtc.addresses` too"),
        (WebRtcSettings(public_address="1.2"), "0.0.0.0", "`webrtc.public_address` names 1.2"),
    ],
)
async def test_what_cannot_be_is_told(settings: WebRtcSettings, host: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        await bindings(settings, host)


def test_ports_are_taken_until_there_are_no_more() -> None:
    first = free_ports(3)
    three = Bindings(ports=(first, first + 2))
    taken = [three.bind("127.0.0.1") for _ in range(3)]
    try:
        assert {each.getsockname()[1] for each in taken} == {first, first + 1, first + 2}
        with pytest.raises(OSError) as refused:
            three.bind("127.0.0.1")
        assert refused.value.errno == errno.EADDRINUSE
        three.bind("127.0.0.2").close()
    finally:
        for each in taken:
            each.close()


def free_ports(count: int) -> int:
    """The first of so many neighboring UDP ports of loopback that nobody has bound."""
    for first in range(20_000, 32_000, count):
        tried = []
        try:
            for port in range(first, first + count):
                tried.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                tried[-1].bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for each in tried:
                each.close()
    raise AssertionError("no ports are free")
