"""A client of the server's conversations, for other servers, tests and games.

::

    async with Client("https://voice.example.com", key) as client:
        client.on("action", lambda action: ...)
        await client.init(persona_name="Rachel", user_id="u1")
        await client.send_user_text("Is there a table tonight?")
        async for audio in client.audio():
            ...  # PCM16 mono; a chunk counts as heard when the next one is asked for
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import aiohttp

from voice_codecs.browser import (
    MAX_MESSAGE_BYTES,
    ActionTaken,
    AiSpeechEnded,
    AiSpeechStarted,
    End,
    Error,
    Flush,
    FromClient,
    FromServer,
    Init,
    MalformedMessage,
    MessageLimitReached,
    MessagesUpdate,
    Mute,
    Paused,
    Played,
    ReactTo,
    Ready,
    Said,
    SayText,
    StateUpdated,
    UpdateState,
    UserSpeechEnded,
    UserSpeechStarted,
    UserText,
    parse_server,
    serialize,
)

_MOST_CHUNKS = 3000
"""Audio that waits to be asked for; of more, the oldest is forgotten. Two minutes, in chunks of
40 ms."""
_GOODBYE_S = 3.0
"""How long the server may take to say that the conversation is paused."""
EVENTS = (
    "ready",
    "messages_update",
    "state_updated",
    "action",
    "user_speech_started",
    "user_speech_ended",
    "ai_speech_started",
    "ai_speech_ended",
    "message_limit_reached",
    "error",
    "disconnected",
)


class ClientError(Exception):
    """The server refused, or the connection is gone; `code` is a word for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class _Conversation:
    """One connection to a conversation."""

    socket: aiohttp.ClientWebSocketResponse
    reader: asyncio.Task[None]
    ready: asyncio.Future[None]


class Client:
    """Talks to one persona at a time. Open it as an async context manager.

    Callbacks get one argument and are called on the event loop; they must not block.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        origin: str = "",
        sample_rate: int = 16_000,
        deadline_s: float = 15.0,
    ) -> None:
        """`key` is an API key; without one, bring session tokens to `init`. `origin` is the page's,
        for a publishable key."""
        self._url = url.rstrip("/")
        self._key = key
        self._headers = {"Origin": origin} if origin else {}
        self._rate = sample_rate
        self._deadline_s = deadline_s
        self._callbacks: dict[str, list[Callable[[Any], None]]] = {}
        self._http: aiohttp.ClientSession | None = None
        self._group = asyncio.TaskGroup()
        self._now: _Conversation | None = None
        self._audio: deque[tuple[int, bytes]] = deque(maxlen=_MOST_CHUNKS)
        """(generation, chunk)"""
        self._news = asyncio.Event()
        self._generation = 0
        self._played = 0
        self._messages: dict[str, Said] = {}
        self._refusal: ClientError | None = None
        self._resume_token = ""
        self.interim = ""
        """What the user is saying just now."""
        self.conversation_id = ""
        """Known after `init` or `resume`."""
        self.state: Mapping[str, Any] = {}
        """The conversation's state, as it was last told."""

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *problem: Any) -> None:
        try:
            try:
                await self._hang_up()
            finally:
                await self._group.__aexit__(*problem)
        finally:
            assert self._http is not None
            await self._http.close()

    @property
    def messages(self) -> list[Said]:
        """What was said, in its order, as it was heard."""
        said = (each for each in self._messages.values() if not each.withdrawn)
        return sorted(said, key=lambda each: int(each.message_id))

    def on(self, event: str, callback: Callable[[Any], None]) -> None:
        """Call `callback` for each `event` of `EVENTS`. Raises ValueError for another."""
        if event not in EVENTS:
            raise ValueError(f"There is no event {event}; there are {', '.join(EVENTS)}.")
        self._callbacks.setdefault(event, []).append(callback)

    # The life of a conversation ------------------------------------------------------------------

    async def init(
        self,
        *,
        user_id: str = "",
        persona_name: str = "",
        persona_id: str = "",
        details: Mapping[str, Any] | None = None,
        unsaved: bool = False,
        token: str = "",
    ) -> None:
        """Begin a new conversation; of an `unsaved` one the server keeps nothing, and `end` cannot
        be resumed. Raises ClientError."""
        if not token and not persona_name and not persona_id:
            raise ClientError("persona_missing", "Give persona_name or persona_id.")
        if not token:
            asked = {"user_id": user_id} if user_id else {}
            token = await self._token("/api/sessions", asked)
        init = Init(
            token=token,
            persona_id=persona_id,
            persona_name=persona_name,
            user_id=user_id,
            details=dict(details or {}),
            unsaved=unsaved,
            sample_rate=self._rate,
        )
        await self._connect(init)

    async def resume(self, conversation_id: str = "", *, token: str = "") -> None:
        """Go on with a conversation, this client's last one by default. Raises ClientError.

        Another client's takes a `token`, or a secret key that makes one.
        """
        id = conversation_id or self.conversation_id
        if not token and id == self.conversation_id:
            token = self._resume_token
        if not token:
            token = await self._token(f"/api/conversations/{id}/resume", None)
        await self._connect(Init(token=token, conversation_id=id, sample_rate=self._rate))

    async def end(self) -> None:
        """Pause the conversation: `resume` goes on with it."""
        if self._now is not None and not self._now.socket.closed:
            await self._send(End())
            await asyncio.wait([self._now.reader], timeout=_GOODBYE_S)
        await self._hang_up()

    async def update_state(self, state: Mapping[str, Any]) -> None:
        """Merge `state` into the conversation's. Raises ClientError."""
        await self._send(UpdateState(dict(state)))

    async def say_text(self, text: str) -> None:
        """Have the agent say exactly this. Raises ClientError."""
        await self._send(SayText(text))

    async def react_to(self, text: str) -> None:
        """Tell the agent of something, so that it speaks of it. Raises ClientError."""
        await self._send(ReactTo(text))

    async def send_user_text(self, text: str) -> None:
        """Say something in the user's place. Raises ClientError."""
        await self._send(UserText(text))

    async def mute(self, muted: bool = True) -> None:
        """Turn the microphone off or on. Raises ClientError."""
        await self._send(Mute(muted))

    # Audio ---------------------------------------------------------------------------------------

    async def send_audio(self, audio: bytes) -> None:
        """What the user says: PCM16 mono at `sample_rate`, in real time. Raises ClientError."""
        await self._wire().send_bytes(audio)

    async def audio(self) -> AsyncIterator[bytes]:
        """What the agent says, until the conversation is over: chunks of PCM16 mono.

        A chunk counts as heard when the next one is asked for: play it before. What was flushed
        meanwhile, because the user interrupted, does not come.
        """
        now = self._now
        while True:
            while self._audio:
                generation, chunk = self._audio.popleft()
                yield chunk
                await self._heard(generation, chunk)
            if now is None or now.reader.done():
                return
            self._news.clear()
            await self._news.wait()

    async def _heard(self, generation: int, chunk: bytes) -> None:
        if generation != self._generation or self._now is None or self._now.socket.closed:
            return
        self._played += len(chunk) // 2
        await self._send(Played(generation, self._played))

    # The connection ------------------------------------------------------------------------------

    async def _token(self, path: str, body: Mapping[str, Any] | None) -> str:
        assert self._http is not None, "open the client as a context manager"
        headers = {**self._headers, "Authorization": f"Bearer {self._key}"}
        timeout = aiohttp.ClientTimeout(total=self._deadline_s)
        try:
            async with self._http.post(
                self._url + path, json=body, headers=headers, timeout=timeout
            ) as response:
                answer = await response.json(content_type=None)
                if response.status != 200:
                    told = answer.get("detail", "") if isinstance(answer, dict) else ""
                    raise ClientError("refused", told or f"The server answered {response.status}.")
                return str(answer["token"])
        except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
            raise ClientError("unreachable", f"The server is not there: {problem}.") from problem

    async def _connect(self, init: Init) -> None:
        await self._hang_up()
        assert self._http is not None, "open the client as a context manager"
        try:
            async with asyncio.timeout(self._deadline_s):
                socket = await self._http.ws_connect(
                    f"{self._url}/browser/media",
                    headers=self._headers,
                    max_msg_size=4 * MAX_MESSAGE_BYTES,
                )
                self._forget()
                ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                reader = self._group.create_task(self._read(socket, ready))
                self._now = _Conversation(socket, reader, ready)
                await self._send(init)
                await ready
        except (aiohttp.ClientError, TimeoutError) as problem:
            await self._hang_up()
            raise ClientError("unreachable", "The server does not answer.") from problem
        except ClientError:
            await self._hang_up()
            raise

    def _forget(self) -> None:
        self._audio.clear()
        self._messages.clear()
        self._generation = self._played = 0
        self._refusal = None
        self.interim = ""

    async def _hang_up(self) -> None:
        """Close the connection, if there is one."""
        now, self._now = self._now, None
        if now is None:
            return
        try:
            async with asyncio.timeout(self._deadline_s):
                await now.socket.close()
                await asyncio.wait([now.reader])
        except TimeoutError:
            now.reader.cancel()

    async def _read(
        self, socket: aiohttp.ClientWebSocketResponse, ready: asyncio.Future[None]
    ) -> None:
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    self._audio.append((self._generation, message.data))
                    self._news.set()
                elif message.type is aiohttp.WSMsgType.TEXT:
                    try:
                        self._told(parse_server(message.data), ready)
                    except MalformedMessage:
                        continue  # A newer server's: what this client does not know it ignores.
        finally:
            self._news.set()
            if not ready.done():
                gone = ClientError("disconnected", "The server closed the connection.")
                ready.set_exception(self._refusal or gone)
                ready.exception()  # Nobody may be waiting for it any more.
            self._emit("disconnected", socket.close_code)

    def _told(self, message: FromServer, ready: asyncio.Future[None]) -> None:
        match message:
            case Ready():
                self.conversation_id = message.conversation_id
                self._resume_token = message.resume_token
                self.state = message.state
                if not ready.done():
                    ready.set_result(None)
                self._emit("ready", message.conversation_id)
            case Flush(generation):
                self._generation, self._played = generation, 0
                self._audio.clear()
            case MessagesUpdate(messages, interim):
                self._messages.update((each.message_id, each) for each in messages)
                self.interim = interim
                self._emit("messages_update", self.messages)
            case StateUpdated(state):
                self.state = state
                self._emit("state_updated", state)
            case ActionTaken(action):
                self._emit("action", action)
            case Paused():
                self._resume_token = message.resume_token
            case Error(code, text):
                self._refusal = ClientError(code, text)
                self._emit("error", self._refusal)
            case UserSpeechStarted():
                self._emit("user_speech_started", None)
            case UserSpeechEnded():
                self._emit("user_speech_ended", None)
            case AiSpeechStarted():
                self._emit("ai_speech_started", None)
            case AiSpeechEnded():
                self._emit("ai_speech_ended", None)
            case MessageLimitReached(text):
                self._emit("message_limit_reached", text)

    def _emit(self, event: str, value: object) -> None:
        for callback in list(self._callbacks.get(event, ())):
            callback(value)

    def _wire(self) -> aiohttp.ClientWebSocketResponse:
        if self._now is None or self._now.socket.closed:
            raise ClientError("disconnected", "There is no conversation; begin or resume one.")
        return self._now.socket

    async def _send(self, message: FromClient) -> None:
        try:
            await self._wire().send_str(serialize(message))
        except ConnectionError as problem:
            raise ClientError("disconnected", "The connection is gone.") from problem
