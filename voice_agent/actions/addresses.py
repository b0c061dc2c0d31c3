"""Which addresses an outgoing request may reach: public ones, and what the operator has opened."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import ConfigurationError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_GLOBAL_V6 = ipaddress.ip_network("2000::/3")
"""All that IANA has given out; `is_global` alone also says yes to ::127.0.0.1 and fec0::1."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NEVER_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's metadata and DNS, at a public address.
        "192.0.0.0/24",  # IETF protocol assignments; Oracle's metadata.
        "192.88.99.0/24",  # 6to4 relays, retired.
        "2001::/23",  # IETF protocol assignments, with Teredo, ORCHID and benchmarking.
        "2001:db8::/32",
        "3fff::/20",  # Documentation too, since RFC 9637.
    )
)
_LINK_LOCAL = (ipaddress.ip_network("169.254.0.0/16"), ipaddress.ip_network("fe80::/10"))
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,252})", re.ASCII)


def is_public(address: str) -> bool:
    """True if `address`, as it is dialed, is on the public internet.

    An IPv6 address that carries an IPv4 one (mapped, 6to4, NAT64) is judged by that.
    """
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip not in _GLOBAL_V6:
            return False
    if any(ip in network for network in _NEVER_PUBLIC):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved)


@dataclass(frozen=True, slots=True)
class Opened:
    """One entry of the allow-list: a host or a network, on one port or on all."""

    host: str = ""
    network: Network | None = None
    port: int | None = None


class AllowList:
    """What the operator opens beyond the public internet.

    Entries are networks (``10.1.0.0/16``, ``127.0.0.1:9000``, ``[fd00::1]:443``), which open what
    they name, and hosts (``hooks.internal``, ``hooks.internal:8080``), which open whatever private
    address the name has, but never a link-local one: those serve the machine's credentials.
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        """Raises ConfigurationError."""
        self._entries = [_entry(text) for text in entries]

    def names(self, host: str, port: int) -> bool:
        """True if `host` is listed by this name or as this address."""
        return any(
            entry.port in (None, port)
            and (entry.host == host.lower().rstrip(".") or _inside(host, entry.network))
            for entry in self._entries
        )

    def opens(self, host: str, address: str, port: int) -> bool:
        """True if a request for `host` may dial `address`, public or not."""
        for entry in self._entries:
            if entry.port not in (None, port):
                continue
            if entry.network is not None and _inside(address, entry.network):
                return True
            by_name = entry.host and entry.host == host.lower().rstrip(".")
            if by_name and not any(_inside(address, network) for network in _LINK_LOCAL):
                return True
        return False


def _inside(address: str, network: Network | None) -> bool:
    if network is None:
        return False
    try:
        ip = ipaddress.ip_address(address.strip("[]").split("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.version == network.version and ip in network


def _entry(text: str) -> Opened:
    host, port = _port(text.strip())
    try:
        return Opened(network=ipaddress.ip_network(host.strip("[]")), port=port)
    except ValueError:
        if not _HOST.fullmatch(host.lower()) or host.replace(".", "").isdigit() or "/" in host:
            raise ConfigurationError(
                f"`actions.allow` has {text!r}: write a host such as hooks.internal, an address or "
                "a network such as 10.1.0.0/16, with or without a :port."
            ) from None
        return Opened(host=host.lower().rstrip("."), port=port)


def _port(text: str) -> tuple[str, int | None]:
    head, colon, tail = text.rpartition(":")
    bare_v6 = ":" in head and not head.endswith("]")
    if not colon or bare_v6 or not (tail.isascii() and tail.isdigit() and len(tail) < 6):
        return text, None
    return head, int(tail)
