"""A page as a leg, which outlives its connections."""

from collections import deque
from collections.abc import Callable, Sequence

from voice_codecs.browser import Flush, FromServer, serialize
from voice_codecs.opus import FRAME_MS
from voice_codecs.pcm import PCM16_16K, AudioFormat

from .outbox import Outbox

_FORMAT = PCM16_16K
_FRAME_BYTES = _FORMAT.bytes_for(FRAME_MS)
_MOST_BYTES = _FORMAT.bytes_for(2000)
"""Audio that waits while there is no connection; the engine never is so far ahead otherwise."""

Write = Callable[[str], None]
"""Sends a message over a connection; it may neither block nor raise."""


class WebRtcLeg:
    """What the agent says waits here for its 20 ms.

    What was sent counts as heard a while later, if the page has given a sign of life since. So the
    transcript is at most a round trip ahead of a network that breaks.
    """

    def __init__(self, playout_ms: int, hung_up: Callable[[], None]) -> None:
        """`playout_ms` is what the page keeps of what it was sent, `hung_up` is told the end."""
        self._playout = -(-playout_ms // FRAME_MS)
        self._hung_up = hung_up
        self._opening: Sequence[FromServer] = ()
        self._outbox = Outbox()
        self._write: Write | None = None
        self._acknowledge: Callable[[str], None] | None = None
        self._queue = bytearray()
        self._queued = 0
        """Bytes queued so far, and"""
        self._sent = 0
        """those of them that went out, or were taken back."""
        self._marks: deque[tuple[int, str]] = deque()
        """(bytes to be sent before it, name)."""
        self._on_their_way: deque[tuple[int, int, str]] = deque()
        """(when it was sent, the beat at which it counts as heard, name)."""
        self._beat = 0
        self._generation = 0

    def begin(self, rate: int, opening: Sequence[FromServer]) -> None:
        """`opening` is said before anything else, once there is a call. Opus has any rate."""
        self._opening = opening

    def open(self) -> None:
        """There is a call: say the opening, if nothing else has made it go out."""
        opening, self._opening = self._opening, ()
        for message in opening:
            self._put(message)

    def withdraw(self) -> None:
        """There is no call after all: the opening is not said."""
        self._opening = ()

    @property
    def format(self) -> AudioFormat:
        return _FORMAT

    def send(self, audio: bytes) -> None:
        self.open()
        self._queue += audio
        self._queued += len(audio)
        if (surplus := len(self._queue) - _MOST_BYTES) > 0:
            del self._queue[:surplus]
            self._sent += surplus

    def mark(self, name: str) -> None:
        self._marks.append((self._queued, name))

    def clear(self) -> None:
        self._queue.clear()
        self._sent = self._queued
        self._marks.clear()
        self._on_their_way.clear()
        self._generation += 1
        self.tell(Flush(self._generation))

    async def hang_up(self) -> None:
        self._hung_up()

    def tell(self, message: FromServer) -> None:
        """Send a message to the page, now or when it is connected again."""
        self.open()
        self._put(message)

    def _put(self, message: FromServer) -> None:
        text = serialize(message)
        self._outbox.add(text)
        if self._write is not None:
            self._write(text)

    # For the connections -------------------------------------------------------------------------

    def connect(self, acknowledge: Callable[[str], None]) -> None:
        """There is a call, which `acknowledge` tells what was heard."""
        self._acknowledge = acknowledge

    def remembers(self, received: int) -> bool:
        """Whether all messages behind the first `received` can be sent again."""
        return self._outbox.since(received) is not None

    def attach(self, write: Write, received: int) -> None:
        """Messages go out this way, from the one behind the first `received` on."""
        self._write = write
        for text in self._outbox.since(received) or ():
            write(text)

    def detach(self) -> None:
        """Messages wait until there is another way."""
        self._write = None

    @property
    def waits(self) -> bool:
        """Whether there is anything to be sent, or to be heard."""
        return bool(self._queue or self._marks or self._on_their_way)

    def frame(self, now: int = 0, sign: int = 0) -> bytes | None:
        """The next 20 ms to be sent, None for silence. To be called each 20 ms.

        `now` and the page's latest `sign` of life are in milliseconds.
        """
        self._beat += 1
        while self._on_their_way:
            sent, due, name = self._on_their_way[0]
            if due > self._beat or sent > sign or self._acknowledge is None:
                break
            self._on_their_way.popleft()
            self._acknowledge(name)
        frame = bytes(self._queue[:_FRAME_BYTES])
        del self._queue[:_FRAME_BYTES]
        self._sent += len(frame)
        while self._marks and self._marks[0][0] <= self._sent:
            due = self._beat + 1 + self._playout
            self._on_their_way.append((now, due, self._marks.popleft()[1]))
        return frame.ljust(_FRAME_BYTES, b"\0") if frame else None
