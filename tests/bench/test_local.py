"""What is timed at a page's end, without a server."""

import asyncio
from typing import Any, cast

import numpy as np

from bench.figures import spread
from bench.local import Mouth, Result, show
from bench.page import FRAME_BYTES, Page

LOUD = np.full(FRAME_BYTES // 2, 2000, "<i2").tobytes()
QUIET = bytes(FRAME_BYTES)


class Ends:
    """The two ends of a page's audio."""

    microphone: Any = None
    ear: Any = None


async def test_an_answer_counts_from_the_last_voiced_sample() -> None:
    ends = Ends()
    mouth = Mouth(cast(Page, ends))
    async with asyncio.TaskGroup() as group:
        answer = group.create_task(mouth.ask(2 * LOUD + QUIET))
        await asyncio.sleep(0)
        assert ends.microphone() == LOUD
        ends.ear(LOUD)
        assert not answer.done(), "what is heard before all was said is no answer"
        assert ends.microphone() == LOUD
        ends.ear(QUIET)
        assert not answer.done(), "silence is none"
        assert ends.microphone() == QUIET
        ends.ear(LOUD)
        latency = await answer
    assert latency is not None and latency >= 0
    assert ends.microphone() is None, "all was said"


def test_the_ratio_is_told(capsys: Any) -> None:
    show(Result(spread([500.0]), spread([600.0]), 1.2))
    said = capsys.readouterr().out
    assert "| telephone   | 1 | 500" in said and "1.20 times" in said
