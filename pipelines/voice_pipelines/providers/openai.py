"""Chat models behind the OpenAI chat-completions protocol: OpenAI, its many look-alikes, llama.cpp.

The first half of this module is pure: `request_body` and `ReplyReader` translate between our types
and the wire (https://platform.openai.com/docs/api-reference/chat-streaming). The second half,
`OpenAILanguageModel`, lets the `openai` SDK carry them.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import msgspec

from voice_pipelines.conversation.commands import Message
from voice_pipelines.errors import ProviderGarbled, ProviderUnavailable
from voice_pipelines.ports import ReplyDelta, Tool, ToolCall, Usage

from .openai_client import Client, translated_errors

if TYPE_CHECKING:
    from openai import AsyncStream

TokenLimitField = Literal["max_tokens", "max_completion_tokens"]

_TELL_USAGE = {
    "api.cerebras.ai",
    "api.deepseek.com",
    "api.fireworks.ai",
    "api.groq.com",
    "api.openai.com",
    "api.together.ai",
    "api.together.xyz",
    "generativelanguage.googleapis.com",
    "openrouter.ai",
}
"""Hosts that document `stream_options`. Others may refuse what they do not know."""


# The wire, without a network ---------------------------------------------------------------------


def request_body(
    model: str,
    messages: Sequence[Message],
    tools: Sequence[Tool],
    *,
    stream: bool,
    temperature: float | None,
    max_tokens: int | None,
    limit_field: TokenLimitField,
    extra: Mapping[str, object],
    ask_usage: bool = False,
) -> dict[str, object]:
    """The JSON of one request. `extra` wins over everything else; None leaves a field out.

    `ask_usage` has a stream end with what it cost.
    """
    body: dict[str, object] = {
        "model": model,
        "messages": [{"role": message.role, "content": message.text} for message in messages],
        "stream": stream,
    }
    if tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                },
            }
            for tool in tools
        ]
    if temperature is not None:
        body["temperature"] = temperature
    if max_tokens is not None:
        body[limit_field] = max_tokens
    if stream and ask_usage:
        body["stream_options"] = {"include_usage": True}
    return body | dict(extra)


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCallPart(msgspec.Struct):
    index: int = 0
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    tool_calls: list[_ToolCallPart] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice]
    usage: object = None


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _InputDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    """DeepSeek's name for it."""

    def counted(self) -> Usage:
        details = self.prompt_tokens_details
        cached = (details and details.cached_tokens) or self.prompt_cache_hit_tokens or 0
        return Usage(self.prompt_tokens, cached, self.completion_tokens)


class ReplyReader:
    """Turns the chunks of one streamed answer into text and whole tool calls, in order.

    What the answer cost is read wherever a server tells it: alone in the last chunk, beside the
    last words, or as a growing sum in every chunk. So it is known only at the end, as `usage`.
    """

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._calls: dict[int, tuple[str, str]] = {}
        self.finished = False
        """The model said that it had finished; a stream that ends before was cut off."""
        self.usage: Usage | None = None
        """The newest that was told, if it was."""

    def take(self, chunk: object) -> list[ReplyDelta]:
        """What the decoded JSON of one server-sent event adds. Raises ProviderGarbled."""
        try:
            read = msgspec.convert(chunk, _Chunk)
        except msgspec.ValidationError as error:
            raise ProviderGarbled(self._provider, f"not a chunk of a reply: {error}") from error
        self._note(read.usage)
        deltas: list[ReplyDelta] = []
        for choice in read.choices:  # empty in chunks that only carry usage
            if choice.delta is not None:
                if choice.delta.content:
                    deltas.append(choice.delta.content)
                for part in choice.delta.tool_calls or ():
                    deltas += self._collect(part)
            if choice.finish_reason is not None:
                self.finished = True
                deltas += self._complete()
        return deltas

    def _note(self, usage: object) -> None:
        """What cannot be understood is no reason to lose the answer."""
        if usage is not None:
            with suppress(msgspec.ValidationError):
                self.usage = msgspec.convert(usage, _Usage).counted()

    def _collect(self, part: _ToolCallPart) -> list[ReplyDelta]:
        # Arguments arrive in fragments, one call after the other: a new index completes the last.
        done = [] if part.index in self._calls else self._complete()
        name, arguments = self._calls.get(part.index, ("", ""))
        if part.function is not None:
            name += part.function.name or ""
            arguments += part.function.arguments or ""
        self._calls[part.index] = (name, arguments)
        return done

    def _complete(self) -> list[ReplyDelta]:
        calls: list[ReplyDelta] = []
        for name, arguments in self._calls.values():
            if not name:
                raise ProviderGarbled(self._provider, "a tool call without a name")
            calls.append(ToolCall(name, arguments))
        self._calls.clear()
        return calls


# The connection ----------------------------------------------------------------------------------


_NO_STREAM = ("application/json", "text/html")
"""What a server sends that does not stream, or is no such server."""


class OpenAILanguageModel:
    """A `LanguageModel` (`Prefilling`, `Warming`) at `base_url`. To be closed.

    `temperature` and `max_tokens` are left to the server when None. `extra_body` is merged into
    every request: `{"repeat_penalty": 1.1, "cache_prompt": True, "id_slot": 0}` for llama.cpp, say.
    `headers` go with every request. `silence_timeout_ms` bounds the wait for the answer's beginning
    and for each next part. `ask_usage` has the server tell what each reply cost; None asks where
    that is known to work.
    Constructing it imports the SDK, which takes about half a second the first time.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str,
        *,
        name: str = "openai",
        temperature: float | None = None,
        max_tokens: int | None = None,
        extra_body: Mapping[str, object] | None = None,
        connect_timeout_ms: int = 3_000,
        silence_timeout_ms: int = 30_000,
        limit_field: TokenLimitField | None = None,
        headers: Mapping[str, str] | None = None,
        ask_usage: bool | None = None,
    ) -> None:
        import openai

        host = urlsplit(base_url).hostname or ""
        self.name = name
        self._model = model
        self._temperature = temperature
        self._max_tokens = max_tokens
        self._extra = dict(extra_body or {})
        # OpenAI's newer models refuse the old name, most look-alikes do not know the new one.
        self._limit_field: TokenLimitField = limit_field or (
            "max_completion_tokens" if host == "api.openai.com" else "max_tokens"
        )
        self._ask_usage = host in _TELL_USAGE if ask_usage is None else ask_usage
        self._stream_type = openai.AsyncStream[object]
        self._client = Client(base_url, api_key, connect_timeout_ms, silence_timeout_ms, headers)

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[ReplyDelta]:
        """Stream the answer to `messages`. Raises ProviderError.

        Closing or cancelling it drops the connection, upon which the server stops generating.
        """
        reader = ReplyReader(self.name)
        try:
            with translated_errors(self.name):
                async with await self._stream(messages, tools) as chunks:
                    kind = chunks.response.headers.get("content-type", "")
                    if kind.startswith(_NO_STREAM):
                        raise ProviderGarbled(self.name, "no stream of events")
                    async for chunk in chunks:
                        for delta in reader.take(chunk):
                            yield delta
        finally:
            if not reader.finished:
                self._client.lost()
        if reader.usage is not None:
            yield reader.usage
        if not reader.finished:
            raise ProviderUnavailable(self.name, "the answer was cut off")

    async def prefill(self, messages: Sequence[Message]) -> None:
        """Have the server read `messages`: one token is asked for and thrown away.

        One, as the protocol knows no less, and it is free: the pass over the prompt yields it
        (llama.cpp takes 0 and computes 1 all the same). Raises ProviderError.
        """
        body = self._body(messages, (), stream=False, max_tokens=1)
        with translated_errors(self.name):
            await self._client.sdk.post("/chat/completions", body=body, cast_to=object)

    async def warm(self) -> None:
        """See that a connection is open; never fails."""
        await self._client.warm()

    async def close(self) -> None:
        """Close the connections, those in use included."""
        await self._client.close()

    async def _stream(
        self, messages: Sequence[Message], tools: Sequence[Tool]
    ) -> "AsyncStream[object]":
        body = self._body(messages, tools, stream=True, max_tokens=self._max_tokens)
        return await self._client.sdk.post(
            "/chat/completions",
            body=body,
            cast_to=object,  # `ReplyReader` checks more strictly than the SDK's models do
            stream=True,
            stream_cls=self._stream_type,
        )

    def _body(
        self,
        messages: Sequence[Message],
        tools: Sequence[Tool],
        *,
        stream: bool,
        max_tokens: int | None,
    ) -> dict[str, object]:
        return request_body(
            self._model,
            messages,
            tools,
            stream=stream,
            temperature=self._temperature,
            max_tokens=max_tokens,
            limit_field=self._limit_field,
            extra=self._extra,
            ask_usage=self._ask_usage,
        )
