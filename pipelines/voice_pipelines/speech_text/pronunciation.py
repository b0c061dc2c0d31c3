"""Words that are said in a way of their own: "Siobhan" as "shi vawn"."""

import re
from collections.abc import Mapping

from .rules import Rule


def pronunciation_rules(pronunciations: Mapping[str, str]) -> list[Rule]:
    """One rule for all words; whole words only, in upper or lower case alike.

    A word inside an address (of the web or e-mail) is left alone, for the address is no word.
    """
    say_as = {" ".join(word.lower().split()): say.strip() for word, say in pronunciations.items()}
    words = sorted(filter(None, say_as), key=len, reverse=True)
    if not words:
        return []
    choice = "|".join(r"\s+".join(map(re.escape, word.split())) for word in words)
    pattern = rf"(?<![\w@/])(?<!\w\.)(?:{choice})(?![\w@]|[./]\w)"
    return [
        Rule(
            re.compile(pattern, re.IGNORECASE),
            lambda match: say_as.get(" ".join(match.group().lower().split())),
            run=0,
            at_number=False,
        )
    ]
