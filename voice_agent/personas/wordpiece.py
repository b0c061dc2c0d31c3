"""Text to the token numbers of BERT's uncased vocabulary.

Our own forty lines, since the library that does it brings fifteen packages, a hub's client among
them, and the rules have not changed since 2018: https://github.com/google-research/bert#tokenization
"""

import unicodedata
from pathlib import Path

MAX_TOKENS = 128
"""More is cut off; attention takes time that grows with the square of it."""
_MAX_WORD = 100


class WordPieces:
    """The vocabulary of one model."""

    def __init__(self, vocabulary: Path) -> None:
        """`vocabulary` has one token per line, its number being that of the line."""
        lines = vocabulary.read_text("utf-8").splitlines()
        self._numbers = {token: number for number, token in enumerate(lines)}
        self._unknown = self._numbers["[UNK]"]
        self._first, self._last = self._numbers["[CLS]"], self._numbers["[SEP]"]

    def __call__(self, text: str) -> list[int]:
        """At most `MAX_TOKENS` numbers, those of beginning and end included."""
        pieces = [piece for word in _words(text) for piece in self._pieces(word)]
        return [self._first, *pieces[: MAX_TOKENS - 2], self._last]

    def _pieces(self, word: str) -> list[int]:
        """The longest token first, then what is left of the word in the same way."""
        if len(word) > _MAX_WORD:
            return [self._unknown]
        found = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                number = self._numbers.get(prefix + word[start:end])
                if number is not None:
                    break
            else:
                return [self._unknown]
            found.append(number)
            start = end
        return found


def _words(text: str) -> list[str]:
    """Lower case, no accents; punctuation and ideographs are words of their own."""
    spaced = []
    for character in unicodedata.normalize("NFD", text.lower()):
        category = unicodedata.category(character)
        if category == "Mn" or (category[0] == "C" and not character.isspace()):
            continue
        alone = _is_punctuation(character, category) or _is_ideograph(character)
        spaced.append(f" {character} " if alone else character)
    return "".join(spaced).split()


def _is_punctuation(character: str, category: str) -> bool:
    # All of ASCII that is neither letter, digit nor space counts, "$" and "^" too.
    ascii_sign = "!" <= character <= "~" and not character.isalnum()
    return ascii_sign or category[0] == "P"


def _is_ideograph(character: str) -> bool:
    point = ord(character)
    return (
        0x4E00 <= point <= 0x9FFF
        or 0x3400 <= point <= 0x4DBF
        or 0xF900 <= point <= 0xFAFF
        or 0x20000 <= point <= 0x2CEAF
        or 0x2F800 <= point <= 0x2FA1F
    )
