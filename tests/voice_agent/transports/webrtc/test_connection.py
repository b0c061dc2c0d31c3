"""What the low-latency path takes for granted of aiortc."""

from importlib.metadata import version
from inspect import signature

from aioice import Connection
from aiortc import RTCPeerConnection
from aiortc.jitterbuffer import JitterBuffer

from voice_agent.transports.webrtc.connection import HELD_BY_AIORTC


async def test_the_attribute_that_is_replaced_is_still_there() -> None:
    """If this fails, look at aiortc's RTCRtpReceiver._handle_rtp_packet before anything else."""
    assert version("aiortc").startswith("1.16.")
    peer = RTCPeerConnection()
    receiver = peer.addTransceiver("audio").receiver
    assert isinstance(getattr(receiver, HELD_BY_AIORTC), JitterBuffer)
    ice = receiver.transport.transport._connection
    assert isinstance(ice, Connection) and ice._nominated == {}
    assert list(signature(ice.build_request).parameters) == ["pair", "nominate"]
    await peer.close()
