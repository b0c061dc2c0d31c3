"""Which addresses and ports of this machine the packets of calls come in at."""

import asyncio
import errno
import ipaddress
import random
import socket
from dataclasses import dataclass

from ...errors import ConfigurationError
from ...sections import WebRtcSettings
from ...settings import is_loopback


@dataclass(frozen=True, slots=True)
class Bindings:
    """As it stands, nobody but this machine reaches them."""

    addresses: tuple[str, ...] = ("127.0.0.1",)
    """None for all that the machine has, but loopback."""
    ports: tuple[int, int] = (0, 0)
    """The first and the last; zeros for any that is free."""

    @property
    def on_loopback(self) -> bool:
        """Whether nobody but this machine reaches them."""
        return bool(self.addresses) and all(map(is_loopback, self.addresses))

    def bind(self, address: str) -> socket.socket:
        """A UDP socket at one of the ports. Raises OSError."""
        first, last = self.ports
        count = last - first + 1
        start = random.randrange(count)  # Those of the calls before are likely to be taken.
        for number in range(count):
            try:
                return _bound(address, first + (start + number) % count)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or number == count - 1:
                    raise
        raise AssertionError("there is at least one port")


async def bindings(settings: WebRtcSettings, host: str) -> Bindings:
    """What the settings want; what they leave open follows `host`, at which the server listens.

    Raises ConfigurationError.
    """
    first, last = settings.ports
    if first > last or (first == 0 < last):
        raise ConfigurationError(
            f"`webrtc.ports` is [{first}, {last}]: give the first and the last port, such as "
            "[40000, 40999], or leave it out."
        )
    addresses = [_address("addresses", each) for each in settings.addresses] or await _addresses_of(
        host or "0.0.0.0"
    )
    everywhere = any(ipaddress.ip_address(each).is_unspecified for each in addresses)
    made = Bindings(() if everywhere else tuple(addresses), (first, last))
    public = settings.public_address and _address("public_address", settings.public_address)
    if public and made.on_loopback:
        raise ConfigurationError(
            "`webrtc.public_address` is set, but nothing comes in from outside: set "
            '`webrtc.addresses` too, to this machine\'s own address behind it, or to ["0.0.0.0"] '
            "for all."
        )
    for address in made.addresses:
        try:
            made.bind(address).close()
        except OSError as error:
            raise ConfigurationError(
                f"Cannot bind a UDP port at {address} ({error.strerror}): let `webrtc.addresses` "
                'name addresses of this machine, or ["0.0.0.0"] for all, and `webrtc.ports` '
                "ports that are free."
            ) from error
    return made


def _address(key: str, text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise ConfigurationError(
            f"`webrtc.{key}` names {text}, which is no IP address, such as 203.0.113.7."
        ) from error


async def _addresses_of(host: str) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise ConfigurationError(
            f"`server.host` is {host}, of which no address is known ({error.strerror}): "
            "set `webrtc.addresses`."
        ) from error
    return sorted({str(address[0]) for *_, address in found})


def _bound(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.bind((address, port))
    except BaseException:
        made.close()
        raise
    return made
