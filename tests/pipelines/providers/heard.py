"""What recognizers report, for tests to wait for."""

import asyncio

from voice_pipelines.errors import ProviderError
from voice_pipelines.ports import Hypothesis

_HANG_S = 10


class Heard:
    """A sink that can be waited on."""

    def __init__(self) -> None:
        self.results: asyncio.Queue[Hypothesis | ProviderError] = asyncio.Queue()

    def __call__(self, result: Hypothesis | ProviderError) -> None:
        self.results.put_nowait(result)

    async def next(self) -> Hypothesis | ProviderError:
        async with asyncio.timeout(_HANG_S):
            return await self.results.get()
