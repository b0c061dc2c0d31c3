"""A console at the live socket, for tests."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.voice_agent.media import HANG_S

Event = dict[str, Any]


@dataclass
class Console:
    """Reads the socket in order and keeps what it was told, by topic."""

    web: ClientWebSocketResponse
    epoch: str = ""
    frames: list[Event] = field(default_factory=list)
    bodies: dict[str, Event] = field(default_factory=dict)
    """The last snapshots."""
    seqs: dict[str, int] = field(default_factory=dict)
    close_code: int | None = None

    async def watch(self, topic: str, **resumed: Any) -> None:
        await self.web.send_str(json.dumps({"type": "watch", "topic": topic, **resumed}))

    async def snapshot(self, topic: str) -> Any:
        """Watch a topic and wait for its first snapshot."""
        await self.watch(topic)
        await self.until(lambda: topic in self.bodies)
        return self.bodies[topic]

    def events(self, topic: str, kind: str = "") -> list[Event]:
        found = [
            each["event"] for each in self.frames if each.get("topic") == topic and "event" in each
        ]
        return [event for event in found if event["kind"] == kind] if kind else found

    async def until(self, condition: Callable[[], bool]) -> None:
        """Read on until `condition` holds."""
        while not condition():
            await self.read()

    async def read(self) -> None:
        message = await self.web.receive(timeout=HANG_S)
        assert message.type is WSMsgType.TEXT, (message, self.web.close_code)
        frame = json.loads(message.data)
        self.frames.append(frame)
        if frame["type"] == "hello":
            self.epoch = frame["epoch"]
        elif frame["type"] == "snapshot":
            self.bodies[frame["topic"]] = frame["body"]
        if "seq" in frame:
            before = self.seqs.get(frame["topic"])
            if frame["type"] == "event":
                assert before is None or frame["seq"] == before + 1, "an event is missing"
            self.seqs[frame["topic"]] = frame["seq"]

    async def closed(self) -> int | None:
        """Read until the server closes; with which code."""
        while True:
            message = await self.web.receive(timeout=HANG_S)
            if message.type is not WSMsgType.TEXT:
                return self.web.close_code


@asynccontextmanager
async def console(
    url: str, key: str = "", headers: Mapping[str, str] | None = None
) -> AsyncIterator[Console]:
    """A console whose session is that of `key`, in a cookie and from a page of the server's own."""
    given = {"Origin": url, "Cookie": f"voice_agent_session={key}"} if headers is None else headers
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{url}/console/live", headers=given) as web,
    ):
        yield Console(web)
