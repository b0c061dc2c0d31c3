"""How a benchmark runs: one event loop, no pauses of the collector, errors as one sentence."""

import asyncio
import gc
import sys
from collections.abc import Coroutine
from typing import Any

from .report import remark
from .server import ServerFailed


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run `main` to its end, on uvloop where there is one; its exit code."""
    gc.collect()
    gc.freeze()  # A full collection over the imported modules would make every caller late.
    try:
        if sys.platform == "win32":
            return asyncio.run(main)
        import uvloop

        return uvloop.run(main)
    except (ServerFailed, FileNotFoundError) as error:
        remark(f"bench: {error}")
        return 1
    except ExceptionGroup as group:  # The same, from inside a task group.
        expected, others = group.split((ServerFailed, FileNotFoundError))
        if others is not None or expected is None:
            raise
        remark(f"bench: {_first(expected)}")
        return 1
    except KeyboardInterrupt:
        return 130


def _first(group: BaseExceptionGroup[Exception]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
