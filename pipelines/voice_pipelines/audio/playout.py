"""The playout ledger of one leg: what is queued, what may be sent, what was heard.

The far end plays what it is sent in order and in real time. It keeps a buffer, so *sent* is not
*heard*: heard is what the far end acknowledged by echoing a mark. A far end that does not echo is
judged by the clock.

Every sample sent has a place in one long *stream*; `pause` and `silence` take back the part that
nobody heard. Twilio echoes all pending marks after a clear, so marks carry a generation, and an
echo of an earlier generation proves nothing.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from voice_codecs.pcm import AudioFormat

from .far_clock import FarClock
from .pieces import Pieces

_LEAST_LEAD_MS = 20
_HEARTBEAT_MS = 1000
"""`Played` is told at least so often while audio plays."""
_MARK_DIGITS = 15
"""More digits than any mark of ours has: a thousand years of audio."""


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
class _Track:
    """The audio of one turn."""

    turn: int
    pieces: Pieces
    audio: bytearray = field(default_factory=bytearray)
    """What was queued, without what was heard long ago."""
    dropped: int = 0
    """Samples at the beginning that `audio` has no more."""
    queued: int = 0
    """Samples queued so far."""
    sent: int = 0
    """Samples sent and not taken back."""
    heard: int = 0
    """Samples heard."""
    released: bool = False
    paused: bool = False
    finished: bool = False
    ducked: bool = False
    place: int = 0
    """Its place among the turns that were started, counted from 1; 0 if it was not."""
    told: str = ""
    told_at: int = 0

    @property
    def all_sent(self) -> bool:
        """Nothing of it is to be sent any more. (More may come before it is `finished`.)"""
        return self.sent == self.queued and self.finished and self.pieces.whole

    @property
    def all_heard(self) -> bool:
        return self.heard == self.queued and self.finished and self.pieces.whole


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

        A lead of less than 20 ms, the time between two calls of `pump`, is taken as 20.

        `acknowledges` says whether the far end echoes marks. If it promised to and an echo is
        `acknowledge_within_ms` overdue, the clock is believed until an echo comes.
        """
        self._format = audio_format
        self._width = audio_format.sample_width
        self._rate = audio_format.rate
        self._lead = self._samples(max(lead_ms, _LEAST_LEAD_MS))
        self._frame = min(self._samples(frame_ms), self._lead // 2)
        self._mark_every = max(self._samples(mark_every_ms), self._frame)
        self._acknowledges = acknowledges
        self._echoes = acknowledges
        """The far end does echo marks, as far as is known."""
        self._patience_ms = acknowledge_within_ms
        self._tracks: dict[int, _Track] = {}
        self._places = 0
        self._spans: deque[_Span] = deque()
        """What was sent and not yet heard."""
        self._marks: deque[tuple[int, int]] = deque()
        """(sample of the stream, when its echo is overdue) of the marks that wait for theirs."""
        self._facts: deque[Fact] = deque()
        self._sent = 0
        """Samples of the stream that were sent and not taken back."""
        self._marked = 0
        self._acknowledged = 0
        self._last: _Track | None = None
        """The turn whose audio the stream ends with."""
        self._generation = 0
        self._cut = False
        """Nothing gets through: see `cut`."""
        self._clock = FarClock(self._rate)
        self.underruns = 0
        """How often a turn had nothing to play in the middle of a piece."""

    # Filling -------------------------------------------------------------------------------------

    def piece(self, turn: int, piece: int, text: str) -> None:
        """`piece` of `turn` will say `text`; its audio follows after that of the pieces before."""
        self._track(turn).pieces.announce(piece, text)

    def audio(
        self, turn: int, piece: int, audio: bytes, words: tuple[tuple[str, int], ...] = ()
    ) -> None:
        """Queue audio of a piece; `words` end at samples of the piece. Pieces come in order."""
        if (track := self._tracks.get(turn)) is None or piece not in track.pieces:
            return
        start = track.queued
        track.audio += audio
        track.queued = track.dropped + len(track.audio) // self._width
        track.pieces.said(piece, start, track.queued, words)

    def piece_ended(self, turn: int, piece: int) -> None:
        """All audio of the piece has been queued."""
        if (track := self._tracks.get(turn)) and piece in track.pieces:
            track.pieces.ended(piece, track.queued)
            # Half a sample would turn all that follows into noise.
            del track.audio[(track.queued - track.dropped) * self._width :]

    def finish(self, turn: int) -> None:
        """Nothing more will be queued for the turn."""
        self._track(turn).finished = True

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
        if (track := self._tracks.get(turn)) is None:
            return False
        track.paused = True
        return self._take_back(turn, now)

    def resume(self, turn: int) -> None:
        """Go on at that sample."""
        if track := self._tracks.get(turn):
            track.paused = False

    def silence(self, turn: int, now: int) -> bool:
        """Forget the turn. True if the far end must be cleared."""
        if turn not in self._tracks:
            return False
        must_clear = self._take_back(turn, now)
        self._tracks.pop(turn, None)  # The clock may just have ended it.
        return must_clear

    def cut(self, now: int) -> bool:
        """Nothing gets through to the far end. True if what is on the way must be cleared.

        Whatever was not acknowledged counts as not heard, however long ago it was sent, and nothing
        is sent before `mend`. Turns that play are told as if they stood still.
        """
        self._cut = True
        if not self._spans:
            return False
        self._unsend(self._acknowledged, now)
        return True

    def mend(self) -> None:
        """It gets through again: go on at the sample behind the last one acknowledged."""
        self._cut = False

    def _take_back(self, turn: int, now: int) -> bool:
        """Undo the sending of what has not been heard, if some of that is of `turn`."""
        heard = self._position(now)
        self._hear(heard, now)
        if not any(span.turn == turn for span in self._spans):
            return False
        self._unsend(heard, now)
        return True

    def _unsend(self, heard: int, now: int) -> None:
        """Undo the sending of what is behind the sample `heard`."""
        for span in self._spans:
            if (track := self._tracks.get(span.turn)) is not None and track.sent > track.heard:
                track.sent = track.heard
                self._tell(track, now)
        self._spans.clear()
        self._marks.clear()
        self._sent = self._marked = self._acknowledged = heard
        self._last = None
        self._generation += 1

    # Playing -------------------------------------------------------------------------------------

    def pump(self, now: int) -> list[Outgoing]:
        """What to send now. To be called every 20 ms and whenever something was queued."""
        outgoing: list[Outgoing] = []
        if not self._tracks:
            return outgoing
        if self._spans:
            if self._echoes and self._marks and now > self._marks[0][1]:
                self._echoes = False
            if not self._echoes:
                self._hear(self._position(now), now)
        if self._cut:
            self._stand_still(now)
        while (track := self._current()) is not None and (size := self._sendable(track, now)):
            outgoing.append(self._send(track, size, now))
            if self._sent - self._marked >= self._mark_every:
                outgoing += self._mark(now)
        if self._marked < self._sent and (last := self._last) and last.pieces.boundary(last.sent):
            outgoing += self._mark(now)  # Perhaps the last audio of the turn.
        for track in [t for t in self._tracks.values() if t.released and t.all_heard]:
            self._end(track, now)
        return outgoing

    def acknowledged(self, name: str, now: int) -> None:
        """The far end echoed a mark."""
        generation, _, digits = name.partition(".")
        if generation != str(self._generation) or not digits.isdecimal():
            return
        if len(digits) > _MARK_DIGITS or (sample := int(digits)) > self._sent:
            return
        self._echoes = self._acknowledges
        self._clock.echoed(sample, now)
        self._hear(sample, now)

    def facts(self) -> Iterator[Fact]:
        """What happened since the last call, in order."""
        while self._facts:
            yield self._facts.popleft()

    @property
    def busy(self) -> bool:
        """Whether there is anything to play, or to be heard."""
        return bool(self._tracks)

    def _current(self) -> _Track | None:
        """The turn that plays: the first that has begun and not been sent, else one with audio."""
        begun: _Track | None = None
        waiting: _Track | None = None
        for track in self._tracks.values():
            if not track.released or track.paused:
                continue
            if track.place:
                if not track.all_sent and (begun is None or track.place < begun.place):
                    begun = track
            elif waiting is None and track.queued:
                waiting = track
        return begun or waiting

    def _sendable(self, track: _Track, now: int) -> int:
        """How many samples of the turn may go out in one message."""
        available = track.queued - track.sent
        if not available or self._cut:
            return 0
        room = self._lead - (self._sent - self._position(now))
        until_mark = max(self._mark_every - (self._sent - self._marked), self._frame)
        size = min(available, room, until_mark)
        if size < available or not track.pieces.boundary(track.queued):
            size -= size % self._frame
        return max(size, 0)

    def _send(self, track: _Track, size: int, now: int) -> Send:
        if self._position(now) >= self._sent:
            self._clock.restart(self._sent, now)
            if track is self._last and not track.pieces.boundary(track.sent):
                self.underruns += 1
        self._begin(track, now)
        begin = (track.sent - track.dropped) * self._width
        audio = bytes(memoryview(track.audio)[begin : begin + size * self._width])
        self._spans.append(_Span(self._sent, track.turn, track.sent, size))
        self._last = track
        track.sent += size
        self._sent += size
        return Send(audio, track.ducked)

    def _begin(self, track: _Track, now: int) -> None:
        if not track.place:
            self._places += 1
            track.place = self._places
            track.told_at = now
            self._facts.append(Started(track.turn))

    def _stand_still(self, now: int) -> None:
        """Tell of the turn that would play, so that nobody takes it for stuck."""
        if (track := self._current()) is not None and track.sent < track.queued:
            self._begin(track, now)
            if now - track.told_at >= _HEARTBEAT_MS:
                self._tell(track, now)

    def _mark(self, now: int) -> tuple[Mark, ...]:
        self._marked = self._sent
        if not self._acknowledges:
            return ()
        ahead_ms = (self._sent - self._position(now)) * 1000 // self._rate
        self._marks.append((self._sent, now + ahead_ms + self._patience_ms))
        return (Mark(f"{self._generation}.{self._sent}"),)

    # Hearing -------------------------------------------------------------------------------------

    def _position(self, now: int) -> int:
        """The sample of the stream that is being played, as far as is known."""
        return min(self._sent, max(self._acknowledged, self._clock.position(now)))

    def _hear(self, sample: int, now: int) -> None:
        """The stream was heard up to `sample`."""
        self._acknowledged = max(self._acknowledged, sample)
        while self._marks and self._marks[0][0] <= sample:
            self._marks.popleft()
        touched: dict[int, _Track] = {}
        while self._spans and (span := self._spans[0]).start < sample:
            length = min(span.length, sample - span.start)
            if track := self._tracks.get(span.turn):
                track.heard = max(track.heard, span.offset + length)
                touched[span.turn] = track
            if length < span.length:
                break
            self._spans.popleft()
        for track in touched.values():
            self._report(track, now)

    def _report(self, track: _Track, now: int) -> None:
        self._drop_heard(track)
        if track.released and track.all_heard:
            self._end(track, now)
        elif now - track.told_at >= _HEARTBEAT_MS or track.pieces.heard(track.heard) != track.told:
            self._tell(track, now)

    def _drop_heard(self, track: _Track) -> None:
        """Free the memory of what was heard, by the second: a turn may be very long."""
        if (spare := track.heard - track.dropped) >= self._rate:
            del track.audio[: spare * self._width]
            track.dropped = track.heard

    def _tell(self, track: _Track, now: int) -> None:
        track.told, track.told_at = track.pieces.heard(track.heard), now
        self._facts.append(Played(track.turn, track.told, track.heard))

    def _end(self, track: _Track, now: int) -> None:
        if track.place:
            self._tell(track, now)
        self._facts.append(Ended(track.turn))
        del self._tracks[track.turn]

    def _track(self, turn: int) -> _Track:
        if (track := self._tracks.get(turn)) is None:
            track = self._tracks[turn] = _Track(turn, Pieces(self._rate))
        return track

    def _samples(self, ms: int) -> int:
        return ms * self._rate // 1000
