"""Conversations over WebRTC, with aiortc as the page, against the whole server."""

from pathlib import Path

from bench.page import page
from tests.voice_agent.calls.rooms import becomes
from tests.voice_agent.media import idle
from tests.voice_agent.web.test_browser import HELLO, place, records
from voice_codecs.browser import MessagesUpdate, Paused, Ready


async def test_a_conversation_is_begun_and_ended(tmp_path: Path) -> None:
    async with place(tmp_path) as here, page(here.server.url) as there:
        heard = bytearray()
        there.ear = heard.extend
        await there.begin(token=await here.token(), personaName="Anna")
        ready = await there.hears(Ready)
        await becomes(
            lambda: any(
                isinstance(each, MessagesUpdate)
                and each.messages[-1:]
                and each.messages[-1].content == HELLO
                for each in there.messages
            )
        )
        assert any(heard)
        assert await there.leave() == 204
        await there.hears(Paused)
        await idle(here.server)
        (record,) = await records(here)
        assert record.conversation.id == ready.conversation_id
        assert record.conversation.status == "paused"
