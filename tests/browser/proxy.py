"""A network between a page and a server that can be cut: TCP, passed on byte by byte."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from .place import Loop


class Network:
    """Of one server."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._open: set[asyncio.StreamWriter] = set()
        self._passes = asyncio.Event()
        self._up = False
        self.loop = Loop()
        self.loop.run(self._listen())

    async def _listen(self) -> None:
        # To the end: what a server has accepted but not yet told of hangs if it is closed.
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def connect(self) -> None:
        async def go_on() -> None:
            self._up = True
            self._passes.set()

        self.loop.run(go_on())

    def cut(self) -> None:
        """Break what is connected, and whatever connects."""

        async def break_all() -> None:
            self._up = False
            for writer in self._open:
                writer.transport.abort()

        self.loop.run(break_all())

    def close(self) -> None:
        async def close() -> None:
            self._server.close()

        self.cut()
        self.loop.run(close())
        self.loop.close()

    def silence(self) -> None:
        """Swallow everything, and tell nobody: what a network that is gone is like."""

        async def stop() -> None:
            self._passes.clear()

        self.loop.run(stop())

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._up:
            writer.transport.abort()
            return
        self._open.add(writer)
        try:
            there, back = await asyncio.open_connection(self._to.hostname, self._to.port)
            self._open.add(back)
            await asyncio.gather(self._copy(reader, back), self._copy(there, writer))
        except OSError:
            pass
        finally:
            writer.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                await self._passes.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@contextmanager
def network(url: str) -> Iterator[Network]:
    """A network to the server at `url`, which pages reach at its own `url`."""
    made = Network(url)
    try:
        made.connect()
        yield made
    finally:
        made.close()
