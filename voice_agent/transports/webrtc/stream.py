"""The packets of sound of a connection, past the tasks and queues of aiortc.

aiortc takes a packet through a queue, two tasks and a dozen objects, and sends one from a task that
sleeps 20 ms: half of what a call costs. Here a packet that comes is taken where aioice hands it
over, and one that goes is sent at once. Everything else stays aiortc's: ICE, DTLS, the keys, RTCP,
and the first packet of each source, by which it gets to know it.

Private parts of aiortc and aioice are used for that: `PRIVATE` names them. pyproject.toml pins
both, and a test looks whether they are still there.
"""

import asyncio
from collections.abc import Callable
from secrets import randbits
from typing import Any

from aiortc import MediaStreamTrack, RTCRtpTransceiver, rtp
from aiortc.clock import current_ntp_time
from pylibsrtp import Error as SrtpError

from voice_codecs.rtp import RtpWriter, parse, source

_TAKES = "data_received"
_SOURCES = "_RTCRtpReceiver__remote_streams"
_CODECS = "_RTCRtpReceiver__codecs"
_EXTENSIONS = "_RTCRtpSender__rtp_header_extensions_map"
_NTP, _RTP = "_RTCRtpSender__ntp_timestamp", "_RTCRtpSender__rtp_timestamp"
_PACKETS, _OCTETS = "_RTCRtpSender__packet_count", "_RTCRtpSender__octet_count"
PRIVATE = {
    "receiver": (_SOURCES, _CODECS),
    "sender": (_EXTENSIONS, _NTP, _RTP, _PACKETS, _OCTETS, "_ssrc"),
    "transceiver": ("_codecs",),
    "transport": ("_rx_srtp", "_tx_srtp"),
    "ice": (_TAKES, "_nominated"),
}
_COMPONENT = 1
_REPORT_EVERY = 25
"""Packets after which aiortc's sender reports are told of them: it sends one a second."""


class ParkedTrack(MediaStreamTrack):
    """Gives aiortc nothing to send; tells when it would begin to."""

    kind = "audio"

    def __init__(self, begin: Callable[[], None]) -> None:
        super().__init__()
        self._begin = begin

    async def recv(self) -> Any:
        self._begin()
        await asyncio.Event().wait()  # aiortc cancels it.


class RtpStream:
    """The sound of one transceiver, in both directions, from when aiortc would begin to send."""

    def __init__(
        self, transceiver: RTCRtpTransceiver, take: Callable[[int, int, bytes], None]
    ) -> None:
        """`take` gets sequence number, timestamp and payload of each packet but those first ones
        that go through aiortc."""
        self._transceiver: Any = transceiver
        self._sender: Any = transceiver.sender
        self._take = take
        self._transport: Any = transceiver.receiver.transport
        self._ice: Any = self._transport.transport._connection
        self._hand_on = getattr(self._ice, _TAKES)
        self._sources: dict[int, Any] = getattr(transceiver.receiver, _SOURCES)
        self._kinds: dict[int, Any] = getattr(transceiver.receiver, _CODECS)
        self._writer: RtpWriter | None = RtpWriter(self._header(), randbits(15), randbits(32))
        self._packets = 0
        self._octets = 0
        self.received = 0
        """Packets that aiortc did not see."""
        setattr(self._ice, _TAKES, self._came)

    def close(self) -> None:
        """Take and send nothing any more."""
        self._writer = None
        setattr(self._ice, _TAKES, self._hand_on)

    # What comes ----------------------------------------------------------------------------------

    def _came(self, datagram: bytes, component: int) -> None:
        known = self._sources.get(source(datagram) or -1)
        if known is None or self._transport._rx_srtp is None:
            self._hand_on(datagram, component)
            return
        try:
            packet = parse(self._transport._rx_srtp.unprotect(datagram))
        except SrtpError:  # Not from the page, or for the second time.
            return
        if packet is None or packet.payload_type not in self._kinds:
            return
        self.received += 1
        known.add(packet)  # For the receiver's reports.
        self._take(packet.sequence_number, packet.timestamp, packet.payload)

    # What goes -----------------------------------------------------------------------------------

    def _header(self) -> bytes:
        """Of every packet, as aiortc would write it."""
        kind = self._transceiver._codecs[0].payloadType
        packet = rtp.RtpPacket(payload_type=kind, marker=1, ssrc=self._sender._ssrc)
        packet.extensions.mid = self._transceiver.mid
        return packet.serialize(getattr(self._sender, _EXTENSIONS))

    def send(self, at: int, payload: bytes) -> None:
        """Send a packet whose place in the stream is `at`; where there is no way, it is lost."""
        writer, pair = self._writer, self._ice._nominated.get(_COMPONENT)
        if writer is None or pair is None:
            return
        socket = pair.protocol.transport
        if socket.is_closing():
            return
        packet = self._transport._tx_srtp.protect(writer.write(at, payload))
        socket.sendto(packet, pair.remote_addr)
        self._octets += len(payload)
        if self._packets % _REPORT_EVERY == 0:
            self._report(writer.timestamp)
        self._packets += 1

    def _report(self, timestamp: int) -> None:
        setattr(self._sender, _NTP, current_ntp_time())
        setattr(self._sender, _RTP, timestamp)
        setattr(self._sender, _PACKETS, self._packets + 1)
        setattr(self._sender, _OCTETS, self._octets)
