"""What the media sockets share: how they end, and sending without a task."""

from collections.abc import Coroutine

UNREAD_LIMIT = 256 * 1024
"""Bytes that the far end may leave unread before its socket counts as dead."""
CLOSE_S = 2.0
"""How long the far end may take to agree to a close."""


class Close(Exception):
    """End the stream with this close code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def runs_through(step: Coroutine[object, None, None]) -> bool:
    """Run a coroutine that is not expected to wait; False if it does, or its socket is closed."""
    try:
        step.send(None)
    except StopIteration:
        return True
    except (ConnectionError, RuntimeError):
        return False
    step.close()
    return False
