"""What a turn says and where: its pieces, as text and as samples of the turn's audio."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

_CHARACTERS_PER_SECOND = 14
"""Of speech whose length is not known yet, a guess."""


@dataclass(slots=True)
class _Piece:
    """One clause or sentence."""

    words: list[str]
    word_ends: list[int]
    """Characters up to the end of each word, spaces counted once."""
    start: int
    reached: int
    """The sample after the last that is known to belong to it."""
    end: int | None = None
    timings: list[tuple[str, int]] = field(default_factory=list)
    """(part of the text, sample of the turn at which it ends), where the provider tells."""

    def words_before(self, sample: int, rate: int) -> int:
        """How many of its words have been said to their end before `sample`, if it is inside."""
        if self.timings:
            return min(self._timed_words_before(sample), len(self.words))
        length = self.word_ends[-1] if self.words else 0
        samples = self.reached - self.start
        if self.end is None:
            samples = max(samples, length * rate // _CHARACTERS_PER_SECOND)
        return bisect_right(self.word_ends, (sample - self.start) * length // max(samples, 1))

    def _timed_words_before(self, sample: int) -> int:
        """A part begins a word if white space precedes it; the first one always does."""
        said = 0
        for part, end in self.timings:
            if end > sample:
                # A word that goes on in this part has not been said to its end.
                return said if part[:1].isspace() else max(said - 1, 0)
            said += len(part.split()) if part[:1].isspace() or not said else len(part.split()) - 1
        return said


class Pieces:
    """The pieces of one turn, in their order."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._texts: dict[int, str] = {}
        self._begun: list[_Piece] = []
        self._past: list[str] = []
        """The words of the pieces that were heard to their end."""
        self._at = 0
        """How many those are."""
        self._words = 0
        """How many words were heard of the piece after them."""
        self._text = ""
        """All words heard."""
        self._ends: set[int] = set()

    def announce(self, piece: int, text: str) -> None:
        """`piece` will say `text`."""
        self._texts[piece] = text

    def __contains__(self, piece: int) -> bool:
        return piece in self._texts

    def said(self, piece: int, start: int, end: int, timings: Sequence[tuple[str, int]]) -> None:
        """Samples `start` to `end` say (some of) a piece; `timings` count from where it began."""
        entry = self._entry(piece, start)
        entry.reached = max(entry.reached, end)
        entry.timings += ((part, entry.start + at) for part, at in timings)

    def ended(self, piece: int, end: int) -> None:
        """The piece has said all before sample `end`."""
        self._end(self._entry(piece, end), end)

    @property
    def whole(self) -> bool:
        """Whether all that was announced has been said. Pieces end in order."""
        return len(self._begun) == len(self._texts) and (
            not self._begun or self._begun[-1].end is not None
        )

    def boundary(self, sample: int) -> bool:
        """Whether a piece ends there."""
        return sample in self._ends

    def heard(self, sample: int) -> str:
        """The words said to their end before `sample`; never fewer than at an earlier question."""
        words = 0
        while self._at < len(self._begun):
            piece = self._begun[self._at]
            if piece.end is None or piece.end > sample:
                words = piece.words_before(sample, self._rate)
                break
            self._past += piece.words
            self._at += 1
            self._text, self._words = " ".join(self._past), 0
        if words > self._words:
            self._text, self._words = " ".join(self._past + piece.words[:words]), words
        return self._text

    def _entry(self, piece: int, here: int) -> _Piece:
        while len(self._begun) <= piece:
            if self._begun and self._begun[-1].end is None:
                self._end(self._begun[-1], here)
            words = self._texts.get(len(self._begun), "").split()
            ends, length = [], -1
            for word in words:
                length += 1 + len(word)
                ends.append(length)
            self._begun.append(_Piece(words, ends, here, here))
        return self._begun[piece]

    def _end(self, piece: _Piece, here: int) -> None:
        piece.end = piece.reached = here
        self._ends.add(here)
