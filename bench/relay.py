"""A network between a page and the server that loses, delays and reorders: a UDP relay.

::

    page ◄──► near ◄── the network ──► far ◄──► server

It stands in the server's place in the answer, so that all packets of the call go through it.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Network:
    """How bad it is, in both directions. It may be changed at any time."""

    loss: float = 0.0
    """Of the packets."""
    jitter_ms: int = 0
    """Each packet takes up to so much longer, and so may be overtaken."""
    down: bool = False
    """Nothing passes."""


class _Port(asyncio.DatagramProtocol):
    """One side of the relay."""

    def __init__(self, relay: "Relay") -> None:
        self._relay = relay
        self._transport: asyncio.DatagramTransport | None = None
        self.peer: tuple[str, int] | None = None
        """Whom it talks to: whoever wrote last, unless it is known."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self.peer = addr[0], addr[1]
        self._relay.passes(self, data)

    def send(self, data: bytes) -> None:
        if self._transport is not None and self.peer is not None:
            self._transport.sendto(data, self.peer)

    @property
    def number(self) -> int:
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def close(self) -> None:
        assert self._transport is not None
        self._transport.abort()


class Relay:
    """Rewrites what page and server tell each other of their addresses, and stands between."""

    def __init__(self, network: Network, seed: int) -> None:
        self.network = network
        self._chance = random.Random(seed)
        self._loop = asyncio.get_running_loop()
        self._near, self._far = _Port(self), _Port(self)
        self.passed = 0
        """Packets that were not lost."""

    async def open(self) -> None:
        for port in (self._near, self._far):
            await self._loop.create_datagram_endpoint(lambda port=port: port, ("0.0.0.0", 0))  # type: ignore[misc]

    def close(self) -> None:
        self._near.close()
        self._far.close()

    def offer(self, sdp: str) -> str:
        """The page's offer, without the ways to it that lead past the relay."""
        lines = sdp.splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith("a=candidate"))

    def answer(self, sdp: str) -> str:
        """The server's answer, with the relay's address."""
        lines = []
        for line in sdp.splitlines(keepends=True):
            if line.startswith("a=candidate"):
                parts = line.split(" ")
                server = parts[4], int(parts[5])
                if ":" in parts[4] or self._far.peer not in (None, server):
                    continue  # One of them will do; each line of media repeats them all.
                self._far.peer = server
                parts[5] = str(self._near.number)
                line = " ".join(parts)
            lines.append(line)
        return "".join(lines)

    def passes(self, port: _Port, data: bytes) -> None:
        """A packet came at one port, and leaves by the other one, perhaps."""
        network, other = self.network, self._far if port is self._near else self._near
        if network.down or self._chance.random() < network.loss:
            return
        self.passed += 1
        if network.jitter_ms:
            delay = self._chance.random() * network.jitter_ms / 1000
            self._loop.call_later(delay, other.send, data)
        else:
            other.send(data)


@asynccontextmanager
async def relay(network: Network, seed: int = 1) -> AsyncIterator[Relay]:
    """A relay, for one connection of a page."""
    made = Relay(network, seed)
    await made.open()
    try:
        yield made
    finally:
        made.close()
