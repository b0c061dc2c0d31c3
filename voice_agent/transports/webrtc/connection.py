"""One connection to a page: aiortc's, with the way of the sound shortened in both directions.

aiortc holds what comes for 80 ms, and after one lost packet for 280 ms for ever (its issue 543).
So one private attribute of its receiver is replaced, by what takes a packet and gives nothing on
(most packets never come so far, see `stream`); what carries its messages is kept from raising where
nobody listens; and its connection of aioice is asked for the pair of addresses in use, to check it
when that is wanted. pyproject.toml pins both for that, and a test looks whether it is all still
there.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import structlog
from aioice.stun import TransactionError
from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCDtlsTransport,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.rtcconfiguration import RTCBundlePolicy
from OpenSSL import SSL

from voice_codecs.jitter import Gap, JitterHold, Packet, Piece
from voice_codecs.opus import OpusDecoder, OpusEncoder
from voice_pipelines.engine.clock import Metronome

from ..pulse import Pulse
from ..sending import CLOSE_S, UNREAD_LIMIT
from .bindings import Bindings
from .gathering import gather_at
from .offer import OfferRefused, answer_for, checked, has_channel
from .outgoing import Outgoing
from .stream import ParkedTrack, RtpStream

CHANNEL = "events"
HELD_BY_AIORTC = "_RTCRtpReceiver__jitter_buffer"
SENDS = "_send_data"
_ANSWER_S = 10.0
_RATE = 16_000

log = structlog.get_logger()


class Party(Protocol):
    """Whoever a connection is for. All are called on the event loop, and may neither block nor
    raise."""

    def connected(self, connection: "Connection") -> None:
        """Sound and messages can go both ways."""

    def heard(self, connection: "Connection", pcm: bytes) -> None:
        """The page sent this sound: PCM16 at 16 kHz."""

    def said(self, connection: "Connection", text: str | bytes) -> None:
        """The page sent this message."""

    def frame(self, connection: "Connection") -> bytes | None:
        """The next 20 ms for the page, None for silence."""

    def broke(self, connection: "Connection", left: bool) -> None:
        """It does not work any more, once; `left` if the page has closed it."""


class _Tap:
    """Stands in for aiortc's jitter buffer."""

    def __init__(self, take: Callable[[int, int, bytes], None]) -> None:
        self._take = take

    def add(self, packet: Any) -> tuple[bool, None]:
        """A packet came. There never is a frame for aiortc's own decoder."""
        self._take(packet.sequence_number, packet.timestamp, packet.payload)
        return False, None


def lose_what_is_late(transport: RTCDtlsTransport) -> None:
    """Let what aiortc's timers send when the connection is gone be lost, as any packet may be: it
    would be raised in tasks that nobody awaits."""
    send = getattr(transport, SENDS)

    async def send_or_lose(data: bytes) -> None:
        with suppress(ConnectionError, SSL.Error):
            await send(data)

    setattr(transport, SENDS, send_or_lose)


class Connection:
    """Made for one offer; `close` it in any case."""

    def __init__(
        self,
        party: Party,
        most_hold_ms: int,
        bits_per_second: int,
        bindings: Bindings = Bindings(),  # noqa: B008  Frozen.
        metronome: Metronome | None = None,
    ) -> None:
        """`metronome` paces what is sent, together with other calls; None for one of its own."""
        self._party = party
        self._bindings = bindings
        self._bits_per_second = bits_per_second
        self._loop = asyncio.get_running_loop()
        self.hold = JitterHold(most_hold_ms)
        self._decoder = OpusDecoder(_RATE)
        self._metronome = metronome or Metronome(self._loop)
        self._outgoing = Outgoing(OpusEncoder(_RATE, bits_per_second))
        self._stream: RtpStream | None = None
        self._stop_beating: Callable[[], None] = lambda: None
        self._peer = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self._channel: RTCDataChannel | None = None
        self._wants_channel = False
        self._stands = False
        self._over = False
        self.pulse = Pulse(self.now())
        """The page's signs of life."""
        self.received = 0
        """Messages that the page has sent over it."""
        self._peer.on("connectionstatechange", self._changed)
        self._peer.on("datachannel", self._opened)

    async def answer(self, offer: str, public_address: str = "") -> str:
        """Our answer to the page's offer. Raises OfferRefused."""
        offer = checked(offer)
        self._wants_channel = has_channel(offer)
        transceiver = self._peer.addTransceiver(ParkedTrack(self._begin), "sendrecv")
        codecs = RTCRtpSender.getCapabilities("audio").codecs
        transceiver.setCodecPreferences([each for each in codecs if "opus" in each.mimeType])
        self._listen(transceiver.receiver)
        gather_at(self._bindings, transceiver)
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
                await self._peer.setLocalDescription(await self._peer.createAnswer())
            if (messages := self._peer.sctp) is not None:
                lose_what_is_late(messages.transport)
        except OfferRefused:
            raise
        except TimeoutError as error:
            raise OfferRefused("The offer could not be answered in time.") from error
        except Exception as error:  # Whatever a wrong description makes of aiortc's parser.
            log.info("offer_refused", problem=type(error).__name__)
            raise OfferRefused("The offer is no session description of WebRTC.") from error
        local = self._peer.localDescription
        return answer_for(local.sdp, public_address, self._bits_per_second)

    def send(self, text: str) -> None:
        """Send a message, in order; one that cannot be sent is lost with the connection."""
        channel = self._channel
        if channel is None or channel.readyState != "open" or self._over:
            return
        if channel.bufferedAmount > UNREAD_LIMIT:
            self._ends(left=False)
            return
        try:
            channel.send(text)
        except ValueError:  # The page takes no message as long as this.
            log.warning("message_too_long", bytes=len(text))

    def now(self) -> int:
        """Milliseconds of its clock."""
        return int(self._loop.time() * 1000)

    async def packets(self) -> int:
        """How many packets of any kind have come so far."""
        report = await self._peer.getTransceivers()[0].receiver.getStats()
        (transport,) = (each for each in report.values() if each.type == "transport")
        told: int = transport.packetsReceived
        return told + (self._stream.received if self._stream is not None else 0)

    async def check(self) -> None:
        """Ask the page for a sign of life, as ICE does (RFC 7675)."""
        asked = self.now()
        ice = self._peer.getTransceivers()[0].sender.transport.transport._connection
        if self._over or ice.remote_password is None:
            return
        for pair in list(ice._nominated.values()):
            request = ice.build_request(pair, nominate=False)
            key = ice.remote_password.encode()
            try:
                await pair.protocol.request(request, pair.remote_addr, key, retransmissions=0)
            except (TransactionError, OSError):
                continue
            self.pulse.came(asked)

    async def drain(self) -> None:
        """Let the page get what was sent, then close the channel; not for long."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return
        self._over = True
        closed = asyncio.Event()
        channel.on("close", closed.set)
        channel.close()
        try:
            await asyncio.wait_for(closed.wait(), CLOSE_S / 2)
        except TimeoutError:
            log.info("channel_not_closed")

    async def close(self) -> None:
        """End it. The party is told nothing more."""
        self._over = True
        self._stop_beating()
        if self._stream is not None:
            self._stream.close()
        try:
            await asyncio.wait_for(self._peer.close(), CLOSE_S)
        except TimeoutError:
            log.warning("connection_not_closed")

    def _begin(self) -> None:
        """Packets can be sent."""
        if not self._over:
            self._stream = RtpStream(self._peer.getTransceivers()[0], self._came)
            self._stop_beating = self._metronome.add(self._beat)

    # What comes ----------------------------------------------------------------------------------

    def _listen(self, receiver: RTCRtpReceiver) -> None:
        setattr(receiver, HELD_BY_AIORTC, _Tap(self._came))

    def _came(self, sequence: int, timestamp: int, payload: bytes) -> None:
        now = self.now()
        self.pulse.came(now)
        if payload:
            self._play(self.hold.push(sequence, timestamp, payload, now))

    def _beat(self) -> None:
        """Each 20 ms."""
        now = self.now()
        if self._stands and not self._over:
            self._play(self.hold.beat(now))
        if self._stream is not None:
            for at, packet in self._outgoing.packets(now, self._frame):
                self._stream.send(at, packet)

    def _frame(self) -> bytes | None:
        return self._party.frame(self) if self._stands and not self._over else None

    def _play(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            match piece:
                case Packet(payload):
                    pcm = self._decoder.decode(payload)
                case Gap(samples, following):
                    pcm = self._decoder.conceal(samples, following)
            if pcm and self._stands and not self._over:
                self._party.heard(self, pcm)

    # Its state -----------------------------------------------------------------------------------

    def _opened(self, channel: RTCDataChannel) -> None:
        if channel.label != CHANNEL or self._channel is not None:
            return
        self._channel = channel
        channel.on("message", self._said)
        self._look()

    def _said(self, text: str | bytes) -> None:
        if not self._over:
            self.received += 1
            self._party.said(self, text)

    def _changed(self) -> None:
        match self._peer.connectionState:
            case "connected":
                self._look()
            case "failed":
                self._ends(left=False)
            case "closed":
                self._ends(left=True)

    def _look(self) -> None:
        ready = self._peer.connectionState == "connected"
        if ready and not self._stands and (self._channel or not self._wants_channel):
            self._stands = True
            self.pulse.came(self.now())
            self._party.connected(self)

    def _ends(self, left: bool) -> None:
        if not self._over:
            self._over = True
            self._party.broke(self, left)
