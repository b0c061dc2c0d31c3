"""What connections take for granted of aiortc, and what they keep from it."""

import asyncio
import gc
from importlib.metadata import version
from inspect import iscoroutinefunction, signature
from typing import Any

from aioice import Connection as IceConnection
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.jitterbuffer import JitterBuffer

from tests.voice_agent.calls.rooms import becomes
from tests.voice_agent.media import HANG_S
from voice_agent.transports.webrtc.connection import HELD_BY_AIORTC, SENDS, Connection

from .test_gathering import Party, offering


async def test_the_attribute_that_is_replaced_is_still_there() -> None:
    """If this fails, look at aiortc's RTCRtpReceiver._handle_rtp_packet before anything else."""
    assert version("aiortc").startswith("1.16.")
    peer = RTCPeerConnection()
    receiver = peer.addTransceiver("audio").receiver
    assert isinstance(getattr(receiver, HELD_BY_AIORTC), JitterBuffer)
    ice = receiver.transport.transport._connection
    assert isinstance(ice, IceConnection) and ice._nominated == {}
    assert list(signature(ice.build_request).parameters) == ["pair", "nominate"]
    assert iscoroutinefunction(getattr(receiver.transport, SENDS))
    await peer.close()


async def test_what_is_sent_again_when_the_connection_is_gone_is_lost_quietly() -> None:
    """A page may go before it has acknowledged a message, which SCTP then sends once more."""
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, problem: problems.append(problem))
    party = Party()
    connection = Connection(party, 120, 32_000)
    async with offering() as (peer, offer), asyncio.timeout(HANG_S):
        try:
            answer = await connection.answer(offer)
            await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            await party.stands.wait()
            ours: Any = connection._peer.sctp
            theirs: Any = peer.sctp
            for protocol in theirs.transport.transport._connection._protocols:
                protocol.transport.abort()  # Nothing is acknowledged any more.
            connection.send("Are you there?")
            await becomes(lambda: ours._sent_queue)
            connection.send("Are you?")
            await ours.transport.stop()  # This one is on its way as the connection is closed.
            await becomes(lambda: ours.transport.state == "closed")
            ours._t3_expired()  # The timer, which would take a second.
            await asyncio.sleep(0)
        finally:
            await connection.close()
    gc.collect()
    assert not problems
