"""The known name that a misspelled one was probably meant to be."""

import difflib
from collections.abc import Iterable
from itertools import islice

_LONGEST = 64
_MOST = 50
"""Comparing takes time with the square of the length, and schemas come from strangers."""


def nearest(name: object, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The name among the first of `known` that is most like `name`; empty if none is."""
    if not isinstance(name, str) or len(name) > _LONGEST:
        return ""
    short = islice((each for each in known if len(each) <= _LONGEST), _MOST)
    return next(iter(difflib.get_close_matches(name, list(short), n=1, cutoff=cutoff)), "")
