"""The chat-completions adapter against a loopback server speaking it, well and badly."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.typedefs import Middleware

from tests.loopback import loopback
from tests.pipelines.providers.openai_server import Reply, Server
from voice_pipelines.conversation.commands import Message
from voice_pipelines.errors import (
    ProviderBusy,
    ProviderError,
    ProviderGarbled,
    ProviderRefused,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from voice_pipelines.ports import (
    LanguageModel,
    Prefilling,
    ReplyDelta,
    Tool,
    ToolCall,
    Usage,
    Warming,
)
from voice_pipelines.providers.openai import OpenAILanguageModel, ReplyReader

MESSAGES = (Message("system", "Be brief."), Message("user", "Are you open?"))


@asynccontextmanager
async def serving(
    reply: Reply,
    *,
    silence_timeout_ms: int = 10_000,
    headers: dict[str, str] | None = None,
    ask_usage: bool | None = None,
    middleware: Middleware | None = None,
) -> AsyncIterator[tuple[Server, OpenAILanguageModel]]:
    server = Server(reply)
    app = web.Application(middlewares=[middleware] if middleware else [])
    app.router.add_post("/v1/chat/completions", server.answer)
    async with asyncio.timeout(20), loopback(app) as url:
        model = OpenAILanguageModel(
            f"{url}/v1",
            "tiny",
            "a-key",
            temperature=0,
            max_tokens=50,
            extra_body={"cache_prompt": True},
            silence_timeout_ms=silence_timeout_ms,
            headers=headers,
            ask_usage=ask_usage,
        )
        try:
            yield server, model
        finally:
            await model.close()


def delta(content: str) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}]}


def call(index: int, name: str | None, arguments: str) -> dict[str, object]:
    function = {"arguments": arguments} | ({"name": name} if name else {})
    part = {"index": index, "type": "function", "function": function}
    return {"choices": [{"index": 0, "delta": {"tool_calls": [part]}, "finish_reason": None}]}


def finish(reason: str) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}


ROLE: dict[str, object] = {
    "choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]
}
USAGE: dict[str, object] = {"choices": [], "usage": {"total_tokens": 12}}


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    return response


def events(*chunks: dict[str, object], tail: bytes = b"data: [DONE]\n\n") -> Reply:
    async def reply(request: web.Request) -> web.StreamResponse:
        response = await stream(request)
        for chunk in chunks:
            await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        await response.write(tail)
        await response.write_eof()
        return response

    return reply


def status(code: int, body: dict[str, object] | None = None, **headers: str) -> Reply:
    async def reply(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response(body or {}, status=code, headers=named)

    return reply


async def collect(model: OpenAILanguageModel) -> list[ReplyDelta]:
    return [part async for part in model.reply(MESSAGES)]


async def test_it_streams_the_text_and_asks_as_configured() -> None:
    async with serving(events(ROLE, delta("Yes, "), delta("we are."), finish("stop"), USAGE)) as (
        server,
        model,
    ):
        assert await collect(model) == ["Yes, ", "we are."]
    assert server.keys == ["Bearer a-key"]
    assert server.bodies == [
        {
            "model": "tiny",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Are you open?"},
            ],
            "stream": True,
            "temperature": 0,
            "max_tokens": 50,
            "cache_prompt": True,
        }
    ]


async def test_tool_calls_are_put_together_from_their_fragments() -> None:
    chunks = (
        delta("One moment."),
        call(0, "book_table", ""),
        call(0, None, '{"peo'),
        call(0, None, 'ple": 4}'),
        call(1, "hang_up", "{}"),
        finish("tool_calls"),
    )
    async with serving(events(*chunks)) as (_, model):
        assert await collect(model) == [
            "One moment.",
            ToolCall("book_table", '{"people": 4}'),
            ToolCall("hang_up", "{}"),
        ]


def counted(read: int, written: int, **more: object) -> dict[str, object]:
    return {"prompt_tokens": read, "completion_tokens": written, **more}


async def test_what_a_reply_cost_is_asked_for_and_comes_last() -> None:
    cost = counted(812, 9, prompt_tokens_details={"cached_tokens": 768})
    last: dict[str, object] = {"choices": [], "usage": cost}
    reply = events(delta("Yes."), finish("stop"), last)
    async with serving(reply, ask_usage=True) as (server, model):
        assert await collect(model) == ["Yes.", Usage(812, 768, 9)]
        await model.prefill(MESSAGES)
    assert server.bodies[0]["stream_options"] == {"include_usage": True}
    assert "stream_options" not in server.bodies[1]


@pytest.mark.parametrize(
    "told",
    [
        [None, counted(20, 4)],
        [counted(20, 1), counted(20, 4)],
        [counted(20, 4, prompt_cache_hit_tokens=0), None],
        [counted(20, 4, prompt_tokens_details=None), {"prompt_tokens": "many"}],
    ],
)
async def test_what_a_reply_cost_is_read_wherever_it_is_told(
    told: list[dict[str, object] | None],
) -> None:
    """A growing sum in every chunk counts once; what cannot be read does not cost the answer."""
    first, last = told
    chunks = (delta("Yes.") | {"usage": first}, finish("stop") | {"usage": last})
    async with serving(events(*chunks)) as (_, model):
        assert await collect(model) == ["Yes.", Usage(20, 0, 4)]


async def test_an_unknown_server_is_not_asked_what_a_reply_cost() -> None:
    async with serving(events(delta("Yes."), finish("stop"))) as (server, model):
        await collect(model)
    assert "stream_options" not in server.bodies[0]


async def test_prefill_asks_for_one_token_and_drops_it() -> None:
    async with serving(status(200, {"choices": []})) as (server, model):
        await model.prefill(MESSAGES)
    assert server.bodies[0]["max_tokens"] == 1
    assert server.bodies[0]["stream"] is False
    assert server.bodies[0]["cache_prompt"] is True


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (400, ProviderRejected),
        (401, ProviderRefused),
        (403, ProviderRefused),
        (404, ProviderRefused),
        (408, ProviderTimeout),
        (500, ProviderUnavailable),
        (503, ProviderUnavailable),
    ],
)
async def test_an_error_status_becomes_a_typed_error(code: int, error: type[ProviderError]) -> None:
    async with serving(status(code, {"error": {"message": "key sk-secret"}})) as (server, model):
        with pytest.raises(error) as reply_error:
            await collect(model)
        with pytest.raises(error):
            await model.prefill(MESSAGES)
    assert len(server.bodies) == 2, "the SDK must not retry by itself"
    assert "sk-secret" not in str(reply_error.value)
    assert type(reply_error.value) is error


async def test_too_many_requests_says_how_long_to_wait() -> None:
    async with serving(status(429, Retry_After="2")) as (_, model):
        with pytest.raises(ProviderBusy) as busy:
            await collect(model)
    assert busy.value.retry_after_ms == 2000


async def test_nobody_listening_is_unavailable(unused_tcp_port: int) -> None:
    model = OpenAILanguageModel(f"http://127.0.0.1:{unused_tcp_port}/v1", "tiny", "a-key")
    with pytest.raises(ProviderUnavailable):
        await collect(model)
    await model.close()


async def test_a_connection_lost_midway_is_unavailable_after_what_was_said() -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        response = await stream(request)
        await response.write(b"data: " + json.dumps(delta("We are")).encode() + b"\n\n")
        assert request.transport is not None
        request.transport.abort()
        return response

    heard: list[ReplyDelta] = []
    async with serving(reply) as (_, model):
        with pytest.raises(ProviderUnavailable):
            async for part in model.reply(MESSAGES):
                heard.append(part)
    assert heard == ["We are"]


async def test_a_stream_that_ends_without_a_finish_was_cut_off() -> None:
    async with serving(events(delta("We are"), tail=b"")) as (_, model):
        with pytest.raises(ProviderUnavailable, match="cut off"):
            await collect(model)


async def test_an_error_event_midway_is_unavailable() -> None:
    async with serving(events(delta("We"), {"error": {"message": "out of memory"}})) as (_, model):
        with pytest.raises(ProviderUnavailable):
            await collect(model)


@pytest.mark.parametrize("tail", [b"data: {oops\n\n", b"data: [1]\n\n", b'data: {"a": 1}\n\n'])
async def test_nonsense_is_garbled(tail: bytes) -> None:
    async with serving(events(delta("We"), tail=tail)) as (_, model):
        with pytest.raises(ProviderGarbled):
            await collect(model)


async def test_an_answer_that_does_not_stream_is_garbled() -> None:
    async with serving(status(200, {"choices": []})) as (_, model):
        with pytest.raises(ProviderGarbled, match="no stream"):
            await collect(model)


def test_a_tool_call_without_a_name_is_garbled() -> None:
    reader = ReplyReader("x")
    assert reader.take(call(0, None, "{}")) == []
    with pytest.raises(ProviderGarbled):
        reader.take(finish("tool_calls"))


async def test_a_silent_server_times_out() -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise AssertionError

    async with serving(reply, silence_timeout_ms=50) as (server, model):
        with pytest.raises(ProviderTimeout):
            await collect(model)
        await server.left.wait()


async def test_cancelling_before_the_first_byte_closes_the_connection() -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise AssertionError

    async with serving(reply) as (server, model), asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(collect(model))
        await server.asked.wait()
        asking.cancel()
        await server.left.wait()


@pytest.mark.parametrize("how", ["cancel", "close"])
async def test_stopping_midway_closes_the_connection(how: str) -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        response = await stream(request)
        await response.write(b"data: " + json.dumps(delta("One")).encode() + b"\n\n")
        await asyncio.sleep(60)
        raise AssertionError

    async with serving(reply) as (server, model):
        if how == "close":
            async with aclosing(model.reply(MESSAGES)) as parts:
                assert await anext(parts) == "One"
        else:
            heard = asyncio.Event()

            async def consume() -> None:
                async for _ in model.reply(MESSAGES):
                    heard.set()

            async with asyncio.TaskGroup() as tasks:
                consuming = tasks.create_task(consume())
                await heard.wait()
                consuming.cancel()
        await server.left.wait()


async def test_it_satisfies_the_ports() -> None:
    model: LanguageModel = OpenAILanguageModel("http://127.0.0.1:1/v1", "tiny", "a-key")
    assert isinstance(model, Prefilling)
    assert isinstance(model, Warming)
    assert isinstance(model, OpenAILanguageModel)
    await model.close()


@pytest.mark.parametrize(
    ("url", "field"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("http://127.0.0.1:1/v1", "max_tokens"),
    ],
)
async def test_the_limit_goes_by_the_name_that_the_server_knows(url: str, field: str) -> None:
    model = OpenAILanguageModel(url, "tiny", "a-key", max_tokens=7)
    assert model._body(MESSAGES, (), stream=True, max_tokens=7)[field] == 7
    await model.close()


async def test_tools_are_offered_only_where_there_are_any() -> None:
    model = OpenAILanguageModel("http://127.0.0.1:1/v1", "tiny", "a-key")
    assert "tools" not in model._body(MESSAGES, (), stream=True, max_tokens=None)
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool = Tool("look_up", "When somebody asks for the weather.", schema)
    body = model._body(MESSAGES, (tool,), stream=True, max_tokens=None)
    function = {
        "name": "look_up",
        "description": "When somebody asks for the weather.",
        "parameters": schema,
    }
    assert body["tools"] == [{"type": "function", "function": function}]
    await model.close()


async def test_headers_go_with_every_request() -> None:
    seen: list[str | None] = []

    async def reply(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("X-Title"))
        return web.json_response({"choices": []})

    async with serving(reply, headers={"X-Title": "Bella Roma"}) as (_, model):
        await model.prefill(MESSAGES)
    assert seen == ["Bella Roma"]


async def test_the_first_request_finds_a_connection_open() -> None:
    connections: list[object] = []
    asked: list[str] = []

    @web.middleware
    async def note(request: web.Request, handler: Reply) -> web.StreamResponse:
        asked.append(f"{request.method} {request.path}")
        if request.transport not in connections:
            connections.append(request.transport)
        return await handler(request)

    async with serving(events(delta("Yes."), finish("stop")), middleware=note) as (_, model):
        await model.warm()
        await model.warm()
        assert await collect(model) == ["Yes."]
    # The server knows no list of models, which does not matter.
    assert asked == ["HEAD /v1/models"] * 2 + ["POST /v1/chat/completions"]
    assert len(connections) == 2


async def test_an_answer_that_is_given_up_leaves_a_connection_for_the_next() -> None:
    connections: list[object] = []
    asked: list[str] = []

    @web.middleware
    async def note(request: web.Request, handler: Reply) -> web.StreamResponse:
        asked.append(request.method)
        if request.transport not in connections:
            connections.append(request.transport)
        return await handler(request)

    answer = events(*[delta("Yes.")] * 50, finish("stop"))
    async with serving(answer, middleware=note) as (_, model):
        await model.warm()
        async with aclosing(model.reply(MESSAGES)) as parts:
            await anext(parts)
        assert (await collect(model))[0] == "Yes."
        assert len(connections) == 2, "the next answer did not wait for a connection"
        await model.warm()
    assert asked.count("HEAD") == 4, "and there is a spare one again"


async def test_a_server_that_is_down_is_no_failure_to_warm(unused_tcp_port: int) -> None:
    model = OpenAILanguageModel(f"http://127.0.0.1:{unused_tcp_port}/v1", "tiny", "a-key")
    await model.warm()
    await model.close()
