"""Okapi BM25: how well a text's words match each of many documents.

Our own, since what there is for it (bm25s, SQLite's FTS5) brings scipy or an index on disk, and
what is needed is an immutable index over some hundred short texts, built in milliseconds.
Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009), eq. 3.15.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

K1 = 1.2
B = 0.5
"""Less than the usual 0.75: that one document gives more examples does not make it less fitting."""

_EMPTY = frozenset(
    "a an and are as at be but by can could do does for from have i if in is it me my of on or so "
    "that the there this to us was we were will with would you your".split()
)
"""English words that say nothing; among a dozen scenarios they may be rare all the same."""

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Lower case, no accents, no plural, nothing empty: ``The Café's prices`` is ``cafe price``."""
    plain = "".join(
        character
        for character in unicodedata.normalize("NFKD", text.casefold())
        if not unicodedata.combining(character)
    )
    plain = plain.replace("'s", "").replace("\N{RIGHT SINGLE QUOTATION MARK}s", "")
    return [_singular(word) for word in _WORD.findall(plain) if word not in _EMPTY]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and word[-2] not in "sui" else word


class Bm25:
    """An immutable index over documents."""

    def __init__(self, documents: Sequence[str]) -> None:
        counts = [Counter(words(document)) for document in documents]
        lengths = np.array([count.total() for count in counts], np.float32)
        mean = float(lengths.mean()) if len(counts) else 0.0
        self._size = len(counts)
        postings: dict[str, list[tuple[int, int]]] = {}
        for number, count in enumerate(counts):
            for word, times in count.items():
                postings.setdefault(word, []).append((number, times))
        self._weights: dict[str, tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]] = {}
        for word, found in postings.items():
            numbers = np.array([number for number, _ in found], np.intp)
            often = np.array([times for _, times in found], np.float32)
            rarity = np.log1p((self._size - len(found) + 0.5) / (len(found) + 0.5))
            damping = K1 * (1 - B + B * lengths[numbers] / mean)
            self._weights[word] = numbers, rarity * often * (K1 + 1) / (often + damping)

    def scores(self, query: str) -> npt.NDArray[np.float32]:
        """One per document; 0 where no word of `query` is in it."""
        scores = np.zeros(self._size, np.float32)
        for word in set(words(query)):
            if word in self._weights:
                numbers, weights = self._weights[word]
                scores[numbers] += weights
        return scores
