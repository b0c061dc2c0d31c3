"""Through a real TURN server: aiortc as a page that cannot be reached in any other way."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcconfiguration import RTCBundlePolicy, RTCIceTransportPolicy

from tests.voice_agent.calls.rooms import becomes
from tests.voice_agent.media import HANG_S
from voice_agent.transports.webrtc.bindings import Bindings
from voice_agent.transports.webrtc.connection import Connection
from voice_agent.transports.webrtc.ice import ice_servers

from .coturn import SECRET, Coturn, coturn


class Party:
    """Notes what a page says."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[str | bytes] = asyncio.Queue()

    def connected(self, connection: Connection) -> None: ...

    def heard(self, connection: Connection, pcm: bytes) -> None: ...

    def said(self, connection: Connection, text: str | bytes) -> None:
        self.told.put_nowait(text)

    def frame(self, connection: Connection) -> bytes | None: ...

    def broke(self, connection: Connection, left: bool) -> None: ...


@pytest.fixture(scope="module")
def turn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    with coturn(tmp_path_factory.mktemp("coturn")) as running:
        yield running


def credentials(turn: Coturn, transport: str, secret: str, lasts_s: int) -> Any:
    """What a page gets of our server."""
    url = f"turn:127.0.0.1:{turn.port}?transport={transport}"
    (server,) = ice_servers((), (url,), secret, "u1", int(time.time()) + lasts_s)  # noqa: TID251
    return server


@asynccontextmanager
async def relayed(server: Any) -> AsyncIterator[tuple[RTCPeerConnection, Any, str]]:
    """A page that may use the relay only, its channel and its offer."""
    peer = RTCPeerConnection(
        RTCConfiguration(
            iceServers=[RTCIceServer(**server)],
            iceTransportPolicy=RTCIceTransportPolicy.RELAY,
            bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
        )
    )
    try:
        peer.addTransceiver("audio")
        channel = peer.createDataChannel("events")
        await peer.setLocalDescription(await peer.createOffer())
        yield peer, channel, peer.localDescription.sdp
    finally:
        await peer.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_messages_go_through_the_relay(turn: Coturn, transport: str) -> None:
    party = Party()
    connection = Connection(party, 120, 32_000)
    server = credentials(turn, transport, SECRET, 60)
    async with asyncio.timeout(HANG_S), relayed(server) as (peer, channel, offer):
        try:
            kinds = {line.split(" ")[7] for line in offer.splitlines() if "candidate:" in line}
            assert kinds == {"relay"}
            channel.on("open", lambda: channel.send("I am here."))
            answer = await connection.answer(offer)
            await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            assert await party.told.get() == "I am here."
        finally:
            await connection.close()


@pytest.mark.parametrize(("secret", "lasts_s"), [("south", 60), (SECRET, -60)])
async def test_others_are_not_relayed(turn: Coturn, secret: str, lasts_s: int) -> None:
    """Neither with a wrong secret nor when the credentials are too old."""
    async with relayed(credentials(turn, "udp", secret, lasts_s)) as (_, _, offer):
        assert "a=candidate" not in offer


async def test_nothing_is_relayed_to_others(turn: Coturn) -> None:
    """Who is not the voice agent gets nothing: a relay is no way into a network."""
    connection = Connection(Party(), 120, 32_000, Bindings(("127.0.0.2",)))
    async with relayed(credentials(turn, "udp", SECRET, 60)) as (peer, _, offer):
        try:
            answer = await connection.answer(offer)
            await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            await becomes(lambda: turn.said("error 403: Forbidden IP"))
        finally:
            await connection.close()
