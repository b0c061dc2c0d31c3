"""Rewriting by rules: the earlier rule wins, and what one has rewritten no other sees again.

A text passes by some sixty patterns within a call's latency, so most are not even tried: a rule
says how long a run of digits it needs, what else must be there, and whether it begins at a number.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .segments import Spoken, spoken

Say = Callable[[re.Match[str]], str | None]
"""What is said for a match; None leaves it alone."""

_RUN = re.compile("[0-9]+")
_BEGIN = re.compile(r"[-−]?\s?[.]?(?=[0-9])")
_BEFORE = 3
"""Characters of a number before its first digit, at most: a sign, a space, a point."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Rewrites what the pattern finds, or its group ``claim`` where it has one."""

    pattern: re.Pattern[str]
    say: Say
    run: int = 1
    """It needs a run of so many digits; 0 for none."""
    at_number: bool = True
    """It begins at a number, or at the sign before it."""
    gate: re.Pattern[str] | None = None
    """It needs this too."""


def at_number(pattern: str, say: Say | str, *, run: int = 1, gate: str = "") -> Rule:
    """A rule that begins at a number. `say` may be fixed."""
    return _rule(pattern, say, run, True, gate, 0)


def anywhere(pattern: str, say: Say | str, *, run: int = 0, gate: str = "", flags: int = 0) -> Rule:
    """A rule that begins anywhere. `say` may be fixed."""
    return _rule(pattern, say, run, False, gate, flags)


def _rule(pattern: str, say: Say | str, run: int, at_number: bool, gate: str, flags: int) -> Rule:
    if isinstance(say, str):
        words = say
        say = lambda _: words  # noqa: E731
    return Rule(re.compile(pattern, flags), say, run, at_number, re.compile(gate) if gate else None)


def rewrite(text: str, rules: Sequence[Rule]) -> Spoken:
    """`text` as it is said by `rules`."""
    runs = [match.span() for match in _RUN.finditer(text)]
    longest = max((end - start for start, end in runs), default=0)
    starts = sorted({at for start, _ in runs for at in _starts(text, start)})
    taken = bytearray(len(text))
    claims: list[tuple[int, int, str]] = []
    for rule in rules:
        if longest < rule.run or (rule.gate is not None and rule.gate.search(text) is None):
            continue
        for match in _at(rule.pattern, text, starts) if rule.at_number else _in(rule.pattern, text):
            group = "claim" if "claim" in rule.pattern.groupindex else 0
            start, end = match.span(group)
            if start < end and taken.find(1, start, end) < 0:
                say = rule.say(match)
                if say is not None:
                    claims.append((start, end, say))
                    taken[start:end] = b"\x01" * (end - start)
    return spoken(text, claims)


def _starts(text: str, digit: int) -> Iterator[int]:
    """Where the number may begin whose first digit is at `digit`."""
    yield digit
    for at in range(max(digit - _BEFORE, 0), digit):
        if not text[at].isspace() and (begin := _BEGIN.match(text, at)) and begin.end() == digit:
            yield at


def _at(pattern: re.Pattern[str], text: str, starts: Sequence[int]) -> Iterator[re.Match[str]]:
    for start in starts:
        if (match := pattern.match(text, start)) is not None:
            yield match


def _in(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """All matches, those that overlap included: of two the rule may want the second."""
    at = 0
    while (match := pattern.search(text, at)) is not None:
        yield match
        at = match.start() + 1
