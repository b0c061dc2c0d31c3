"""The way of a reply's audio to one leg: the playout ledger and the leg it steers."""

from collections.abc import Callable
from typing import assert_never

from voice_codecs.convert import Converter
from voice_codecs.g711 import decode, encode
from voice_codecs.pcm import AudioFormat, Encoding

from ..audio.playout import Ended, Played, Playout, Send, Started
from ..conversation.commands import (
    Duck,
    Finish,
    Pause,
    Release,
    Resume,
    Silence,
    Speak,
    Steering,
    Unduck,
)
from ..conversation.events import Event, Heard, PlaybackEnded, PlaybackStarted
from ..ports import Leg, SpeechChunk

_DUCK_DB = -12.0


class Player:
    """Plays replies on one leg and tells what was heard of them."""

    def __init__(
        self,
        leg_id: str,
        leg: Leg,
        playout: Playout,
        source: AudioFormat,
        tell: Callable[[Event], None],
        now: Callable[[], int],
    ) -> None:
        """`source` is the format of the chunks that `audio` gets."""
        self._leg_id = leg_id
        self._leg = leg
        self.playout = playout
        self._source = source
        self._tell = tell
        self._now = now
        self._converters: dict[tuple[int, int], Converter] = {}
        self._speedup = leg.format.rate / source.rate
        self.tap: Callable[[bytes], None] | None = None
        """Gets what is sent to the leg, unchanged: for whoever measures it."""

    def audio(self, turn: int, piece: int, chunk: SpeechChunk) -> None:
        """Queue audio of a piece, converted if the leg needs that."""
        key = (turn, piece)
        converter = self._converters.get(key)
        if converter is None:
            converter = self._converters[key] = Converter(self._source, self._leg.format)
        words = tuple((word, int(end * self._speedup)) for word, end in chunk.words)
        self.playout.audio(turn, piece, converter.push(chunk.audio), words)

    def piece_ended(self, turn: int, piece: int) -> None:
        if (converter := self._converters.pop((turn, piece), None)) and (rest := converter.flush()):
            self.playout.audio(turn, piece, rest)
        self.playout.piece_ended(turn, piece)

    def steer(self, order: Steering) -> None:
        """Do what the conversation orders for a reply."""
        match order:
            case Speak(turn, piece, text):
                self.playout.piece(turn, piece, text)
            case Finish(turn):
                self.playout.finish(turn)
            case Release(turn):
                self.playout.release(turn)
            case Duck(turn):
                self.playout.duck(turn, True)
            case Unduck(turn):
                self.playout.duck(turn, False)
            case Pause(turn):
                self.pause(turn)
            case Resume(turn):
                self.playout.resume(turn)
            case Silence(turn):
                self.silence(turn)
            case _:
                assert_never(order)

    def pause(self, turn: int) -> None:
        if self.playout.pause(turn, self._now()):
            self._leg.clear()

    def silence(self, turn: int) -> None:
        if self.playout.silence(turn, self._now()):
            self._leg.clear()
        for key in [key for key in self._converters if key[0] == turn]:
            del self._converters[key]

    def cut(self) -> None:
        """Nothing gets through to the leg: only what it has acknowledged was heard."""
        if self.playout.cut(self._now()):
            self._leg.clear()
        self.report()

    def mend(self) -> None:
        """It gets through again: what was not heard is sent again."""
        self.playout.mend()

    def acknowledged(self, name: str) -> None:
        """The leg has played everything before the mark `name`."""
        self.playout.acknowledged(name, self._now())
        self.report()

    def pump(self) -> None:
        """Send what is due and tell what happened."""
        for item in self.playout.pump(self._now()):
            if isinstance(item, Send):
                audio = _ducked(item.audio, self._leg.format) if item.ducked else item.audio
                if self.tap is not None:
                    self.tap(audio)
                self._leg.send(audio)
            else:
                self._leg.mark(item.name)
        self.report()

    def report(self) -> None:
        """Tell what the ledger knows since the last time."""
        per_ms = self._leg.format.rate // 1000
        for fact in self.playout.facts():
            match fact:
                case Started(turn):
                    self._tell(PlaybackStarted(self._leg_id, turn))
                case Played(turn, text, samples):
                    self._tell(Heard(self._leg_id, turn, text, samples // per_ms))
                case Ended(turn):
                    self._tell(PlaybackEnded(self._leg_id, turn))


def _ducked(audio: bytes, audio_format: AudioFormat) -> bytes:
    from voice_codecs.mix import gain  # Imports numpy, which a server without models never needs.

    if audio_format.encoding is Encoding.PCM16:
        return gain(audio, _DUCK_DB)
    return encode(gain(decode(audio, audio_format.encoding), _DUCK_DB), audio_format.encoding)
