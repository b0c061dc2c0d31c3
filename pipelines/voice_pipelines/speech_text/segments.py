"""A text beside the way it is said, segment by segment."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the text, and what is said for it: the same, unless a rule rewrote it."""

    original: str
    spoken: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text as it is said. The `original`s of its segments, put together, are the text."""

    segments: tuple[Segment, ...]

    @property
    def original(self) -> str:
        return "".join(segment.original for segment in self.segments)

    @property
    def text(self) -> str:
        """What is said."""
        return "".join(segment.spoken for segment in self.segments)


def spoken(text: str, claims: Iterable[tuple[int, int, str]]) -> Spoken:
    """`text` with the stretches (start, end, what is said) rewritten; they do not overlap.

    Where a rewritten stretch would run into a neighboring word, a space parts them.
    """
    segments: list[Segment] = []
    at = 0
    rewritten = False
    last = ""
    """The last character said."""

    def add(start: int, end: int, say: str, parted: bool) -> None:
        nonlocal last
        if parted and say and _clash(last, say[0]):
            say = " " + say
        segments.append(Segment(text[start:end], say))
        last = say[-1] if say else last

    for start, end, say in sorted(claims):
        if at < start:
            add(at, start, text[at:start], rewritten)
        add(start, end, say, True)
        at, rewritten = end, True
    if at < len(text):
        add(at, len(text), text[at:], rewritten)
    return Spoken(tuple(segments))


def _clash(before: str, after: str) -> bool:
    return before.isalnum() and after.isalnum()


class WordClock:
    """Tells when the words of the original have been said, from when those spoken were.

    A word is said once all is said that is spoken for it; words that were rewritten together are
    said together.
    """

    def __init__(self, said: Spoken) -> None:
        self._letters = _letters(said.text)
        self._words = _word_ends(said)
        self._said = 0
        """How many of the letters."""
        self._lost = False

    def hear(self, words: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
        """The original's words that end with the next of the spoken `words`, and when they do.

        Both are as in `SpeechChunk.words`. Nothing any more once the words are others than those
        of the text.
        """
        done: list[tuple[str, int]] = []
        for part, end in words:
            letters = _letters(part)
            self._lost = self._lost or not self._letters.startswith(letters, self._said)
            if self._lost:
                break
            self._said += len(letters)
            while self._words and self._words[0][1] <= self._said:
                done.append((self._words.popleft()[0], end))
        return tuple(done)


def _letters(text: str) -> str:
    return "".join(text.split())


def _word_ends(said: Spoken) -> deque[tuple[str, int]]:
    """The original's words, each with the white space before it and the spoken letters up to its
    end."""
    text = said.original
    ends: list[int] = []
    """Of each character of the original: the spoken letters up to its end."""
    letters = 0
    for segment in said.segments:
        if segment.spoken.strip() == segment.original.strip():
            for character in segment.original:
                letters += not character.isspace()
                ends.append(letters)
        else:
            letters += len(_letters(segment.spoken))
            ends += [letters] * len(segment.original)
    words: deque[tuple[str, int]] = deque()
    at = 0
    for word in text.split():
        end = text.index(word, at) + len(word)
        words.append((text[at:end], ends[end - 1]))
        at = end
    return words
