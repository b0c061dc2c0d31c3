"""Addresses of the web and of e-mail: "www.example.com" as "example dot com"."""

import re

from .numbers import digits
from .rules import Rule, anywhere

_SAFE_TLDS = (
    "com|org|net|edu|gov|io|ai|app|dev|info|biz|shop|online|site|cloud|store|tech|co|uk|de|fr|eu|"
    "ca|au|ch|nl|es|jp"
)
"""Endings that make a bare "bella.com" an address; "it", "is" or "me" are words too often."""
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_EMAIL = rf"(?<![\w.+-])(?:mailto:)?([\w.+-]+)@({_LABEL}(?:\.{_LABEL})+)"
_URL = (
    rf"(?<![\w@])(?:(?:https?|ftp)://|(?=www\.))(?:www\.)?({_LABEL}(?:\.{_LABEL})*)(:[0-9]+)?"
    r"((?:[/?#][^\s<>\"]*)?)"
)
_BARE = rf"(?<![\w@./-])((?:{_LABEL}\.)+(?:{_SAFE_TLDS}))()((?:/[^\s<>\"]*)?)(?![\w@])(?!\.\w)"
_LONGEST_PATH = 30
"""Characters of a path that are worth saying; of a longer one nothing is."""
_SIGNS = {".": "dot", "_": "underscore", "-": "dash", "+": "plus", "/": "slash", "~": "tilde"}
_PART = re.compile(r"[._+/~-]|[0-9]+|[^\W\d_]+")


def _spell(text: str) -> str:
    words = []
    for part in _PART.findall(text):
        words.append(_SIGNS.get(part) or (digits(part) if part[0] in "0123456789" else part))
    return " ".join(filter(None, words))


def _say_email(match: re.Match[str]) -> str | None:
    local = match[1].strip(".-+")
    return f"{_spell(local)} at {_spell(match[2])}" if local else None


def _say_url(match: re.Match[str]) -> str:
    host, port, rest = match[1], match[2], match[3]
    words = _spell(host)
    if port:
        words += f" port {digits(port)}"
    path = re.split(r"[?#]", rest)[0].rstrip("/.,;:!?)]}'”’*")
    if len(path) > 1 and len(path) <= _LONGEST_PATH and "%" not in path:
        words += f" {_spell(path)}"
    # The punctuation after an address belongs to the sentence.
    return words + (rest[len(rest.rstrip(".,;:!?)]}'”’")) :] if rest else "")


ADDRESSES: tuple[Rule, ...] = (
    anywhere(_EMAIL, _say_email, gate="@"),
    anywhere(_URL, _say_url, gate=r"://|www\."),
    anywhere(_BARE, _say_url, gate=r"\.[a-z]"),
)
