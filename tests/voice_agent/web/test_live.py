"""Consoles at the live socket of a whole server: the board, one call, who is let in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.voice_agent.actions.hooks import Hook, listening
from tests.voice_agent.actions.schemas import document
from tests.voice_agent.calls.rooms import becomes
from tests.voice_agent.calls.test_session import ANNA, kept_in, plan, says, talking, with_model
from tests.voice_agent.media import HANG_S, TONE, calling, idle, scripted
from voice_agent.app import Server
from voice_agent.calls.records import DEFAULT_WORKSPACE
from voice_agent.personas.persona import Persona
from voice_agent.storage.store import Store, opened
from voice_pipelines.ports import ToolCall
from voice_pipelines.providers.scripted import ScriptedLanguageModel

from .consoles import Console, console

HELLO = ANNA.initial_message


@dataclass
class Place:
    server: Server
    store: Store
    key: str
    """An administrator's session."""

    def answers(self, *replies: Any) -> None:
        llm = ScriptedLanguageModel(replies)
        self.server.agents.services = replace(self.server.agents.services, llm=llm)


@asynccontextmanager
async def place(folder: Path, *overrides: str, persona: Persona = ANNA) -> AsyncIterator[Place]:
    settings = kept_in(folder, persona)
    async with opened(f"sqlite:///{folder}/kept.db") as store:
        link = await store.keys.new_link()
        session = await store.keys.exchange(link.text)
        async with asyncio.timeout(3 * HANG_S), scripted(*settings, *overrides) as server:
            yield Place(server, store, session.text)
            await idle(server)


def calls(watching: Console) -> list[dict[str, Any]]:
    """The calls on the board, as they are told of."""
    told = {each["conversationId"]: each for each in watching.bodies["board"]["calls"]}
    for event in watching.events("board"):
        if event["kind"] == "calls":
            told |= {each["conversationId"]: each for each in event["calls"]}
        else:
            told.pop(event["conversationId"], None)
    return list(told.values())


async def test_the_board_shows_calls_while_they_last(tmp_path: Path) -> None:
    """It is there at once, with what it is about, and gone when it ends."""
    async with place(tmp_path) as here:
        with_model(here.server, "Welcome.")
        async with console(here.server.url, here.key) as board:
            assert (await board.snapshot("board")) == {"calls": []}
            async with talking(here.server, plan(id="one")) as live:
                await board.until(lambda: len(calls(board)) == 1)
                (call,) = calls(board)
                assert (call["conversationId"], call["personaName"]) == ("one", "Anna")
                assert (call["direction"], call["transport"]) == ("inbound", "telephone")
                assert call["remote"] == call["userId"] == live.plan.remote
                await says(live, HELLO)
                live.typed("I have a question")
                live.merge_state({"topic": "question"})
                await says(live, "Welcome.")
                await board.until(
                    lambda: calls(board)[0]["turns"] == 1 and calls(board)[0]["state"] != {}
                )
                async with talking(here.server, plan(id="two"), "CA2"):
                    async with console(here.server.url, here.key) as other:
                        body = await other.snapshot("board")
                        assert {each["conversationId"] for each in body["calls"]} == {"one", "two"}
                    await board.until(lambda: len(calls(board)) == 2)
                await board.until(lambda: len(calls(board)) == 1)
            await board.until(lambda: calls(board) == [])


async def test_a_call_is_watched_word_by_word(tmp_path: Path) -> None:
    """What was said, as far as it was heard; the waterfall of each turn."""
    story = "This is a very long story that nobody at all wants to hear to its end"
    async with place(tmp_path, "tts.audio_ms=4000") as here:
        here.answers(story, "Good.")
        async with console(here.server.url, here.key) as page:
            topic = "call:one"
            assert (await page.snapshot(topic))["call"] is None
            async with talking(here.server, plan(id="one")) as live:
                await page.until(lambda: page.bodies[topic]["call"] is not None)
                people = page.bodies[topic]["participants"]
                assert [(each["role"], each["name"]) for each in people] == [
                    ("caller", live.plan.remote),
                    ("agent", "Anna"),
                ]
                live.typed("Tell me everything")
                await page.until(lambda: heard(page, topic, story))
                live.typed("Stop")
                await page.until(lambda: bool(said(page, topic).get("2", {}).get("interrupted")))
                told = said(page, topic)
                assert told["1"]["content"] == "Tell me everything"
                assert told["2"]["intended"].startswith(story)
                assert story.startswith(told["2"]["content"]) and told["2"]["content"] != story
                assert 0 <= told["0"]["at"] <= told["1"]["at"] <= told["2"]["at"]
                live.merge_state({"mood": "bored"})
                await page.until(lambda: bool(page.events(topic, "state")))
                assert page.events(topic, "state")[-1]["state"] == {"mood": "bored"}
                await page.until(lambda: bool(interrupted(page, topic)))
                cut = interrupted(page, topic)[0]
                stages = [stage["name"] for stage in cut["stages"]]
                assert cut["userText"] == "Tell me everything"
                assert {"llm_first_token", "tts_first_byte", "sending", "heard"} <= set(stages)
                who = [(e["who"], e["speaking"]) for e in page.events(topic, "speech")]
                assert ("ai", True) in who and ("ai", False) in who
                assert any(each["ai"] > 0.5 for each in page.events(topic, "levels"))
                async with console(here.server.url, here.key) as late:
                    body = await late.snapshot(topic)
                assert [each["messageId"] for each in body["messages"]][:3] == ["0", "1", "2"]
                assert body["messages"][2]["interrupted"]
                assert body["state"] == {"mood": "bored"} and body["turns"]
                (one,) = here.server.switchboard._live.values()
                measured = [turn.first_audio_ms for turn in one.meter.turns if turn.is_answer]
                shown = [turn["firstAudioMs"] for turn in body["turns"] if turn["answer"]]
                assert shown == measured[: len(shown)]
            await page.until(lambda: bool(page.events(topic, "ended")))
            assert page.events(topic, "ended") == [{"kind": "ended", "reason": "caller_left"}]
            body = await again(page, topic)
            assert body["call"] is None and body["messages"] == []


async def again(page: Console, topic: str) -> Any:
    del page.bodies[topic]
    return await page.snapshot(topic)


def said(page: Console, topic: str) -> dict[str, dict[str, Any]]:
    told = {each["messageId"]: each for each in page.bodies[topic]["messages"]}
    for event in page.events(topic, "messages"):
        told |= {each["messageId"]: each for each in event["messages"]}
    return told


def heard(page: Console, topic: str, text: str) -> bool:
    """Whether a part of the text was heard."""
    return any(
        each["content"] and text.startswith(each["content"]) for each in said(page, topic).values()
    )


def turns(page: Console, topic: str) -> dict[int, dict[str, Any]]:
    told = {each["number"]: each for each in page.bodies[topic]["turns"]}
    for event in page.events(topic, "turn"):
        told[event["turn"]["number"]] = event["turn"]
    return told


def interrupted(page: Console, topic: str) -> list[dict[str, Any]]:
    """Answers that were cut off."""
    return [each for each in turns(page, topic).values() if each["interrupted"] and each["answer"]]


async def test_an_action_is_shown_with_what_its_webhook_exchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing that is secret, though the service sends it back."""
    monkeypatch.setenv("CRM_KEY", 'va"lue-of-the-key')
    async with listening() as hook:
        hook.text = '{"order": 7, "echo": "va\\"lue-of-the-key", "sent": "Bearer header-key-4711"}'
        async with place(
            tmp_path,
            f'actions.allow=["127.0.0.1:{hook.port}"]',
            'actions.secret_env=["CRM_KEY"]',
            persona=_booking(hook),
        ) as here:
            here.answers(("Let me see.", ToolCall("book", '{"day": "Mon"}')), "It is booked.")
            async with console(here.server.url, here.key) as page:
                topic = "call:c"
                await page.snapshot(topic)
                async with talking(here.server, plan(_booking(hook))) as live:
                    live.typed("Monday")
                    await page.until(
                        lambda: any(
                            each["action"]["finishedAt"] is not None
                            for each in page.events(topic, "action")
                        )
                    )
                    await says(live, "It is booked.")
            first, *_, last = [each["action"] for each in page.events(topic, "action")]
            assert (first["name"], first["kind"], first["outcome"]) == ("book", "webhook", None)
            assert first["arguments"] == {"day": "Mon"}
            assert (last["outcome"], last["number"]) == ("done", 1)
            webhook = last["webhook"]
            assert (webhook["method"], webhook["status"]) == ("POST", 200)
            assert webhook["url"] == f"{hook.url}/book?key=[hidden]&lang=en"
            assert '"day": "Mon"' in webhook["request"] and '"order": 7' in webhook["response"]
            assert b"va" in hook.received[0].body and webhook["tookMs"] >= 0
            await idle(here.server)
            await becomes_written(here)
            (record,) = await here.store.conversations().actions("c")
            assert (record.kind, record.outcome) == ("webhook", "done")
            assert record.webhook is not None and record.webhook["status"] == 200
            shown = f"{page.frames} {record}"
            for secret in ("lue-of-the-key", "header-key-4711", "plain-key"):
                assert secret not in shown


async def becomes_written(here: Place) -> None:
    house = here.server.switchboard.house
    assert house is not None and house.writer is not None
    assert await house.writer.written(HANG_S * 1000)


def _booking(hook: Hook) -> Persona:
    book = {
        "_action_type": "webhook",
        "_webhook_constants": {
            "url": f"{hook.url}/book?key={{{{secret.CRM_KEY}}}}&lang=en",
            "headers": {"Authorization": "Bearer header-key-4711"},
            "body": {"crm": "{{secret.CRM_KEY}}", "api_key": "plain-key"},
        },
        "properties": {"day": {"type": "string"}},
    }
    return ANNA.model_copy(
        update={"prompt": "{{actionsSchema}}", "actions_schema": document(book=book)}
    )


async def test_a_console_that_was_cut_off_misses_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        with_model(here.server, "Welcome.")
        async with talking(here.server, plan(id="one")) as live:
            async with console(here.server.url, here.key) as page:
                await page.snapshot("call:one")
                seen, epoch = page.seqs["call:one"], page.epoch
            live.merge_state({"a": 1})
            async with console(here.server.url, here.key) as page:
                await page.watch("call:one", after=seen, epoch=epoch)
                await page.until(lambda: bool(page.events("call:one", "state")))
                assert page.bodies == {}, "no snapshot is needed"
            async with console(here.server.url, here.key) as page:
                await page.watch("call:one", after=seen, epoch="before the restart")
                await page.until(lambda: "call:one" in page.bodies)


async def test_history_and_personas_are_told_of_when_they_can_be_read(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        async with console(here.server.url, here.key) as page, aiohttp.ClientSession() as http:
            await page.snapshot("history")
            await page.snapshot("personas")
            async with talking(here.server, plan(id="one")):
                await page.until(lambda: bool(page.events("history")))
            await page.until(
                lambda: page.events("history")[-1]["conversation"]["status"] == "ended"
            )
            assert page.events("history")[0]["conversation"]["status"] == "live"
            assert page.events("history")[-1]["conversation"]["id"] == "one"
            headers = {"Authorization": f"Bearer {here.key}"}
            url = f"{here.server.url}/api/personas"
            async with http.post(url, json={"name": "Ben"}, headers=headers) as response:
                id = (await response.json())["id"]
            await page.until(lambda: {"kind": "persona", "id": id} in page.events("personas"))


async def test_only_administrators_are_let_in(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        url = here.server.url
        secret = (await here.store.keys.create("secret", DEFAULT_WORKSPACE)).text
        for key in ("", "va_session_wrong", secret):
            async with console(url, key) as refused:
                assert await refused.closed() == 4401
        for headers in (
            {"Origin": "https://evil.example", "Cookie": f"voice_agent_session={here.key}"},
            {"Cookie": f"voice_agent_session={here.key}"},  # No browser leaves the origin out.
        ):
            with pytest.raises(aiohttp.WSServerHandshakeError) as problem:
                async with console(url, headers=headers):
                    pass
            assert problem.value.status == 403
        async with console(url, headers={"Authorization": f"Bearer {here.key}"}) as bare:
            await bare.snapshot("board")
        async with aiohttp.ClientSession() as http, http.get(f"{url}/console/live") as response:
            assert response.status == 426


async def test_who_is_signed_out_hears_no_more(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        admin = (await here.store.keys.create("admin", DEFAULT_WORKSPACE)).text
        async with console(here.server.url, here.key) as page, aiohttp.ClientSession() as http:
            await page.snapshot("board")
            id = (await here.store.keys.verify(here.key)).id
            headers = {"Authorization": f"Bearer {admin}"}
            url = f"{here.server.url}/api/keys/{id}"
            async with http.delete(url, headers=headers) as response:
                assert response.status == 200
            assert await page.closed() == 4401


async def test_a_server_that_stops_sends_consoles_away(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        async with place(tmp_path) as here:
            page = await stack.enter_async_context(console(here.server.url, here.key))
            await page.snapshot("board")
            leaving = asyncio.get_running_loop().create_task(page.closed())
        assert await leaving == 1013


async def test_calls_of_other_workspaces_are_not_seen(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        other = (await here.store.keys.create("admin", "other")).text
        async with talking(here.server, plan(id="one")):
            async with console(here.server.url, other) as page:
                assert await page.snapshot("board") == {"calls": []}
                assert (await page.snapshot("call:one"))["call"] is None
                await page.snapshot("history")
        async with console(here.server.url, other) as page:
            await page.snapshot("board")
            assert not page.events("board") and not page.events("call:one")


async def test_what_the_socket_does_not_understand_ends_it(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for text in (
            "{",
            '{"type": "sing"}',
            '{"type": "watch"}',
            "[]",
            '{"type":"watch","topic":1}',
        ):
            async with console(here.server.url, here.key) as page:
                await page.web.send_str(text)
                assert await page.closed() == 1008
        async with console(here.server.url, here.key) as page:
            await page.web.send_bytes(b"{}")
            assert await page.closed() == 1008
        async with console(here.server.url, here.key) as page:
            await page.watch("weather")
            await page.until(lambda: bool(page.frames) and page.frames[-1]["type"] == "refused")
            assert "There is no such topic" in page.frames[-1]["message"]
            await page.web.send_str('{"type": "unwatch", "topic": "weather"}')
            await page.snapshot("board")


async def test_a_carriers_call_is_watched_like_any_other(tmp_path: Path) -> None:
    """The levels of a caller's own voice; and nothing is measured when nobody looks."""
    async with place(tmp_path) as here:
        async with console(here.server.url, here.key) as page, calling(here.server) as socket:
            await page.snapshot("board")
            await page.until(lambda: len(calls(page)) == 1)
            topic = f"call:{calls(page)[0]['conversationId']}"
            await page.snapshot(topic)
            async with asyncio.TaskGroup() as group:

                async def speak() -> None:
                    while True:
                        await socket.audio(TONE)
                        await asyncio.sleep(0.02)

                speaking = group.create_task(speak())
                await page.until(lambda: any(e["user"] > 0.5 for e in page.events(topic, "levels")))
                speaking.cancel()
            (one,) = here.server.switchboard._live.values()
            assert one.watch is not None and one.watch._taps is not None
            await page.web.send_str(f'{{"type": "unwatch", "topic": "{topic}"}}')
            here.server.switchboard.board.feed.forget(_topic(topic))
            await becomes(lambda: _forgotten(here, topic))
            assert one.watch._taps is None


def _topic(name: str) -> Any:
    from voice_agent.calls.feed import Topic

    return Topic(DEFAULT_WORKSPACE, name)


def _forgotten(here: Place, topic: str) -> bool:
    feed = here.server.switchboard.board.feed
    feed.forget(_topic(topic))  # Not only half a minute later.
    return not feed.is_open(_topic(topic))
