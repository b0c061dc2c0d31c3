"""An event loop that does not wait: when there is nothing to do, its time is the next timer's."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    loop: "SkippingLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing will ever happen any more")
        self.loop.moment += timeout
        return super().select(0)


class SkippingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.moment = 0.0
        super().__init__(selector)

    def time(self) -> float:
        return self.moment


def run(work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives, at once whatever it waits for."""
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        return runner.run(work)
