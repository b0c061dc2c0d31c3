"""Single-use tokens that tie a media socket to the webhook that announced it.

The webhook that answers a call issues a token and hands it to the carrier as a stream parameter;
the media socket redeems it from the stream's first message. A token is worth one redemption within
its life, so that one seen in a log opens nothing.
"""

import secrets
from hashlib import sha256
from typing import Generic, TypeVar

T = TypeVar("T")


class TokenStore(Generic[T]):
    """Remembers what each token stands for until it is redeemed, expires, or is crowded out.

    Time is an argument: `now` in milliseconds that never go backwards. Tokens are kept and looked
    up by their SHA-256: how long a lookup takes tells nothing about how much of a guess was right,
    and a dump of the memory yields no token that is still worth something.
    """

    def __init__(self, ttl_ms: int = 60_000, limit: int = 10_000) -> None:
        self._ttl_ms = ttl_ms
        self._limit = limit
        self._payloads: dict[bytes, tuple[int, T]] = {}
        """Oldest first: all live equally long."""

    def __len__(self) -> int:
        return len(self._payloads)

    def issue(self, payload: T, now: int) -> str:
        """A new token for `payload`, safe in a URL. If there are too many, the oldest goes."""
        self._forget_expired(now)
        if len(self._payloads) >= self._limit:
            del self._payloads[next(iter(self._payloads))]
        token = secrets.token_urlsafe(32)
        self._payloads[_digest(token)] = (now + self._ttl_ms, payload)
        return token

    def redeem(self, token: str, now: int) -> T | None:
        """What `token` stands for, the first time and before it expires; afterwards None."""
        self._forget_expired(now)
        entry = self._payloads.pop(_digest(token), None)
        return None if entry is None else entry[1]

    def _forget_expired(self, now: int) -> None:
        while self._payloads:
            oldest = next(iter(self._payloads))
            if self._payloads[oldest][0] > now:
                return
            del self._payloads[oldest]


def _digest(token: str) -> bytes:
    # "surrogatepass": a forged token may hold anything that JSON can, lone surrogates included.
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
