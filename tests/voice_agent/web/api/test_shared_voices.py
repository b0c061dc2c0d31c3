"""Shared voices are taken into the account, over HTTP."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.loopback import loopback
from voice_agent.errors import VoiceAgentError
from voice_agent.web.api.ports import ListedVoice
from voice_agent.web.api.shared_voices import SharedVoices


@pytest.fixture
async def vendor() -> AsyncIterator[str]:
    """What of ElevenLabs' API is used, on loopback."""

    async def add(request: web.Request) -> web.Response:
        if request.headers.get("xi-api-key") != "key":
            return web.json_response({}, status=401)
        if request.match_info["voice"] != "shared":
            return web.json_response({"detail": {"status": "voice_not_found"}}, status=400)
        document = await request.json()
        return web.json_response(
            {"voice_id": f"{document['new_name']}-{request.match_info['owner']}"}
        )

    async def voice(request: web.Request) -> web.Response:
        if request.match_info["voice"] == "inside":
            return web.json_response({"preview_url": "http://169.254.169.254/latest"})
        if request.match_info["voice"] != "own":
            return web.json_response({}, status=404)
        return web.json_response({"preview_url": f"{url}/preview.mp3"})

    async def preview(_: web.Request) -> web.Response:
        return web.Response(body=b"ID3" * 1000)

    async def voices(request: web.Request) -> web.Response:
        if request.headers.get("xi-api-key") != "key":
            return web.json_response({}, status=401)
        ann = {"voice_id": "own", "name": "Ann", "labels": {"accent": "british", "age": ""}}
        bob = {"voice_id": "b", "name": "Bob", "labels": None, "preview_url": None}
        return web.json_response({"voices": [ann | {"preview_url": f"{url}/preview.mp3"}, bob]})

    application = web.Application()
    application.router.add_get("/v1/voices", voices)
    application.router.add_post("/v1/voices/add/{owner}/{voice}", add)
    application.router.add_get("/v1/voices/{voice}", voice)
    application.router.add_get("/preview.mp3", preview)
    async with loopback(application) as url:
        yield url


async def test_a_shared_voice_comes_into_the_account(vendor: str) -> None:
    """S004-06"""
    voices = SharedVoices("key", vendor)
    assert await voices.add_shared("owner", "shared", "Ann") == "Ann-owner"
    with pytest.raises(VoiceAgentError, match="no shared voice"):
        await voices.add_shared("owner", "unknown", "Ann")
    with pytest.raises(VoiceAgentError, match="401"):
        await SharedVoices("wrong", vendor).add_shared("owner", "shared", "Ann")


async def test_a_voice_can_be_listened_to(vendor: str) -> None:
    voices = SharedVoices("key", vendor)
    assert await voices.sample("own") == b"ID3" * 1000
    assert await voices.sample("unknown") is None
    assert await voices.sample("inside") is None


async def test_the_voices_of_the_account_are_listed(vendor: str) -> None:
    assert await SharedVoices("key", vendor).listed() == [
        ListedVoice("elevenlabs", "own", "Ann", "british", sample=True),
        ListedVoice("elevenlabs", "b", "Bob"),
    ]
    with pytest.raises(VoiceAgentError, match="401"):
        await SharedVoices("wrong", vendor).listed()


async def test_a_vendor_that_is_down_is_told(unused_tcp_port: int) -> None:
    voices = SharedVoices("key", f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(VoiceAgentError, match="could not be asked"):
        await voices.sample("own")
