"""A far end as the playout ledger sees it, and a talk with it in time that only the test moves."""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field

from voice_codecs.pcm import MULAW_8K, AudioFormat, Encoding
from voice_pipelines.audio.playout import Fact, Mark, Playout, Send

BEAT_MS = 20


def samples_of(turn: int, start: int, end: int, audio_format: AudioFormat) -> bytes:
    """Audio that tells the turn and, up to a prime period, the place in it."""
    if audio_format.encoding is Encoding.PCM16:
        return b"".join(bytes((n % 251, turn)) for n in range(start, end))
    return bytes(turn % 8 * 32 + n % 31 for n in range(start, end))


class FarEnd:
    """Plays in order and in real time, echoes a mark when it comes to it, drops all on a clear.

    Everything takes `there_ms` to arrive, and an echo `back_ms` to return.
    """

    def __init__(
        self,
        audio_format: AudioFormat = MULAW_8K,
        there_ms: int = 0,
        back_ms: int = 0,
        echoes: bool = True,
    ) -> None:
        self._bytes_per_ms = audio_format.rate // 1000 * audio_format.sample_width
        self._there_ms = there_ms
        self._back_ms = back_ms
        self._echoing = echoes
        self._coming: deque[tuple[int, bytes | str | None]] = deque()
        self._at = 0
        self._buffer = bytearray()
        self._marks: deque[tuple[int, str]] = deque()
        self.heard = bytearray()
        """Everything played."""
        self.history: list[tuple[int, int]] = [(0, 0)]
        """(time, bytes played until then)."""
        self.fullest = 0
        """The most that ever waited, in bytes."""
        self.dry_ms: list[int] = []
        """How long it had been silent, whenever audio came to an empty buffer."""
        self.echoes: deque[tuple[int, str]] = deque()
        """(when it is back, mark)."""

    def take(self, item: bytes | str | None, now: int) -> None:
        """Audio, a mark's name, or None for a clear is sent."""
        self._coming.append((now + self._there_ms, item))

    def advance(self, now: int) -> None:
        """Play up to `now`."""
        while self._coming and self._coming[0][0] <= now:
            at, item = self._coming.popleft()
            self._play(at)
            match item:
                case bytes():
                    if not self._buffer:
                        self.dry_ms.append(at - self.history[-1][0])
                    self._buffer += item
                    self.fullest = max(self.fullest, len(self._buffer))
                case str():
                    self._marks.append((len(self.heard) + len(self._buffer), item))
                case None:
                    self._buffer.clear()
                    for _, name in self._marks:
                        self._echo(at, name)
                    self._marks.clear()
        self._play(now)

    def next_change(self) -> int:
        """When something arrives, is echoed or returns next."""
        times = [self._coming[0][0]] if self._coming else []
        if self.echoes:
            times.append(self.echoes[0][0])
        if self._marks:
            ahead = max(self._marks[0][0] - len(self.heard), 1)
            times.append(self._at - (-ahead // self._bytes_per_ms))
        return min(times, default=1 << 60)

    def played_at(self, at: int) -> int:
        """Bytes played until then."""
        after = bisect_right(self.history, (at, 1 << 60))
        since, played = self.history[after - 1]
        if after == len(self.history):
            return played
        return min(self.history[after][1], played + (at - since) * self._bytes_per_ms)

    def stand_still(self, ms: int) -> None:
        """Play nothing for so long from now on, though there is something to play."""
        self._at += ms

    def lose(self) -> None:
        """Whatever is on its way in either direction, or was not played, is lost."""
        self._coming.clear()
        self._buffer.clear()
        self._marks.clear()
        self.echoes.clear()

    @property
    def waiting(self) -> int:
        """Bytes that are to be played."""
        return len(self._buffer)

    def _play(self, now: int) -> None:
        if now < self._at:
            return
        began, at = len(self.heard), self._at
        part = self._buffer[: (now - at) * self._bytes_per_ms]
        del self._buffer[: len(part)]
        self.heard += part
        while self._marks and self._marks[0][0] <= len(self.heard):
            end, name = self._marks.popleft()
            self._echo(at + -(-(end - began) // self._bytes_per_ms), name)
        if part:
            self.history.append((at, began))
            self.history.append((at + -(-len(part) // self._bytes_per_ms), len(self.heard)))
        self._at = now

    def _echo(self, at: int, name: str) -> None:
        if self._echoing:
            self.echoes.append((at + self._back_ms, name))


@dataclass
class Talk:
    """A ledger and its far end, pumped as the engine does: each 20 ms and after each order."""

    playout: Playout
    far: FarEnd
    audio_format: AudioFormat = MULAW_8K
    now: int = 0
    facts: list[tuple[int, Fact]] = field(default_factory=list)
    sent: list[tuple[int, Send]] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    queued: dict[int, int] = field(default_factory=dict)
    """Samples of each turn."""
    _next_beat: int = 0

    def run(self, ms: int) -> None:
        """Let time pass."""
        until = self.now + ms
        while self.now < until:
            self.now = min(self._next_beat, self.far.next_change(), until)
            self.far.advance(self.now)
            while self.far.echoes and self.far.echoes[0][0] <= self.now:
                self.acknowledged.append(self.far.echoes.popleft()[1])
                self.playout.acknowledged(self.acknowledged[-1], self.now)
                self._collect()
            if self.now >= self._next_beat:
                self._next_beat = self.now + BEAT_MS
                self.pump()

    def pump(self) -> None:
        for item in self.playout.pump(self.now):
            match item:
                case Send(audio):
                    self.sent.append((self.now, item))
                    self.far.take(audio, self.now)
                case Mark(name):
                    self.marks.append(name)
                    self.far.take(name, self.now)
        self._collect()

    def say(self, turn: int, piece: int, samples: int) -> None:
        """The next audio of a piece."""
        start = self.queued.get(turn, 0)
        self.queued[turn] = start + samples
        audio = samples_of(turn, start, start + samples, self.audio_format)
        self.playout.audio(turn, piece, audio)
        self.pump()

    def whole_turn(self, turn: int, texts: dict[str, int]) -> None:
        """A turn whose texts last so many samples, all there and released."""
        for piece, (text, samples) in enumerate(texts.items()):
            self.playout.piece(turn, piece, text)
            self.say(turn, piece, samples)
            self.playout.piece_ended(turn, piece)
        self.playout.finish(turn)
        self.playout.release(turn)
        self.pump()

    def pause(self, *turns: int) -> None:
        for turn in turns:
            if self.playout.pause(turn, self.now):
                self.far.take(None, self.now)
        self.pump()

    def resume(self, *turns: int) -> None:
        for turn in turns:
            self.playout.resume(turn)
        self.pump()

    def silence(self, *turns: int) -> None:
        for turn in turns:
            if self.playout.silence(turn, self.now):
                self.far.take(None, self.now)
        self.pump()

    def audio_of(self, turn: int) -> bytes:
        """All that was queued for it."""
        return samples_of(turn, 0, self.queued.get(turn, 0), self.audio_format)

    def told(self, kind: type[Fact]) -> list[Fact]:
        """The facts of one kind, in order."""
        return [fact for _, fact in self.facts if isinstance(fact, kind)]

    def _collect(self) -> None:
        self.facts += ((self.now, fact) for fact in self.playout.facts())
