"""The playout ledger of one leg: what is queued, what may be sent, what was heard.

The far end plays what it is sent in order and in real time. It keeps a buffer, so *sent* is not
*heard*: heard is what the far end acknowledged, carried forward by the clock until the next
acknowledgment. A far end without acknowledgments is judged by the clock alone.

Every sample sent has a place in one long *stream*; `clear` takes back the part that nobody heard.
Twilio echoes all pending marks after a clear, so marks carry a generation, and an echo of an
earlier generation proves nothing.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from voice_codecs.pcm import AudioFormat

_CHARACTERS_PER_SECOND = 14
"""Of speech whose length is not known yet, a guess."""
_HEARTBEAT_MS = 1000
"""`Played` is told at least so often while audio plays."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send this audio."""

    audio: bytes
    ducked: bool = False
    """Play it more quietly."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Ask for an acknowledgment of all that was sent before."""

    name: str


@dataclass(frozen=True, slots=True)
class Started:
    """The first audio of `turn` goes out."""

    turn: int


@dataclass(frozen=True, slots=True)
class Played:
    """So much of `turn` has been heard."""

    turn: int
    text: str
    samples: int


@dataclass(frozen=True, slots=True)
class Ended:
    """`turn` is finished and all of it has been heard."""

    turn: int


Outgoing = Send | Mark
Fact = Started | Played | Ended


@dataclass(slots=True)
class _Piece:
    """One clause of a reply, as text and as a range of samples of its turn."""

    text: str
    start: int
    end: int | None = None
    words: list[tuple[str, int]] = field(default_factory=list)
    """(word, sample of the turn at which it ends), where the provider tells."""


@dataclass(slots=True)
class _Track:
    """The audio of one turn."""

    turn: int
    audio: bytearray = field(default_factory=bytearray)
    pieces: list[_Piece] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    sent: int = 0
    """Samples sent and not taken back."""
    heard: int = 0
    """Samples heard."""
    released: bool = False
    paused: bool = False
    finished: bool = False
    started: bool = False
    ducked: bool = False
    told: str = ""
    told_at: int = 0


@dataclass(frozen=True, slots=True)
class _Span:
    """A stretch of the stream: samples of one turn."""

    start: int
    turn: int
    offset: int
    length: int


class Playout:
    """The ledger. Every method that may tell something takes `now` in milliseconds."""

    def __init__(
        self,
        audio_format: AudioFormat,
        lead_ms: int = 240,
        frame_ms: int = 40,
        mark_every_ms: int = 200,
        acknowledges: bool = True,
        acknowledge_within_ms: int = 1500,
    ) -> None:
        """Keep at most `lead_ms` of audio ahead of the listener, in multiples of `frame_ms`.

        `acknowledges` says whether the far end echoes marks. If it promised to and an echo is
        `acknowledge_within_ms` overdue, the clock is believed instead.
        """
        self._format = audio_format
        self._width = audio_format.sample_width
        self._per_ms = audio_format.rate // 1000
        self._lead = lead_ms * self._per_ms
        self._frame = frame_ms * self._per_ms
        self._mark_every = mark_every_ms * self._per_ms
        self._acknowledges = acknowledges
        self._patience = acknowledge_within_ms * self._per_ms
        self._tracks: dict[int, _Track] = {}
        self._spans: deque[_Span] = deque()
        self._facts: deque[Fact] = deque()
        self._sent = 0
        """Samples of the stream that were sent and not taken back."""
        self._marked = 0
        self._generation = 0
        self._anchor = (0, 0)
        """(sample of the stream, time at which it was being played)."""
        self._acknowledged = 0
        self.underruns = 0
        """How often a turn had nothing to play in the middle of a piece."""

    # Filling -------------------------------------------------------------------------------------

    def piece(self, turn: int, piece: int, text: str) -> None:
        """`piece` of `turn` will say `text`; its audio follows after that of the pieces before."""
        self._track(turn).texts[piece] = text

    def audio(
        self, turn: int, piece: int, audio: bytes, words: tuple[tuple[str, int], ...] = ()
    ) -> None:
        """Queue audio of a piece; `words` end at samples of the piece. Pieces come in order."""
        if (track := self._tracks.get(turn)) is None or piece not in track.texts:
            return
        entry = self._entry(track, piece)
        entry.words += [(word, entry.start + end) for word, end in words]
        track.audio += audio

    def piece_ended(self, turn: int, piece: int) -> None:
        """All audio of the piece has been queued."""
        if (track := self._tracks.get(turn)) and piece in track.texts:
            self._entry(track, piece).end = len(track.audio) // self._width

    def finish(self, turn: int) -> None:
        """Nothing more will be queued for the turn."""
        self._track(turn).finished = True

    def _entry(self, track: _Track, piece: int) -> _Piece:
        while len(track.pieces) <= piece:
            text = track.texts.get(len(track.pieces), "")
            here = len(track.audio) // self._width
            if track.pieces and track.pieces[-1].end is None:
                track.pieces[-1].end = here
            track.pieces.append(_Piece(text, here))
        return track.pieces[piece]

    # Steering ------------------------------------------------------------------------------------

    def release(self, turn: int) -> None:
        """The turn may be played."""
        self._track(turn).released = True

    def duck(self, turn: int, ducked: bool) -> None:
        """Play what is sent from now on more quietly, or at full level again."""
        if track := self._tracks.get(turn):
            track.ducked = ducked

    def pause(self, turn: int, now: int) -> bool:
        """Hold the turn at the sample that is being heard. True if the far end must be cleared."""
        if track := self._tracks.get(turn):
            track.paused = True
        return self._take_back(now)

    def resume(self, turn: int) -> None:
        """Go on at that sample."""
        if track := self._tracks.get(turn):
            track.paused = False

    def silence(self, turn: int, now: int) -> bool:
        """Forget the turn. True if the far end must be cleared."""
        if (track := self._tracks.get(turn)) is None:
            return False
        must_clear = self._take_back(now) if track.started else False
        self._tell(track, now)
        del self._tracks[turn]
        return must_clear

    def _take_back(self, now: int) -> bool:
        """Undo the sending of what has not been heard; True if there was any."""
        heard = self._position(now)
        self._progress(heard, now)
        if heard >= self._sent:
            return False
        for span in self._spans:
            if (track := self._tracks.get(span.turn)) is not None:
                track.sent = track.heard
        self._spans.clear()
        self._sent = self._marked = self._acknowledged = heard
        self._anchor = (heard, now)
        self._generation += 1
        for track in self._tracks.values():
            self._tell(track, now)
        return True

    # Playing -------------------------------------------------------------------------------------

    def pump(self, now: int) -> Iterator[Outgoing]:
        """What to send now. To be called every 20 ms and whenever something was queued."""
        if not self._acknowledges or self._overdue(now):
            self._acknowledge(self._position(now), now)
        while (track := self._current()) is not None:
            available = self._queued(track) - track.sent
            size = min(available, self._lead - (self._sent - self._position(now)))
            if size < available or not self._ends_with_piece(track):
                size -= size % self._frame
            if size <= 0:
                break
            yield from self._send(track, size, now)
            if size == available and self._marked < self._sent:
                yield self._mark()  # Perhaps the last audio of the turn.
        for track in list(self._tracks.values()):
            self._end_if_heard(track, now)

    def acknowledged(self, name: str, now: int) -> None:
        """The far end echoed a mark."""
        generation, _, sample = name.partition(".")
        if generation != str(self._generation) or not sample.isdecimal():
            return
        self._acknowledge(min(int(sample), self._sent), now)

    def facts(self) -> Iterator[Fact]:
        """What happened since the last call, in order."""
        while self._facts:
            yield self._facts.popleft()

    @property
    def busy(self) -> bool:
        """Whether there is anything to play, or to be heard."""
        return bool(self._tracks)

    def _send(self, track: _Track, size: int, now: int) -> Iterator[Outgoing]:
        if self._position(now) >= self._sent:
            self._anchor = (self._sent, now)  # The far end had run dry; it plays this at once.
            if track.sent and not any(piece.start == track.sent for piece in track.pieces):
                self.underruns += 1
        begin = track.sent * self._width
        audio = bytes(memoryview(track.audio)[begin : begin + size * self._width])
        self._spans.append(_Span(self._sent, track.turn, track.sent, size))
        track.sent += size
        self._sent += size
        if not track.started:
            track.started = True
            track.told_at = now
            self._facts.append(Started(track.turn))
        yield Send(audio, track.ducked)
        if self._sent - self._marked >= self._mark_every:
            yield self._mark()

    def _mark(self) -> Mark:
        self._marked = self._sent
        return Mark(f"{self._generation}.{self._sent}")

    def _acknowledge(self, sample: int, now: int) -> None:
        if sample > self._acknowledged:
            self._acknowledged = sample
            if self._acknowledges:
                self._anchor = (sample, now)
        self._progress(sample, now)

    def _position(self, now: int) -> int:
        """The sample of the stream that is being played, as far as is known."""
        sample, at = self._anchor
        return min(self._sent, max(self._acknowledged, sample + (now - at) * self._per_ms))

    def _overdue(self, now: int) -> bool:
        sample, at = self._anchor
        return sample + (now - at) * self._per_ms > self._marked + self._patience

    def _progress(self, heard: int, now: int) -> None:
        """Enter into the tracks that the stream was heard up to `heard`."""
        while self._spans:
            span = self._spans[0]
            if heard <= span.start:
                return
            length = min(span.length, heard - span.start)
            if track := self._tracks.get(span.turn):
                track.heard = max(track.heard, span.offset + length)
                self._report(track, now)
                self._end_if_heard(track, now)
            if length < span.length:
                return
            self._spans.popleft()

    def _report(self, track: _Track, now: int) -> None:
        if now - track.told_at >= _HEARTBEAT_MS or self._heard_text(track) != track.told:
            self._tell(track, now)

    def _tell(self, track: _Track, now: int) -> None:
        if track.started:
            track.told, track.told_at = self._heard_text(track), now
            self._facts.append(Played(track.turn, track.told, track.heard))

    def _end_if_heard(self, track: _Track, now: int) -> None:
        if track.released and self._is_whole(track) and track.heard == self._queued(track):
            self._tell(track, now)
            self._facts.append(Ended(track.turn))
            self._tracks.pop(track.turn, None)

    # Looking up ----------------------------------------------------------------------------------

    def _track(self, turn: int) -> _Track:
        return self._tracks.setdefault(turn, _Track(turn))

    def _current(self) -> _Track | None:
        """The turn that plays: one that has begun and not ended, else the first with any audio."""
        playable = [t for t in self._tracks.values() if t.released and not t.paused]
        begun = (
            t for t in playable if t.sent and not (self._is_whole(t) and t.sent == self._queued(t))
        )
        waiting = (t for t in playable if self._queued(t) > t.sent)
        return next(begun, None) or next(waiting, None)

    def _is_whole(self, track: _Track) -> bool:
        """Whether nothing more will be queued: all pieces are known, and all their audio."""
        spoken = len(track.pieces) == len(track.texts)
        return track.finished and spoken and all(piece.end is not None for piece in track.pieces)

    def _queued(self, track: _Track) -> int:
        return len(track.audio) // self._width

    def _ends_with_piece(self, track: _Track) -> bool:
        """Whether the queued audio ends with a piece, so that a last short frame may be sent."""
        return bool(track.pieces) and track.pieces[-1].end == self._queued(track)

    def _heard_text(self, track: _Track) -> str:
        """The words that have been heard to their end."""
        heard: list[str] = []
        for piece in track.pieces:
            if piece.end is not None and track.heard >= piece.end:
                heard.append(piece.text)
                continue
            if track.heard > piece.start:
                heard += self._heard_words(piece, track.heard)
            break
        return " ".join(text for text in heard if text)

    def _heard_words(self, piece: _Piece, heard: int) -> list[str]:
        if piece.words:
            return [word.strip() for word, end in piece.words if end <= heard]
        length = len(piece.text) or 1
        guess = length * self._format.rate // _CHARACTERS_PER_SECOND
        samples = piece.end - piece.start if piece.end is not None else guess
        characters = (heard - piece.start) * length // max(samples, 1)
        words, at = [], 0
        for word in piece.text.split():
            at = piece.text.index(word, at) + len(word)
            if at > characters:
                break
            words.append(word)
        return words
