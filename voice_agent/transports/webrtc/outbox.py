"""The messages to a client, numbered, so that what a broken connection lost is sent again."""

from collections import deque

_MOST_BYTES = 256 * 1024
"""What is remembered for a client that comes back."""


class Outbox:
    """What was sent, as far as it is remembered."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most_bytes
        self._kept: deque[str] = deque()
        self._size = 0
        self.count = 0
        """Messages so far."""

    def add(self, text: str) -> None:
        """The next message."""
        self.count += 1
        self._kept.append(text)
        self._size += len(text)
        while self._size > self._most:
            self._size -= len(self._kept.popleft())

    def since(self, received: int) -> list[str] | None:
        """All behind the first `received` messages; None if some of them are forgotten."""
        missing = self.count - received
        if not 0 <= missing <= len(self._kept):
            return None
        return list(self._kept)[len(self._kept) - missing :]
