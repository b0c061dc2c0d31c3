"""Which language model this machine can run at the pace of a conversation."""

import os
from pathlib import Path

_BIG_CORES = 4
_BIG_BYTES = 6 * 1024**3


def choose_llm(cores: int, free_bytes: int) -> str:
    """The name of the local language model for `cores` and `free_bytes` of memory.

    The larger one takes 600 ms to its first word on two cores, which callers hear as a pause; from
    four cores on it is worth it.
    """
    if cores >= _BIG_CORES and free_bytes >= _BIG_BYTES:
        return "qwen2.5-1.5b"
    return "qwen2.5-0.5b"


def machine() -> tuple[int, int]:
    """(cores that this process may use, bytes of memory that can still be had)."""
    return _cores(), _free_bytes()


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity to ask for
        return os.cpu_count() or 1


def _free_bytes() -> int:
    """``MemAvailable``, or what the container's limit leaves; 0, so choose small, if untold."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return 0
    available = next((int(line.split()[1]) * 1024 for line in lines if "MemAvailable" in line), 0)
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text("ascii"))
        used = int(Path("/sys/fs/cgroup/memory.current").read_text("ascii"))
    except (OSError, ValueError):  # no such limit: the file is absent or says "max"
        return available
    return max(0, min(available, limit - used))
