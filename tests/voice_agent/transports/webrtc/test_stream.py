"""The packets of sound, past aiortc's tasks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.rtcrtpreceiver import StreamStatistics

from bench.track import PacedTrack
from tests.voice_agent.calls.rooms import becomes
from tests.voice_agent.media import HANG_S
from voice_agent.transports.webrtc.connection import Connection
from voice_agent.transports.webrtc.stream import PRIVATE
from voice_codecs.opus import OpusEncoder

FRAME = b"\1\0" * 320


class Party:
    """Says a tone and counts what it hears."""

    def __init__(self) -> None:
        self.stands = asyncio.Event()
        self.heard_bytes = 0

    def connected(self, connection: Connection) -> None:
        self.stands.set()

    def heard(self, connection: Connection, pcm: bytes) -> None:
        self.heard_bytes += len(pcm)

    def said(self, connection: Connection, text: str | bytes) -> None: ...

    def frame(self, connection: Connection) -> bytes | None:
        return FRAME

    def broke(self, connection: Connection, left: bool) -> None: ...


@asynccontextmanager
async def talking() -> AsyncIterator[tuple[Party, Connection, Any]]:
    """A party with its connection, and the page at the other end, both of which send."""
    party, peer = Party(), RTCPeerConnection()
    connection = Connection(party, 120, 36_000)
    try:
        async with asyncio.timeout(HANG_S):
            peer.addTrack(PacedTrack(lambda: FRAME, OpusEncoder(16_000, 36_000)))
            await peer.setLocalDescription(await peer.createOffer())
            answer = await connection.answer(peer.localDescription.sdp)
            await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            await party.stands.wait()
            await becomes(lambda: _received(connection) > 0)
            yield party, connection, peer
    finally:
        await connection.close()
        await peer.close()


def _received(connection: Connection) -> int:
    return connection._stream.received if connection._stream is not None else 0


async def test_what_is_used_of_aiortc_is_still_there() -> None:
    """If this fails, look at RTCRtpReceiver._handle_rtp_packet, RTCRtpSender._run_rtp and
    RTCDtlsTransport._recv_next before anything else."""
    assert version("aiortc").startswith("1.16.") and version("aioice").startswith("0.13.")
    peer = RTCPeerConnection()
    transceiver = peer.addTransceiver("audio")
    transport: Any = transceiver.receiver.transport
    objects = {
        "receiver": transceiver.receiver,
        "sender": transceiver.sender,
        "transceiver": transceiver,
        "transport": transport,
        "ice": transport.transport._connection,
    }
    for name, attributes in PRIVATE.items():
        assert all(hasattr(objects[name], attribute) for attribute in attributes), name
    await peer.close()


async def test_sound_goes_both_ways_and_reports_count_it() -> None:
    async with talking() as (party, connection, peer):
        await becomes(lambda: party.heard_bytes > 50 * len(FRAME))
        stream = connection._stream
        assert stream is not None and stream.received > 45
        assert await connection.packets() > stream.received
        (source,) = stream._sources.values()
        assert isinstance(source, StreamStatistics)
        assert source.packets_received > 50 and source.packets_lost == 0
        theirs: Any = peer.getTransceivers()[0].receiver
        await becomes(lambda: theirs._RTCRtpReceiver__remote_streams)
        (sent,) = theirs._RTCRtpReceiver__remote_streams.values()
        await becomes(lambda: sent.packets_received > 50)
        assert sent.packets_lost == 0
        # The page has got a report of ours: that of a sender, with what it has sent.
        await becomes(lambda: theirs._RTCRtpReceiver__lsr)
        told = (await theirs.getStats()).values()
        (report,) = (each for each in told if each.type == "remote-outbound-rtp")
        assert report.packetsSent > 0 and report.bytesSent >= report.packetsSent


async def test_packets_of_others_are_dropped() -> None:
    async with talking() as (party, connection, _):
        stream: Any = connection._stream
        (ssrc,) = stream._sources
        forged = b"\x80\x6f\0\1\0\0\0\1" + ssrc.to_bytes(4) + bytes(60)
        received = stream.received
        heard = party.heard_bytes
        stream._came(forged, 1)
        assert (stream.received, party.heard_bytes) == (received, heard)


async def test_nothing_is_sent_when_the_connection_is_over() -> None:
    async with talking() as (_, connection, _):
        stream: Any = connection._stream
        await connection.close()
        sent = stream._packets
        stream.send(0, b"\0")
        assert stream._packets == sent and stream._ice.data_received == stream._hand_on
