"""Several language models as one."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing

from voice_pipelines.conversation.commands import Message
from voice_pipelines.errors import ProviderError
from voice_pipelines.ports import Clock, LanguageModel, Prefilling, ReplyDelta, Tool

from ..breaker import State
from ..budget import useful_delta
from .candidate import Candidate, Run, all_rest, checked, runs_of


class FallbackLanguageModel:
    """A `LanguageModel` (and `Prefilling`) of several, in order.

    With `hedge_ms` the next one is asked as well when the first has said nothing useful for that
    long; the first to speak is taken and the other is stopped. Then the beginning of an answer is
    awaited in another task than the rest of it, and the loser's closing is waited for.
    """

    def __init__(
        self,
        models: Sequence[Candidate[LanguageModel]],
        clock: Clock,
        *,
        hedge_ms: int | None = None,
    ) -> None:
        self._models = checked(models)
        self._clock = clock
        self._hedge_s = None if hedge_ms is None else hedge_ms / 1000

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[ReplyDelta]:
        """Stream the first answer that there is. Raises ProviderError."""

        def ask(model: LanguageModel) -> AsyncIterator[ReplyDelta]:
            return model.reply(messages, tools)

        runs = runs_of(self._models, self._clock, ask, useful_delta)
        hedged = self._hedge_s is not None and len(self._models) > 1
        run = await (self._fastest(runs) if hedged else self._first(runs))
        async with aclosing(run.parts()) as deltas:
            async for delta in deltas:
                yield delta

    async def prefill(self, messages: Sequence[Message]) -> None:
        """Let the model that would be asked read ahead. Raises ProviderError.

        Its failure counts for nothing: the reply itself will tell.
        """
        for candidate in self._models:
            if candidate.breaker.state(self._clock.now()) is State.CLOSED:
                if isinstance(candidate.provider, Prefilling):
                    await candidate.provider.prefill(messages)
                return

    async def _first(
        self, runs: Iterator[Run[LanguageModel, ReplyDelta]]
    ) -> Run[LanguageModel, ReplyDelta]:
        failed: ProviderError | None = None
        for run in runs:
            failed = await run.start()
            if failed is None:
                return run
        raise failed or all_rest(self._models, self._clock)

    async def _fastest(
        self, runs: Iterator[Run[LanguageModel, ReplyDelta]]
    ) -> Run[LanguageModel, ReplyDelta]:
        race = _Race(runs, self._hedge_s)
        winner = await race.winner()
        if winner is None:
            raise race.failed or all_rest(self._models, self._clock)
        return winner


class _Race:
    """At most two answers at once: the second begins when the first is slow or has failed."""

    def __init__(
        self, runs: Iterator[Run[LanguageModel, ReplyDelta]], patience_s: float | None
    ) -> None:
        self.failed: ProviderError | None = None
        """The last failure."""
        self._runs = runs
        self._patience_s = patience_s
        self._running: dict[asyncio.Task[ProviderError | None], Run[LanguageModel, ReplyDelta]] = {}
        self._winner: Run[LanguageModel, ReplyDelta] | None = None

    async def winner(self) -> Run[LanguageModel, ReplyDelta] | None:
        """The first to yield; everybody else has been stopped. None if all failed."""
        begun: list[Run[LanguageModel, ReplyDelta]] = []
        try:
            async with asyncio.TaskGroup() as group:
                self._begin_next(group, begun)
                while self._running and self._winner is None:
                    done, _ = await asyncio.wait(
                        self._running,
                        timeout=self._patience_s,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    await self._judge(done)
                    if not done:
                        self._patience_s = None  # One hedge is enough.
                    if not done or not self._running:
                        self._begin_next(group, begun)
                for task, run in self._running.items():
                    run.trial.overtaken()
                    task.cancel()
            for run in begun:
                if run is not self._winner:
                    await run.drop()  # It may have yielded, or not have begun, when it was stopped.
        except BaseException:
            for run in begun:
                await run.drop()
            raise
        return self._winner

    def _begin_next(
        self, group: asyncio.TaskGroup, begun: list[Run[LanguageModel, ReplyDelta]]
    ) -> None:
        if self._winner is None and (run := next(self._runs, None)) is not None:
            begun.append(run)
            self._running[group.create_task(run.start())] = run

    async def _judge(self, done: set[asyncio.Task[ProviderError | None]]) -> None:
        for task in [task for task in self._running if task in done]:
            run = self._running.pop(task)
            if (failed := task.result()) is not None:
                self.failed = failed
            elif self._winner is None:
                self._winner = run
            else:  # Both at once; the earlier candidate is preferred.
                run.trial.overtaken()
                await run.drop()
