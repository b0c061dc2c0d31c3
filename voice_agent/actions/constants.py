"""What may stand in the constants of a webhook: the address and the headers."""

import re
from typing import Any

from .notation import holes

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OUR_HEADERS = re.compile(
    r"host|content-length|content-type|transfer-encoding|connection|upgrade|te|trailer|expect"
    r"|accept-encoding|idempotency-key|proxy-.*|webhook-.*",
    re.IGNORECASE,
)
_AUTHORITY = re.compile(r"(https?)://([^/?#]*)", re.IGNORECASE)


def url_problem(url: str) -> str:
    """What is wrong with a webhook's address, as a sentence; empty if nothing is."""
    if any(char < " " or char == "\x7f" for char in url):
        return "It contains control characters: remove them."
    found = _AUTHORITY.match(url)
    if found is None or not found.group(2):
        return "It must be an address such as https://hooks.example.com/path."
    authority = found.group(2)
    if "@" in authority:
        return (
            "It must not contain a user or a password: put them into `headers` as a "
            "{{secret.NAME}}."
        )
    if holes(authority) or "{{" in authority or "\\" in authority:
        return (
            "What is filled in must come after the host: who is called is not the caller's to say."
        )
    if holes(url[found.end() :]) and url[found.end() : found.end() + 1] not in "/?":
        return "Begin the path with / so that what is filled in is not part of the host."
    return ""


def header_problem(name: str, value: Any) -> str:
    """What is wrong with a constant header, as a sentence; empty if nothing is."""
    if not _HEADER.fullmatch(name):
        return "It is no name of a header."
    if _OUR_HEADERS.fullmatch(name):
        return "It is set by the server: leave it out."
    if not isinstance(value, str) or any(char < " " or char == "\x7f" for char in value):
        return "It must be a text in one line."
    return ""
