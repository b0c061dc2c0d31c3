"""One pull at a time per store, across processes."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt

    def _take(file: BinaryIO) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def exclusive(path: Path, waiting: Callable[[], None], poll_s: float = 0.2) -> Iterator[None]:
    """Hold the lock file `path`; call `waiting` once if another process has it, then wait for it.

    The operating system lets go of it when its holder dies, so there are no stale locks.
    """
    with path.open("ab") as file:
        told = False
        while not _taken(file):
            if not told:
                waiting()
                told = True
            time.sleep(poll_s)
        yield  # closing the file releases the lock


def _taken(file: BinaryIO) -> bool:
    try:
        _take(file)
    except OSError:
        return False
    return True
