"""A page without a browser: aiortc as the far end of our WebRTC calls."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.rtcconfiguration import RTCBundlePolicy

from voice_agent.transports.webrtc.bindings import Bindings
from voice_agent.transports.webrtc.connection import HELD_BY_AIORTC, lose_what_is_late
from voice_agent.transports.webrtc.gathering import gather_at
from voice_codecs.browser import FromClient, FromServer, parse_server, serialize
from voice_codecs.jitter import Gap, JitterHold, Packet, Piece
from voice_codecs.opus import OpusDecoder, OpusEncoder

from .track import PacedTrack

RATE = 16_000
FRAME_BYTES = RATE // 50 * 2
_DEADLINE_S = 20.0

Rewrite = Callable[[str], str]


class PageError(Exception):
    """The server refused: status and problem document."""

    def __init__(self, status: int, problem: Any) -> None:
        super().__init__(f"{status} {problem}")
        self.status = status
        self.code = str(problem.get("code", "")) if isinstance(problem, dict) else ""


class Page:
    """One conversation from the page's side."""

    def __init__(self, http: aiohttp.ClientSession, url: str, origin: str = "") -> None:
        self._http = http
        self._url = url
        self._headers = {"Origin": origin} if origin else {}
        self._loop = asyncio.get_running_loop()
        self.link: Link | None = None
        self.location = ""
        self.messages: list[FromServer] = []
        self.microphone: Callable[[], bytes | None] = lambda: None
        """Gives the next 20 ms, PCM16 at 16 kHz; None for silence."""
        self.ear: Callable[[bytes], None] = lambda pcm: None
        """Is told what is heard, as it comes."""
        self.news = asyncio.Event()
        """Set with each message."""
        self.rewrite_offer: Rewrite = lambda sdp: sdp
        self.rewrite_answer: Rewrite = lambda sdp: sdp

    async def begin(self, *, channel: bool = True, **init: Any) -> None:
        """Begin a conversation, up to where the connection stands. Raises PageError."""
        link = self.link = Link(self, channel)
        body = {"sdp": self.rewrite_offer(await link.offer()), "init": init}
        status, answer, headers = await self._ask("POST", "/webrtc/offer", body)
        if status != 201:
            raise PageError(status, answer)
        self.location = headers["Location"]
        await link.accept(self.rewrite_answer(answer["sdp"]))

    async def begin_plainly(self, query: str, token: str) -> None:
        """As a WHIP client that wants nothing but audio. Raises PageError."""
        link = self.link = Link(self, channel=False)
        headers = {
            **self._headers,
            "Content-Type": "application/sdp",
            "Authorization": f"Bearer {token}",
        }
        async with self._http.post(
            f"{self._url}/webrtc/offer?{query}", data=await link.offer(), headers=headers
        ) as response:
            if response.status != 201:
                raise PageError(response.status, await response.json(content_type=None))
            self.location = response.headers["Location"]
            await link.accept(self.rewrite_answer(await response.text()))

    async def move(self) -> "Link":
        """Make another connection for the conversation; give the one before. Raises PageError."""
        before, link = self.link, Link(self, channel=True)
        assert before is not None
        before.listens = False
        body = {"sdp": self.rewrite_offer(await link.offer()), "received": len(self.messages)}
        status, answer, _ = await self._ask("POST", self.location, body)
        if status != 200:
            await link.close()
            raise PageError(status, answer)
        self.link = link
        await link.accept(self.rewrite_answer(answer["sdp"]))
        return before

    async def leave(self) -> int:
        """Delete the call; give the status."""
        status, _, _ = await self._ask("DELETE", self.location, None)
        return status

    def say(self, message: FromClient) -> None:
        """Send a message."""
        assert self.link is not None and self.link.channel is not None
        self.link.channel.send(serialize(message))

    async def hears(self, kind: type[Any]) -> Any:
        """The first message of a kind, when it is there."""
        async with asyncio.timeout(_DEADLINE_S):
            while True:
                for message in self.messages:
                    if isinstance(message, kind):
                        return message
                self.news.clear()
                await self.news.wait()

    async def close(self) -> None:
        """Close the connection, as a page that is closed does."""
        if self.link is not None:
            await self.link.close()

    async def _ask(self, method: str, path: str, body: Any) -> tuple[int, Any, Any]:
        async with self._http.request(
            method, f"{self._url}{path}", json=body, headers=self._headers
        ) as response:
            read = await response.read()
            told = await response.json(content_type=None) if read else None
            return response.status, told, response.headers


class Link:
    """One connection of a page."""

    def __init__(self, page: Page, channel: bool) -> None:
        self._page = page
        self._loop = asyncio.get_running_loop()
        self.peer = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self.track = PacedTrack(self._speak, OpusEncoder(RATE, 36_000))
        self.hold = JitterHold()
        self._decoder = OpusDecoder(RATE)
        self.listens = True
        self.closed = asyncio.Event()
        """Set when the server has closed the channel, or the connection."""
        self._connected, self._opened = asyncio.Event(), asyncio.Event()
        transceiver = self.peer.addTransceiver(self.track, "sendrecv")
        gather_at(Bindings(), transceiver)  # The server is on this machine.
        setattr(transceiver.receiver, HELD_BY_AIORTC, self)
        self.channel: RTCDataChannel | None = None
        if channel:
            self.channel = self.peer.createDataChannel("events")
            self.channel.on("open", self._opened.set)
            self.channel.on("message", self._told)
            self.channel.on("close", self.closed.set)
        self.peer.on("connectionstatechange", self._changed)

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp

    async def accept(self, answer: str) -> None:
        """Wait until the connection stands, and messages can be sent."""
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        if self.peer.sctp is not None:
            lose_what_is_late(self.peer.sctp.transport)
        async with asyncio.timeout(_DEADLINE_S):
            await self._connected.wait()
            if self.channel is not None:
                await self._opened.wait()

    async def close(self) -> None:
        await self.peer.close()

    def vanish(self) -> None:
        """Send nothing any more and answer nothing, without a word."""
        ice = self.peer.getTransceivers()[0].sender.transport.transport
        for protocol in ice._connection._protocols:
            protocol.transport.abort()

    def add(self, packet: Any) -> tuple[bool, None]:
        """Stands in for aiortc's jitter buffer."""
        now = int(self._loop.time() * 1000)
        self._play(self.hold.push(packet.sequence_number, packet.timestamp, packet.payload, now))
        return False, None

    def _speak(self) -> bytes | None:
        self._play(self.hold.beat(int(self._loop.time() * 1000)))
        return self._page.microphone()

    def _play(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            match piece:
                case Packet(payload):
                    self._page.ear(self._decoder.decode(payload))
                case Gap(samples, following):
                    self._page.ear(self._decoder.conceal(samples, following))

    def _told(self, text: str) -> None:
        if self.listens:
            self._page.messages.append(parse_server(text))
            self._page.news.set()

    def _changed(self) -> None:
        if self.peer.connectionState == "connected":
            self._connected.set()
        elif self.peer.connectionState in ("closed", "failed"):
            self.closed.set()


@asynccontextmanager
async def page(url: str, origin: str = "") -> AsyncIterator[Page]:
    """A page that talks to the server at `url`."""
    async with aiohttp.ClientSession() as http:
        made = Page(http, url, origin)
        try:
            yield made
        finally:
            await made.close()
