"""What a server with actions talks to outside: a language model that decides, and a webhook."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer

Calls = Mapping[str, object]


@dataclass
class Outside:
    """A chat completions API and a calendar's webhook, on loopback."""

    wants: Callable[[str], tuple[str, Calls]]
    """What the model answers to the last thing that it was told: (words, actions)."""
    url: str = ""
    bookings: list[tuple[object, str]] = field(default_factory=list)
    """(body, idempotency key)"""
    tools: list[set[str]] = field(default_factory=list)
    """What was offered with each request."""
    prompts: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    """The last message of each request."""
    booking_takes_s: float = 0.3

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.tools.append({tool["function"]["name"] for tool in body.get("tools", ())})
        self.prompts.add(body["messages"][0]["content"])
        self.told.append(body["messages"][-1]["content"])
        words, actions = self.wants(body["messages"][-1]["content"])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        deltas: list[tuple[Mapping[str, object], str | None]] = [({"content": words}, None)]
        for number, (name, arguments) in enumerate(actions.items()):
            function = {"name": name, "arguments": json.dumps(arguments)}
            call = {"index": number, "id": f"c{number}", "type": "function", "function": function}
            deltas.append(({"tool_calls": [call]}, None))
        deltas.append(({}, "tool_calls" if actions else "stop"))
        head = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
        for delta, reason in deltas:
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            await response.write(f"data: {json.dumps(head | {'choices': [choice]})}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response

    async def book(self, request: web.Request) -> web.Response:
        self.bookings.append((await request.json(), request.headers["Idempotency-Key"]))
        await asyncio.sleep(self.booking_takes_s)
        return web.json_response({"status": "booked", "with": "Brian"})


@asynccontextmanager
async def outside(wants: Callable[[str], tuple[str, Calls]]) -> AsyncIterator[Outside]:
    there = Outside(wants)
    application = web.Application()
    application.router.add_post("/v1/chat/completions", there.chat)
    application.router.add_post("/hooks/catch/1234/5678/", there.book)
    async with TestServer(application) as server:
        there.url = f"http://127.0.0.1:{server.port}"
        yield there
