"""Which addresses are public, and what an allow-list opens."""

import pytest

from voice_agent.actions.addresses import AllowList, is_public
from voice_agent.errors import ConfigurationError

INSIDE = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255"),
    *("192.168.1.1", "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200"),
    *("192.0.0.8", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.9"),
    *("224.0.0.251", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("192.88.99.1", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
    *("::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"),
    *("2002:7f00:1::", "2002:a00:1::1", "2001:0:7f00:1::", "2001:db8::1", "fc00::1"),
    *("fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "100::1"),
    *("3fff::1", "5f00::1", "127.1", "0x7f.1", "2130706433", "localhost", ""),
]


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_not_public(address: str) -> None:
    """S004-43"""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("entry", "host", "address", "port", "opened"),
    [
        ("127.0.0.1:9000", "127.0.0.1", "127.0.0.1", 9000, True),
        ("127.0.0.1:9000", "127.0.0.1", "127.0.0.1", 9001, False),
        ("127.0.0.1:9000", "127.0.0.2", "127.0.0.2", 9000, False),
        ("10.1.0.0/16", "anything", "10.1.2.3", 443, True),
        ("10.1.0.0/16", "anything", "10.2.2.3", 443, False),
        ("10.1.0.0/16", "anything", "::ffff:10.1.2.3", 443, True),
        ("[fd00::1]:443", "x", "fd00::1", 443, True),
        ("[fd00::1]:443", "x", "fd00::1", 80, False),
        ("fd00::/8", "x", "fd00::7", 80, True),
        ("hooks.internal", "Hooks.Internal.", "10.0.0.1", 443, True),
        ("hooks.internal", "evil.hooks.internal", "10.0.0.1", 443, False),
        ("hooks.internal:8080", "hooks.internal", "10.0.0.1", 443, False),
        ("hooks.internal", "hooks.internal", "169.254.169.254", 80, False),
        ("169.254.169.254", "x", "169.254.169.254", 80, True),
    ],
)
def test_an_entry_opens_what_it_names(
    entry: str, host: str, address: str, port: int, opened: bool
) -> None:
    assert AllowList([entry]).opens(host, address, port) is opened


@pytest.mark.parametrize(
    "entry", ["", "10.1.0.0/99", "10.1.2.3/16", "http://x", "a b", "1.2.3", "*"]
)
def test_a_wrong_entry_is_refused_by_name(entry: str) -> None:
    with pytest.raises(ConfigurationError, match=r"actions\.allow"):
        AllowList([entry])
