"""What is really bound, and that pages get through there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import psutil
import pytest
from aioice.ice import Connection as IceConnection
from aiortc import RTCPeerConnection, RTCSessionDescription

from tests.voice_agent.media import HANG_S
from voice_agent.transports.webrtc.bindings import Bindings
from voice_agent.transports.webrtc.connection import Connection
from voice_agent.transports.webrtc.gathering import GATHERS
from voice_agent.transports.webrtc.offer import OfferRefused

from .test_bindings import free_ports


class Party:
    """Waits for its connection."""

    def __init__(self) -> None:
        self.stands = asyncio.Event()

    def connected(self, connection: Connection) -> None:
        self.stands.set()

    def heard(self, connection: Connection, pcm: bytes) -> None: ...

    def said(self, connection: Connection, text: str | bytes) -> None: ...

    def frame(self, connection: Connection) -> bytes | None: ...

    def broke(self, connection: Connection, left: bool) -> None: ...


@asynccontextmanager
async def offering() -> AsyncIterator[tuple[RTCPeerConnection, str]]:
    """A page's connection, and its offer."""
    peer = RTCPeerConnection()
    try:
        peer.createDataChannel("events")
        peer.addTransceiver("audio")
        await peer.setLocalDescription(await peer.createOffer())
        yield peer, peer.localDescription.sdp
    finally:
        await peer.close()


def test_the_method_that_is_replaced_is_still_there() -> None:
    """If this fails, look at aioice's Connection.gather_candidates before anything else."""
    assert version("aioice").startswith("0.13.")
    assert GATHERS in vars(IceConnection)


async def test_nothing_but_the_bindings_is_bound() -> None:
    """By default nobody but this machine gets in, and a page of this machine does."""
    async with offering() as (peer, offer), asyncio.timeout(HANG_S):
        before = _bound()
        party = Party()
        connection = Connection(party, 120, 32_000)
        try:
            answer = await connection.answer(offer)
            ((host, port),) = _bound() - before
            assert host == "127.0.0.1"
            assert _candidates(answer) == {("127.0.0.1", port)}
            await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            await party.stands.wait()
            assert _bound() - before == {(host, port)}
        finally:
            await connection.close()


async def test_ports_are_those_of_the_range() -> None:
    first = free_ports(2)
    ports = Bindings(("127.0.0.1", "127.0.0.2"), (first, first))
    async with offering() as (_, offer):
        connection, second = (
            Connection(Party(), 120, 32_000, ports),
            Connection(Party(), 120, 1, ports),
        )
        try:
            answer = await connection.answer(offer)
            assert _candidates(answer) == {("127.0.0.1", first), ("127.0.0.2", first)}
            with pytest.raises(OfferRefused) as refused:
                await second.answer(offer)
            assert refused.value.code == "busy"
        finally:
            await connection.close()
            await second.close()


async def test_a_machine_that_is_open_gathers_everywhere_but_on_loopback() -> None:
    async with offering() as (_, offer):
        connection = Connection(Party(), 120, 32_000, Bindings(()))
        try:
            hosts = {host for host, _ in _candidates(await connection.answer(offer))}
        finally:
            await connection.close()
    addresses = {
        each.address
        for several in psutil.net_if_addrs().values()
        for each in several
        if each.address not in ("127.0.0.1", "::1")
    }
    assert hosts and hosts <= (addresses or {"127.0.0.1"})


class Nat(asyncio.DatagramProtocol):
    """1:1 NAT that keeps the ports, in this process: one address of loopback for another."""

    def __init__(self, inside: tuple[str, int]) -> None:
        self._inside = inside
        self._page: tuple[str, int] | None = None
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if addr == self._inside:
            self._transport.sendto(data, self._page)
        else:
            self._page = addr[0], addr[1]
            self._transport.sendto(data, self._inside)


async def test_a_page_gets_in_by_the_public_address() -> None:
    """The machine has 127.0.0.2 itself, and from outside only 127.0.0.3 leads to it."""
    loop = asyncio.get_running_loop()
    port = free_ports(1)
    nat, _ = await loop.create_datagram_endpoint(
        lambda: Nat(("127.0.0.2", port)), ("127.0.0.3", port)
    )
    party = Party()
    connection = Connection(party, 120, 32_000, Bindings(("127.0.0.2",), (port, port)))
    async with offering() as (peer, offer), asyncio.timeout(HANG_S):
        try:
            answer = await connection.answer(_without(offer, "typ host"), "127.0.0.3")
            outside = _without(answer, "typ host")
            assert _candidates(outside) == {("127.0.0.3", port)}
            await peer.setRemoteDescription(RTCSessionDescription(outside, "answer"))
            await party.stands.wait()
        finally:
            nat.close()
            await connection.close()


def _without(sdp: str, kind: str) -> str:
    return "".join(line for line in sdp.splitlines(keepends=True) if kind not in line)


def _candidates(sdp: str) -> set[tuple[str, int]]:
    lines = [line.split(" ") for line in sdp.splitlines() if line.startswith("a=candidate")]
    return {(parts[4], int(parts[5])) for parts in lines}


def _bound() -> set[tuple[str, int]]:
    """This process's UDP sockets."""
    found: list[Any] = psutil.Process().net_connections("udp")
    return {(each.laddr.ip, each.laddr.port) for each in found if each.laddr}
