"""A chat model on this machine: llama.cpp in a child process, behind its OpenAI-compatible HTTP.

`LlamaServer` is the process. `LocalLanguageModel` is the `LanguageModel`: it talks to the server by
a client that the composition hands in, and looks after the one thing that decides its latency:
which prompt is already in which *slot*. On two cores a token of prompt costs 10 to 20 ms to read, a
system prompt of 500 tokens thus 5 to 10 s, but nothing if the slot holds it from before:

* `choose_slot` sends each request where most of it has been read and least of another call is lost;
* a prompt given to `prewarm` is read once and saved to a file, from which it comes back in
  milliseconds: into the other slots, into a slot that another call has used, after a restart of the
  child, and after a restart of everything if a directory is given.
"""

import asyncio
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Protocol, Self
from uuid import uuid4

from voice_pipelines.conversation.commands import Message
from voice_pipelines.errors import ProviderError
from voice_pipelines.ports import ReplyDelta, Tool

from .child import Child, Running

Prompt = tuple[Message, ...]

KEPT_PROMPT_FILES = 8
"""About 12 kB a token for a model of half a billion weights: 6 MB for a prompt of 500 tokens."""


class SlotClient(Protocol):
    """What speaks to one slot of the server; any OpenAI-compatible adapter can."""

    def reply(
        self, messages: Sequence[Message], tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[ReplyDelta]: ...

    async def prefill(self, messages: Sequence[Message]) -> None: ...

    async def close(self) -> None: ...


MakeSlotClient = Callable[[str, str, int], SlotClient]
"""(base URL, API key, slot number) to a client that sends ``id_slot`` and ``cache_prompt``."""


# Which slot --------------------------------------------------------------------------------------

BUSY_COST = 400
"""Waiting for a slot to become free costs about as much as reading this many characters."""
ABANDONED_AFTER_MS = 30_000
"""A call comes back to its slot within this time or has probably ended."""


@dataclass(slots=True)
class Slot:
    """What we know of one slot of the server."""

    held: Prompt = ()
    """What it has read and written last."""
    requests: int = 0
    """Those that it has in hand."""
    used_at: int = 0
    """Milliseconds, when the last request ended or began."""


def common_prefix(one: Sequence[Message], other: Sequence[Message]) -> int:
    """Number of characters up to which two prompts are the same."""
    length = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            if mine.role == theirs.role:
                length += len(os.path.commonprefix([mine.text, theirs.text]))
            break
        length += len(mine.text)
    return length


def choose_slot(slots: Sequence[Slot], messages: Sequence[Message], now: int) -> int:
    """The slot where `messages` cost least: to read, to wait for, and to a call that comes back.

    The server would choose by likeness alone: two calls with the same system prompt would then take
    turns in overwriting each other's history in one slot while the next stands idle.
    """

    def cost(slot: Slot) -> tuple[int, int]:
        shared = common_prefix(slot.held, messages)
        unread = _length(messages) - shared
        idle_ms = 0 if slot.requests else min(now - slot.used_at, ABANDONED_AFTER_MS)
        odds = ABANDONED_AFTER_MS - idle_ms  # that its call comes back: fewer the longer ago
        lost = (_length(slot.held) - shared) * odds // ABANDONED_AFTER_MS
        return unread + lost + BUSY_COST * slot.requests, slot.used_at

    return min(range(len(slots)), key=lambda number: cost(slots[number]))


def _length(messages: Sequence[Message]) -> int:
    return sum(len(message.text) for message in messages)


# The process -------------------------------------------------------------------------------------


class LlamaServer:
    """llama.cpp's server for one GGUF file, in a supervised child. Enter it to run it.

    `base_url` and `api_key` change with every start. Prompts are kept in `prompt_dir`, else in a
    directory that goes when the server does. They are as private as the prompts themselves.
    """

    def __init__(
        self,
        model_path: Path,
        *,
        threads: int,
        slots: int = 2,
        context_tokens: int = 4096,
        prompt_dir: Path | None = None,
        name: str = "llama",
    ) -> None:
        self.name = name
        self.model_path = model_path
        self.slots = slots
        self.base_url = ""
        self.api_key = secrets.token_urlsafe(32)
        self.on_start: Callable[[], Awaitable[None]] | None = None
        """Called after each start. Requests are accepted meanwhile."""
        self._lifetime = AsyncExitStack()
        self._keeps_prompts = prompt_dir is not None
        self.prompt_dir = prompt_dir or Path(tempfile.gettempdir(), f"prompts-{uuid4().hex}")
        self.child = Child(
            name,
            "voice_pipelines.providers.local.llama_server",
            {
                "model": str(model_path),
                "api_key": self.api_key,
                "threads": threads,
                "slots": slots,
                "context_tokens": context_tokens,
                "slot_dir": str(self.prompt_dir),
            },
            self._attend,
        )

    async def __aenter__(self) -> Self:
        """Start it; a few seconds. Raises ProviderUnavailable if it does not come up."""
        self.prompt_dir.mkdir(mode=0o700, parents=True, exist_ok=self._keeps_prompts)
        if not self._keeps_prompts:
            self._lifetime.callback(shutil.rmtree, self.prompt_dir, ignore_errors=True)
        try:
            await self._lifetime.enter_async_context(self.child)
        except BaseException:
            await self._lifetime.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._lifetime.aclose()

    async def save(self, slot: int, path: Path) -> bool:
        """Write what `slot` has read to `path`; False if the server would or could not."""
        partial = path.with_suffix(".partial")
        if not await self._slot_action(slot, "save", partial.name):
            return False
        partial.replace(path)
        return True

    async def restore(self, slot: int, path: Path) -> bool:
        """Fill `slot` from `path`; False if there is no such file or it does not fit."""
        return await self._slot_action(slot, "restore", path.name)

    async def _slot_action(self, slot: int, action: str, filename: str) -> bool:
        import aiohttp

        root = self.base_url.removesuffix("/v1")
        try:
            async with (
                aiohttp.ClientSession(headers={"Authorization": f"Bearer {self.api_key}"}) as http,
                http.post(
                    f"{root}/slots/{slot}?action={action}", json={"filename": filename}
                ) as answer,
            ):
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _attend(self, running: Running) -> None:
        self.base_url = f"{running.greeting['url']}/v1"
        if self.on_start is not None:
            await self.on_start()


# The model ---------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Seat:
    """A slot with the client that speaks to it, for one life of the server."""

    client: SlotClient
    slot: Slot = field(default_factory=Slot)


class LocalLanguageModel:
    """A `LanguageModel` and `Prefilling` on a `LlamaServer`, which it starts and ends with itself.

    While the server is down every request fails at once with ProviderUnavailable.
    """

    def __init__(self, server: LlamaServer, make_client: MakeSlotClient) -> None:
        self.server = server
        self._make_client = make_client
        self._seats: list[_Seat] = []
        self._pinned: dict[str, Prompt] = {}
        """File name to prompt."""
        self._warming = asyncio.Lock()
        self._first_start = asyncio.Event()
        server.on_start = self._started

    async def __aenter__(self) -> Self:
        await self.server.__aenter__()
        try:
            await self._first_start.wait()
        except BaseException:
            await self.server.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.server.__aexit__()
        finally:
            await self._close_clients()

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[ReplyDelta]:
        """Stream the answer. Closing the iterator stops the model. Raises ProviderError."""
        async with self._seated(messages) as seat:
            written: list[str] = []
            try:
                async with aclosing(seat.client.reply(messages, tools)) as deltas:
                    async for delta in deltas:
                        if isinstance(delta, str):
                            written.append(delta)
                        yield delta
            finally:
                seat.slot.held = (*messages, Message("assistant", "".join(written)))

    async def prefill(self, messages: Sequence[Message]) -> None:
        """Read `messages` into the slot where the reply will want them. Raises ProviderError."""
        async with self._seated(messages, occupies=False) as seat:
            await seat.client.prefill(messages)

    async def prewarm(self, messages: Sequence[Message]) -> None:
        """Have the beginning of all calls, `messages`, at hand from now on, restarts included.

        Returns when it has been read: after seconds the first time, at once if a file has it. If
        the server fails meanwhile this raises ProviderError and is made up for when it is back.
        """
        prompt = tuple(messages)
        name = self._file_name(prompt)
        self._pinned[name] = prompt
        await self._warm(name, prompt)

    # Placing -------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _seated(
        self, messages: Sequence[Message], *, bring_back: bool = True, occupies: bool = True
    ) -> AsyncIterator[_Seat]:
        """Take the best slot for `messages`, with their pinned beginning in it.

        What reads ahead does not occupy it: the reply that it is read for must come into the same
        slot, even while the reading is being stopped.
        """
        if not self.server.child.ready.is_set() or not self._seats:
            raise self.server.child.unavailable()
        number = choose_slot([seat.slot for seat in self._seats], messages, self._now())
        seat = self._seats[number]
        slot = seat.slot
        idle = slot.requests == 0
        slot.requests += occupies
        slot.used_at = self._now()
        try:
            held, slot.held = slot.held, tuple(messages)
            if idle and bring_back:
                await self._bring_back(number, messages, held)
            yield seat
        finally:
            slot.requests -= occupies
            slot.used_at = self._now()

    async def _bring_back(self, number: int, messages: Sequence[Message], held: Prompt) -> None:
        """Restore the pinned beginning of `messages` if the slot has lost it to another call."""
        for name, prompt in self._pinned.items():
            if tuple(messages[: len(prompt)]) == prompt:
                if common_prefix(held, prompt) < _length(prompt):
                    await self.server.restore(number, self.server.prompt_dir / name)
                return

    # Keeping prompts -----------------------------------------------------------------------------

    async def _started(self) -> None:
        await self._close_clients()
        self._seats = [
            _Seat(self._make_client(self.server.base_url, self.server.api_key, number))
            for number in range(self.server.slots)
        ]
        self._first_start.set()
        for name, prompt in list(self._pinned.items()):
            try:
                await self._warm(name, prompt)
            except ProviderError:
                return  # it has died again: the next start begins anew

    async def _warm(self, name: str, prompt: Prompt) -> None:
        path = self.server.prompt_dir / name
        async with self._warming, self._seated(prompt, bring_back=False) as warmed:
            number = self._seats.index(warmed)
            if not await self.server.restore(number, path):
                await warmed.client.prefill(prompt)
                if await self.server.save(number, path):
                    self._forget_old_files()
            for other, seat in enumerate(self._seats):
                # A slot that holds nothing yet can only gain.
                if not seat.slot.held and await self.server.restore(other, path):
                    seat.slot.held = prompt

    def _file_name(self, prompt: Prompt) -> str:
        """Names the prompt, the model and the library: another's state must not be restored."""
        stat = self.server.model_path.stat()
        identity = [
            metadata.version("xllamacpp"),
            self.server.model_path.name,
            str(stat.st_size),
            str(stat.st_mtime_ns),
            *(f"{message.role}\0{message.text}" for message in prompt),
        ]
        return hashlib.sha256("\0".join(identity).encode()).hexdigest()[:32] + ".slot"

    def _forget_old_files(self) -> None:
        files = sorted(self.server.prompt_dir.glob("*.slot"), key=lambda file: file.stat().st_mtime)
        for file in files[:-KEPT_PROMPT_FILES]:
            file.unlink(missing_ok=True)

    async def _close_clients(self) -> None:
        seats, self._seats = self._seats, []
        for seat in seats:
            await seat.client.close()

    @staticmethod
    def _now() -> int:
        return int(asyncio.get_running_loop().time() * 1000)
