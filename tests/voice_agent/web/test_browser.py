"""Conversations over the clients' media socket, by the Python client and message by message."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.voice_agent.calls.rooms import becomes
from tests.voice_agent.calls.test_live import ACTING
from tests.voice_agent.calls.test_session import kept, kept_in
from tests.voice_agent.media import HANG_S, idle, metric, scripted
from voice_agent.app import Server
from voice_agent.calls.records import DEFAULT_WORKSPACE
from voice_agent.client import Client, ClientError
from voice_agent.personas.persona import RateLimit, Telephone
from voice_agent.storage.store import opened
from voice_agent.telemetry.figures import CallFigures
from voice_codecs.browser import (
    FromServer,
    Init,
    Mute,
    Ping,
    Played,
    Pong,
    Ready,
    SayText,
    StateUpdated,
    UpdateState,
    UserSpeechStarted,
    UserText,
    parse_server,
    serialize,
)
from voice_pipelines.ports import ToolCall
from voice_pipelines.providers.scripted import ScriptedLanguageModel

HELLO = "Good day."
PERSONA = ACTING.model_copy(update={"name": "Anna", "initial_message": HELLO})
PAGE = "https://shop.example"


@dataclass
class Place:
    server: Server
    folder: Path
    secret: str
    public: str

    def client(self, key: str = "", origin: str = "") -> Client:
        return Client(self.server.url, key or self.secret, origin=origin, deadline_s=HANG_S)

    def answers(self, *replies: Any) -> ScriptedLanguageModel:
        llm = ScriptedLanguageModel(replies)
        services = self.server.agents.services
        self.server.agents.services = replace(services, llm=llm)
        return llm

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Callable[[str, object], Awaitable[Any]]]:
        """POST with the secret key."""
        headers = {"Authorization": f"Bearer {self.secret}"}
        async with aiohttp.ClientSession(headers=headers) as http:

            async def post(path: str, body: object) -> Any:
                async with http.post(f"{self.server.url}/api/{path}", json=body) as response:
                    assert response.ok, await response.text()
                    return await response.json()

            yield post

    async def token(self, key: str = "", origin: str = "", **body: Any) -> str:
        async with (
            aiohttp.ClientSession() as http,
            http.post(
                f"{self.server.url}/api/sessions",
                json=body,
                headers={"Authorization": f"Bearer {key or self.secret}", "Origin": origin},
            ) as response,
        ):
            return str((await response.json())["token"])


@asynccontextmanager
async def place(folder: Path, *overrides: str) -> AsyncIterator[Place]:
    settings = kept_in(folder, PERSONA)
    async with opened(f"sqlite:///{folder}/kept.db") as store:
        secret = await store.keys.create("secret", DEFAULT_WORKSPACE)
        public = await store.keys.create("client", DEFAULT_WORKSPACE, origins=(PAGE,))
    async with asyncio.timeout(2 * HANG_S), scripted(*settings, *overrides) as server:
        yield Place(server, folder, secret.text, public.text)


async def plays(client: Client, heard: bytearray) -> None:
    """Listen as if audio took no time."""
    async for chunk in client.audio():
        heard += chunk


def said(client: Client) -> list[tuple[str, str]]:
    return [(each.source, each.content) for each in client.messages]


async def test_a_conversation_is_begun_paused_and_resumed(tmp_path: Path) -> None:
    """S004-24, S004-79, S004-94, S004-95, S004-96, S004-97, S004-98, S004-99, S004-100, S004-101:
    by a client that is neither a telephone nor a browser."""
    async with place(tmp_path) as here:
        reply = ("Here it is.", ToolCall("show", '{"page": "menu"}'))
        llm = here.answers(reply)
        told: list[tuple[str, Any]] = []
        heard = bytearray()
        async with here.client() as client, asyncio.TaskGroup() as group:
            for event in ("ready", "action", "state_updated", "ai_speech_started"):
                client.on(event, lambda value, event=event: told.append((event, value)))  # type: ignore[misc]
            await client.init(persona_name="Anna", user_id="u1", details={"plan": "gold"})
            first = client.conversation_id
            assert told[0] == ("ready", first)
            group.create_task(plays(client, heard))
            await becomes(lambda: said(client) == [("ai", HELLO)])
            assert ("ai_speech_started", None) in told
            assert any(heard) and not len(heard) % 2

            await client.send_user_text("Show me the menu")
            await becomes(
                lambda: said(client)[1:] == [("user", "Show me the menu"), ("ai", reply[0])]
            )
            assert ("action", {"show": {"page": "menu"}}) in told
            await client.update_state({"table": 4})
            await becomes(lambda: ("state_updated", {"table": 4}) in told)
            assert client.state == {"table": 4}
            await client.say_text("One moment.")
            await becomes(lambda: said(client)[-1] == ("ai", "One moment."))

            await client.end()
            await idle(here.server)
            before = said(client)
            (record,) = await records(here)
            assert (record.conversation.id, record.conversation.status) == (first, "paused")
            assert (record.conversation.user_id, record.conversation.direction) == ("u1", "web")

            here.answers("Welcome back.")
            llm = here.server.agents.services.llm  # type: ignore[assignment]
            await client.resume()
            assert client.conversation_id == first
            assert said(client) == before, "the history, without another greeting"
            assert client.state == {"table": 4}
            group.create_task(plays(client, heard))
            await client.send_user_text("I am back")
            await becomes(lambda: said(client)[-1] == ("ai", "Welcome back."))
            assert [each for each in said(client) if each == ("ai", HELLO)] == [("ai", HELLO)]
            history = [message.text for message in llm.last_messages]
            assert any("Show me the menu" in text for text in history)
            await client.end()
        await idle(here.server)
        (record,) = await records(here)
        numbers = [text for speaker, text in record.messages if speaker != "note"]
        assert numbers[0] == HELLO and numbers[-2:] == ["I am back", "Welcome back."]


SECRET = "The word is xylophone."


async def test_of_a_conversation_that_is_not_saved_nothing_is_left(tmp_path: Path) -> None:
    """No record, journal or recording; it acts all the same, its messages are counted, and consoles
    see that it is live and no more. What was ended cannot be resumed."""
    recorded = PERSONA.model_copy(
        update={
            "telephone": Telephone(recording=True),
            "rate_limit": RateLimit(enabled=True, count=2, message="Enough."),
        }
    )
    async with place(tmp_path, f"journal.directory={tmp_path}/journals") as here:
        here.server.reception.default = recorded
        here.answers((SECRET, ToolCall("show", '{"page": "menu"}')), SECRET, SECRET)
        figures: list[CallFigures] = []
        here.server.switchboard._ended = figures.append
        watcher = here.server.switchboard.board.watcher(DEFAULT_WORKSPACE, lambda: None)
        async with here.client() as client, asyncio.TaskGroup() as group:
            shown: list[Any] = []
            client.on("action", shown.append)
            limits: list[str] = []
            client.on("message_limit_reached", limits.append)
            await client.init(persona_name="Anna", user_id="u1", unsaved=True)
            id = client.conversation_id
            watcher.watch(f"call:{id}")
            group.create_task(plays(client, bytearray()))
            await client.send_user_text("Show me the menu")
            await becomes(lambda: said(client)[-1] == ("ai", SECRET))
            assert shown == [{"show": {"page": "menu"}}]
            await client.update_state({"word": "xylophone"})
            await becomes(lambda: client.state == {"word": "xylophone"})
            watch = next(iter(here.server.switchboard._live.values())).watch
            assert watch is not None
            view = watch.snapshot()
            assert (view["messages"], view["actions"], view["state"]) == ([], [], {})
            assert view["turns"] and "xylophone" not in str(view)
            assert view["call"].persona_name == "Anna" and view["call"].user_id == "u1"
            await client.end()
            await idle(here.server)
            with pytest.raises(ClientError) as refused:
                await client.resume()
            assert refused.value.code == "not_saved"

            await client.init(persona_name="Anna", user_id="u1", unsaved=True)
            group.create_task(plays(client, bytearray()))
            await client.send_user_text("Once more")
            await becomes(lambda: said(client)[-1] == ("ai", SECRET))
            assert limits == []
            await client.send_user_text("And again")
            await becomes(lambda: said(client)[-1] == ("ai", "Enough."))
            assert limits == ["Enough."], "S004-11: it is told, and said all the same"
            async with here.api() as api:
                again = client.conversation_id
                assert (await api(f"conversations/{again}/end", None))["done"]
        await idle(here.server)
        assert figures[0].answers and "xylophone" not in str(figures)
        assert await records(here) == []
        assert len(here.server.switchboard.unsaved) == 0
    found = await asyncio.to_thread(contents, tmp_path)
    assert {name.partition(".")[0] for name in found} == {"anna", "kept"}, "nothing else"
    assert not any(b"xylophone" in each for each in found.values())


def contents(folder: Path) -> dict[str, bytes]:
    """All files in it by their names."""
    return {each.name: each.read_bytes() for each in folder.rglob("*") if each.is_file()}


async def test_a_lost_connection_is_no_end_of_what_is_not_saved(tmp_path: Path) -> None:
    """S004-99: it goes on from memory while its client may come back."""
    async with place(tmp_path) as here:
        here.answers("It is four.", "You asked for two and two.")
        async with here.client() as client, asyncio.TaskGroup() as group:
            await client.init(persona_name="Anna", unsaved=True)
            id = client.conversation_id
            group.create_task(plays(client, bytearray()))
            await client.send_user_text("Two and two?")
            await becomes(lambda: said(client)[-1] == ("ai", "It is four."))
            await client.update_state({"sum": 4})
            await becomes(lambda: client.state == {"sum": 4})
            before = said(client)
            for _ in range(2):
                await client._hang_up()
                await idle(here.server)
                await client.resume()
                assert (client.conversation_id, client.state) == (id, {"sum": 4})
                assert said(client) == before
            assert len(here.server.switchboard.unsaved) == 0, "it is live again"
            group.create_task(plays(client, bytearray()))
            await client.send_user_text("What did I ask?")
            await becomes(lambda: said(client)[-1] == ("ai", "You asked for two and two."))
            llm = here.server.agents.services.llm
            assert isinstance(llm, ScriptedLanguageModel)
            assert any("Two and two?" in each.text for each in llm.last_messages)
            await client._hang_up()
            await idle(here.server)
            here.server.switchboard.unsaved.forget_late(asyncio.get_running_loop().time() + 61)
            with pytest.raises(ClientError) as refused:
                await client.resume()
            assert refused.value.code == "not_saved"
        assert await records(here) == []


async def test_an_operator_may_insist_on_saving(tmp_path: Path) -> None:
    async with place(tmp_path, "browser.allow_unsaved=false") as here, here.client() as client:
        with pytest.raises(ClientError) as refused:
            await client.init(persona_name="Anna", unsaved=True)
        assert refused.value.code == "unsaved_refused"
        await client.init(persona_name="Anna")


async def records(here: Place) -> Any:
    house = here.server.switchboard.house
    assert house is not None and house.writer is not None
    assert await house.writer.written(HANG_S * 1000)
    return await kept(here.folder)


async def test_another_client_resumes_by_a_secret_key(tmp_path: Path) -> None:
    """S004-99: a conversation goes on elsewhere, even while the first connection still seems to
    live."""
    async with place(tmp_path) as here:
        async with here.client() as first, here.client() as second:
            await first.init(persona_name="Anna")
            await records(here)
            gone = asyncio.Event()
            first.on("disconnected", lambda _: gone.set())
            await second.resume(first.conversation_id)
            await gone.wait()
            assert second.conversation_id == first.conversation_id
            assert len(here.server.switchboard) == 1


async def test_a_draft_is_talked_to_before_it_is_published(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.api() as api:
        draft = {"name": "Bella", "prompt": "You are Bella.", "initial_message": "First draft."}
        stored = await api("personas", draft)
        id = stored["id"]
        async with here.client() as client, asyncio.TaskGroup() as group:
            with pytest.raises(ClientError) as refused:
                await client.init(persona_id=id)
            assert refused.value.code == "persona_unknown", "the token is not for drafts"
            token = (await api(f"personas/{id}/try", {}))["token"]
            await client.init(token=token)
            group.create_task(plays(client, bytearray()))
            await becomes(lambda: said(client) == [("ai", "First draft.")])
            await client.end()
            await idle(here.server)
            await client.resume()
            await client.end()
            await idle(here.server)

            edited = draft | {"initial_message": "Not saved."}
            token = (await api(f"personas/{id}/try", {"persona": edited}))["token"]
            await client.init(token=token)
            group.create_task(plays(client, bytearray()))
            await becomes(lambda: said(client) == [("ai", "Not saved.")])
            await client.end()
        await idle(here.server)
        found = [record.conversation for record in await records(here)]
        assert [(each.persona_id, each.persona_version) for each in found] == [(id, 0)] * 2

        async with here.client() as client:
            token = (await api(f"conversations/{found[0].id}/resume", None))["token"]
            await client.resume(found[0].id, token=token)
            token = (await api(f"personas/{id}/try", {}))["token"]
            with pytest.raises(ClientError) as refused:
                await client.init(persona_name="Anna", token=token)
            assert refused.value.code == "persona_unknown", "of that token's no other"


async def test_init_wants_a_persona(tmp_path: Path) -> None:
    """S004-94: neither name nor id is an error, and so is one that is not published."""
    async with place(tmp_path) as here, here.client() as client:
        with pytest.raises(ClientError) as refused:
            await client.init()
        assert refused.value.code == "persona_missing"
        with pytest.raises(ClientError) as refused:
            await client.init(persona_name="Nobody")
        assert refused.value.code == "persona_unknown"
        await client.init(persona_name="Anna")  # The client is as good as new.


async def test_a_publishable_key_serves_the_pages_of_its_origins(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        async with here.client(here.public, origin=PAGE) as client:
            await client.init(persona_name="Anna")
            assert client.conversation_id
        token = await here.token(here.public, PAGE)
        async with here.client(origin="https://evil.example") as client:
            with pytest.raises(ClientError) as refused:
                await client.init(persona_name="Anna", token=token)
            assert refused.value.code == "origin_refused"
        async with here.client(here.public, origin="https://evil.example") as client:
            with pytest.raises(ClientError):
                await client.init(persona_name="Anna")


@dataclass
class Wire:
    """The socket, message by message."""

    web: aiohttp.ClientWebSocketResponse

    async def say(self, *messages: Any) -> None:
        for message in messages:
            await self.web.send_str(serialize(message))

    async def next(self) -> FromServer | bytes | int:
        """The next message, audio, or the close code."""
        message = await self.web.receive(timeout=HANG_S)
        if message.type is aiohttp.WSMsgType.TEXT:
            return parse_server(message.data)
        if message.type is aiohttp.WSMsgType.BINARY:
            return bytes(message.data)
        return self.web.close_code or 0

    async def until(self, kind: type[FromServer] | type[bytes] | type[int]) -> Any:
        while not isinstance(message := await self.next(), kind):
            assert not isinstance(message, int), message
        return message

    async def close_code(self) -> int:
        return int(await self.until(int))


@asynccontextmanager
async def wired(here: Place) -> AsyncIterator[Wire]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{here.server.url}/browser/media") as web,
    ):
        yield Wire(web)


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (Init("wrong", persona_name="Anna"), 1008),
        (Init("T"), 1008),
        (Init("T", persona_name="Anna", sample_rate=44_100), 1003),
        (Init("T", persona_name="Anna", conversation_id="c1"), 1008),
        (UserText("hello"), 1002),
    ],
)
async def test_who_may_not_is_told_and_closed(first: Any, code: int, tmp_path: Path) -> None:
    async with place(tmp_path) as here, wired(here) as wire:
        if isinstance(first, Init) and first.token == "T":
            token = await here.token()
            first = Init(
                token, first.persona_id, first.persona_name, "", first.conversation_id, {},
                first.sample_rate,
            )  # fmt: skip
        await wire.say(first)
        error = await wire.next()
        assert not isinstance(error, Ready)
        assert await wire.close_code() == code
        assert len(here.server.switchboard) == 0


async def test_a_socket_that_says_nothing_is_closed(tmp_path: Path) -> None:
    async with place(tmp_path, "browser.start_ms=50") as here, wired(here) as wire:
        assert await wire.close_code() == 1008


async def test_no_line_is_free(tmp_path: Path) -> None:
    async with place(tmp_path, "server.max_calls=1") as here, here.client() as client:
        await client.init(persona_name="Anna")
        async with here.client() as second:
            with pytest.raises(ClientError) as refused:
                await second.init(persona_name="Anna")
            assert refused.value.code == "busy"


async def test_malformed_messages_are_counted_and_closed(tmp_path: Path) -> None:
    async with place(tmp_path, "browser.malformed_messages=3") as here, wired(here) as wire:
        await wire.say(Init(await here.token(), persona_name="Anna"))
        await wire.until(Ready)
        await wire.say(Ping())
        await wire.until(Pong)
        await wire.web.send_bytes(b"\0")  # Half a sample.
        for _ in range(3):
            await wire.web.send_str('{"type": "sing"}')
        assert await wire.close_code() == 1007
        labels = {"kind": "malformed"}
        assert metric(here.server, "voice_agent_messages_ignored_total", labels) == 4


async def test_who_interrupts_is_heard_and_the_rest_is_flushed(tmp_path: Path) -> None:
    """A flush in band, and what was not played is not in the history."""
    async with place(tmp_path, "tts.audio_ms=6000", "llm.text=Well.") as here:
        async with wired(here) as wire:
            await wire.say(Init(await here.token(), persona_name="Anna", sample_rate=8000))
            ready = await wire.until(Ready)
            await wire.say(SayText("This is a very long story that nobody wants to hear."))
            sent = played = 0
            began = 0.0
            loop = asyncio.get_running_loop()
            loud = (b"\x00\x40" * 4 + b"\x00\xc0" * 4) * 20  # 20 ms of noise at 8 kHz.
            flushed = 0
            async with asyncio.timeout(HANG_S), asyncio.TaskGroup() as group:

                async def speak() -> None:
                    await asyncio.sleep(0.5)
                    while True:
                        await wire.web.send_bytes(loud)
                        await asyncio.sleep(0.02)

                speaking = group.create_task(speak())
                while not flushed:
                    message = await wire.next()
                    assert not isinstance(message, int)
                    if isinstance(message, bytes):
                        began = began or loop.time()
                        sent += len(message) // 2
                        played = min(sent, int((loop.time() - began) * 8000))
                        await wire.say(Played(0, played))
                    elif type(message).__name__ == "Flush":
                        flushed = message.generation  # type: ignore[union-attr]
                speaking.cancel()
            assert flushed == 1
            assert 0 < played < 8 * 6000
            await wire.say(Played(0, 8 * 12_000))  # Of a generation that is over.
            await wire.web.close()
        await idle(here.server)
        (record,) = await records(here)
        assert record.conversation.id == ready.conversation_id
        assert record.conversation.status == "paused", "the network was gone"
        spoken = [text for speaker, text in record.messages if speaker == "agent"]
        assert not any("nobody wants to hear" in text for text in spoken)


async def test_without_a_database_there_is_no_socket() -> None:
    async with scripted() as server, aiohttp.ClientSession() as http:
        async with http.get(f"{server.url}/browser/media") as response:
            assert response.status == 404


async def test_a_key_names_the_personas_and_a_key_that_has_ended_names_none(
    tmp_path: Path,
) -> None:
    """What a token allows is checked when a conversation begins, and so is its key."""
    async with place(tmp_path) as here, opened(f"sqlite:///{tmp_path}/kept.db") as store:
        other = await store.keys.create(
            "client", DEFAULT_WORKSPACE, origins=("*",), personas=("another",)
        )
        token = await here.token(other.text, PAGE)
        async with here.client(origin=PAGE) as client:
            with pytest.raises(ClientError) as refused:
                await client.init(persona_name="Anna", token=token)
            assert refused.value.code == "persona_not_allowed"
        ended = await store.keys.create("secret", DEFAULT_WORKSPACE)
        token = await here.token(ended.text)
        async with here.client() as client:
            await client.init(persona_name="Anna", token=token)
            assert await store.keys.revoke(ended.key.id)
            with pytest.raises(ClientError) as refused:
                await client.init(persona_name="Anna", token=token)
            assert refused.value.code == "token_refused"
            with pytest.raises(ClientError):
                await client.resume()


async def test_a_muted_microphone_is_not_heard(tmp_path: Path) -> None:
    loud = (b"\x00\x40" * 4 + b"\x00\xc0" * 4) * 20
    async with place(tmp_path) as here, wired(here) as wire:
        await wire.say(Init(await here.token(), persona_name="Anna", sample_rate=8000))
        await wire.until(Ready)
        await wire.say(Mute(True))
        for _ in range(25):
            await wire.web.send_bytes(loud)
        await wire.say(UpdateState({"muted": True}))
        while not isinstance(message := await wire.next(), StateUpdated):
            assert not isinstance(message, UserSpeechStarted)
        await wire.say(Mute(False))
        for _ in range(25):
            await wire.web.send_bytes(loud)
        await wire.until(UserSpeechStarted)


async def test_a_client_that_does_not_answer_is_dead(tmp_path: Path) -> None:
    """Its connection stands, but nobody answers a ping: the conversation is paused."""
    async with place(tmp_path, "browser.quiet_ms=1000") as here, aiohttp.ClientSession() as http:
        url = f"{here.server.url}/browser/media"
        async with http.ws_connect(url, autoping=False) as web:
            await Wire(web).say(Init(await here.token(), persona_name="Anna"))
            await becomes(lambda: len(here.server.switchboard) == 1)
            await idle(here.server)
        (record,) = await records(here)
        assert record.conversation.status == "paused"
