"""A leg that ends in memory: a carrier's buffer without a carrier, for tests and demonstrations."""

from collections import deque
from collections.abc import Callable

from voice_codecs.pcm import MULAW_8K, AudioFormat
from voice_pipelines.ports import Clock


class MemoryLeg:
    """Plays what it is sent in order and in the clock's time, and keeps it.

    It does nothing by itself: a mark is echoed by the first `beat` after it was played or cleared,
    so let the call's metronome beat it.
    """

    def __init__(self, clock: Clock, audio_format: AudioFormat = MULAW_8K) -> None:
        self._clock = clock
        self._format = audio_format
        self._at = self._sample_now()
        """The sample of the clock up to which was played."""
        self._buffer = bytearray()
        self._heard = bytearray()
        self._marks: deque[tuple[int, str]] = deque()
        """(bytes to be heard before, name)."""
        self._cleared: list[str] = []
        self._echo: Callable[[str], None] = lambda name: None
        self.hung_up = False

    def connect(self, echo: Callable[[str], None]) -> None:
        """Have marks echoed to the `acknowledged` of the line that the leg has joined."""
        self._echo = echo

    @property
    def format(self) -> AudioFormat:
        return self._format

    def send(self, audio: bytes) -> None:
        self._play()
        if not self.hung_up:
            self._buffer += audio

    def mark(self, name: str) -> None:
        self._play()
        self._marks.append((len(self._heard) + len(self._buffer), name))

    def clear(self) -> None:
        self._play()
        self._buffer.clear()
        self._cleared += (name for _, name in self._marks)
        self._marks.clear()

    async def hang_up(self) -> None:
        self.clear()
        self.hung_up = True

    def beat(self) -> None:
        """Echo the marks that are due, in their order."""
        self._play()
        due, self._cleared = self._cleared, []
        while self._marks and self._marks[0][0] <= len(self._heard):
            due.append(self._marks.popleft()[1])
        for name in due:
            self._echo(name)

    @property
    def heard(self) -> bytes:
        """Everything played so far, without the silence between."""
        self._play()
        return bytes(self._heard)

    @property
    def waiting_ms(self) -> int:
        """How much is still to be played."""
        self._play()
        return self._format.duration_ms(bytes(self._buffer))

    def _sample_now(self) -> int:
        return self._clock.now() * self._format.rate // 1000

    def _play(self) -> None:
        now = self._sample_now()
        part = self._buffer[: (now - self._at) * self._format.sample_width]
        del self._buffer[: len(part)]
        self._heard += part
        self._at = now
