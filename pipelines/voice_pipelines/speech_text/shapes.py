"""What numbers look like in a text, as parts of patterns."""

import re

NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
BEGIN = r"(?<![^\W_])(?<![0-9][.,:/])"
"""No word and no number goes on here."""
END = r"(?![^\W_])(?![.,:/][0-9])"
SIGN = r"(?:(?<![\w).])(?P<sign>[-−])\s?)?"
DASH = r"(?:\s?[-–]\s?|—)"


def signed(match: re.Match[str], words: str) -> str:
    """`words` after a "minus" if the match has a sign."""
    return f"minus {words}" if match["sign"] else words


def full_stop(match: re.Match[str]) -> str:
    """A full stop, if the match ends with the one that ends the text."""
    rest = match.string[match.end() :].strip("\"')]}”’ ")
    return "." if match.group().endswith(".") and not rest else ""
