"""The bad network between a page and a server, with neither of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bench.relay import Network, Relay, relay
from tests.voice_agent.media import HANG_S

ANSWER = """v=0
a=candidate:1 1 udp 1 fd00::2 4000 typ host
a=candidate:2 1 udp 1 127.0.0.1 {port} typ host
a=candidate:3 1 udp 1 127.0.0.2 4002 typ host
"""


class End(asyncio.DatagramProtocol):
    """A page or a server that sends and gets numbers."""

    def __init__(self, to: tuple[str, int] | None = None) -> None:
        self._transport: Any = None
        self._to = to
        self.came: asyncio.Queue[int] = asyncio.Queue()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._to = addr[0], addr[1]
        self.came.put_nowait(int(data))

    def send(self, *numbers: int) -> None:
        for number in numbers:
            self._transport.sendto(str(number).encode(), self._to)

    async def gets(self, count: int) -> list[int]:
        return [await self.came.get() for _ in range(count)]


@asynccontextmanager
async def ends(network: Network) -> AsyncIterator[tuple[End, End, Relay]]:
    """A page, a server, and what is between them."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(HANG_S), relay(network) as between:
        far, server = await loop.create_datagram_endpoint(End, ("127.0.0.1", 0))
        told = between.answer(ANSWER.format(port=far.get_extra_info("sockname")[1]))
        (line,) = [line for line in told.splitlines() if "candidate" in line]
        *_, host, port, _, _ = line.split(" ")
        near, page = await loop.create_datagram_endpoint(
            lambda: End((host, int(port))), ("127.0.0.1", 0)
        )
        try:
            yield page, server, between
        finally:
            near.close()
            far.close()


async def test_the_offer_leads_past_nobody() -> None:
    offer = "v=0\r\na=candidate:1 1 udp 1 192.0.2.1 4000 typ host\r\nm=audio 9 X 111\r\n"
    assert Relay(Network(), 1).offer(offer) == "v=0\r\nm=audio 9 X 111\r\n"


async def test_a_good_network_passes_all_in_both_directions() -> None:
    async with ends(Network()) as (page, server, between):
        page.send(1, 2, 3)
        assert await server.gets(3) == [1, 2, 3]
        server.send(4)
        assert await page.gets(1) == [4]
        assert between.passed == 4


async def test_jitter_lets_packets_overtake_each_other() -> None:
    async with ends(Network(jitter_ms=20)) as (page, server, _):
        page.send(*range(20))
        came = await server.gets(20)
        assert sorted(came) == list(range(20)) and came != list(range(20))


async def test_a_network_that_is_down_passes_nothing_until_it_is_up() -> None:
    network = Network(down=True)
    async with ends(network) as (_, server, between):
        between.passes(between._near, b"1")
        network.down = False
        between.passes(between._near, b"2")
        assert await server.gets(1) == [2]
        assert between.passed == 1


@pytest.mark.parametrize("loss", [0.1, 0.5])
async def test_so_many_are_lost_and_as_many_each_time(loss: float) -> None:
    passed = []
    for _ in range(2):
        async with relay(Network(loss=loss), seed=7) as between:
            for _ in range(1000):
                between.passes(between._near, b"1")
            passed.append(between.passed)
    assert passed[0] == passed[1]
    assert abs(passed[0] / 1000 - (1 - loss)) < 0.05
