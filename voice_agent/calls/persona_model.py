"""The language model of one conversation: it is shown what fits each turn."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from voice_pipelines.conversation.commands import Message
from voice_pipelines.ports import LanguageModel, Prefilling, ReplyDelta, Tool

from ..personas.persona import Scenario
from ..personas.retriever import Query, Retriever

T = TypeVar("T")


class PersonaLanguageModel:
    """A `LanguageModel` (and `Prefilling`) that adds the scenarios that fit to each request.

    They stand directly before the caller's last words: all that precedes them is the same from turn
    to turn, so that what a provider has cached of it holds.
    """

    def __init__(
        self,
        llm: LanguageModel,
        *,
        tools: bool,
        retriever: Retriever | None = None,
        block: Callable[[Sequence[Scenario]], str] = lambda _: "",
        fold: bool = False,
    ) -> None:
        """`tools` says whether the model takes tools; it reads of actions in its prompt otherwise.

        `block` writes scenarios down. With `fold` they become part of the caller's message, for
        models that know one system message at most.
        """
        self._llm = llm
        self._tools = tools
        self._retriever = retriever
        self._block = block
        self._fold = fold

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[ReplyDelta]:
        """Stream the model's reply. Raises ProviderError."""
        shown = await self._shown(messages)
        async with _closing(self._llm.reply(shown, tools if self._tools else ())) as deltas:
            async for delta in deltas:
                yield delta

    async def prefill(self, messages: Sequence[Message]) -> None:
        """Let the model read ahead, if it can: what each turn adds comes after it."""
        if isinstance(self._llm, Prefilling):
            await self._llm.prefill(messages)

    def prepare(self, messages: Callable[[], Sequence[Message]]) -> None:
        """`messages` are what `reply` would be shown if the caller said no more; look ahead.

        Returns at once.
        """
        if self._retriever is not None and (shown := messages()):
            self._retriever.prepare(_query(shown))

    async def _shown(self, messages: Sequence[Message]) -> Sequence[Message]:
        if self._retriever is None or not messages or messages[-1].role != "user":
            return messages
        block = self._block(await self._retriever.find(_query(messages)))
        if not block:
            return messages
        said = messages[-1]
        if self._fold:
            return (*messages[:-1], Message("user", f"[{block}]\n\n{said.text}"))
        return (*messages[:-1], Message("system", block), said)


def _query(messages: Sequence[Message]) -> Query:
    said = (message.text for message in reversed(messages) if message.role == "assistant")
    return Query(messages[-1].text, next(said, ""))


@asynccontextmanager
async def _closing(stream: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Close `stream` on leaving, now and not when the garbage is collected."""
    try:
        yield stream
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()
