"""A number is connected and examined, against the loopback carrier and a real front."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.voice_agent.telephony.twilio_rest import ACCOUNT, TwilioRest, twilio_rest
from voice_agent.calls.one_call import House
from voice_agent.calls.reception import Reception
from voice_agent.calls.session import Switchboard
from voice_agent.desk import Desk
from voice_agent.errors import VoiceAgentError
from voice_agent.personas.persona import Persona
from voice_agent.settings import load
from voice_agent.telemetry.metrics import Metrics
from voice_agent.telephony import setup
from voice_agent.telephony.live import tickets
from voice_agent.telephony.rest import Number, Rest, connected
from voice_agent.telephony.setup import Finding
from voice_agent.telephony.urls import Urls
from voice_agent.web.server import Front
from voice_pipelines.engine.clock import LoopClock

OWN = "+14155550100"
URLS = Urls("https://agent.example.com/")


@asynccontextmanager
async def api() -> AsyncIterator[tuple[TwilioRest, Rest]]:
    async with twilio_rest() as carrier, connected(ACCOUNT, carrier.url) as rest:
        carrier.own(OWN, voice_url="https://demo.twilio.com/welcome", voice_method="GET")
        yield carrier, rest


@asynccontextmanager
async def front(
    port: int, secret: str = ACCOUNT.auth_token, ready: bool = True
) -> AsyncIterator[Urls]:
    """A server's front whose public origin is the one on loopback."""
    origin = f"http://127.0.0.1:{port}"
    loaded = load("scripted.toml", (), {}).settings
    server_settings = msgspec.structs.replace(loaded.server, public_url=origin)
    settings = msgspec.structs.replace(loaded, server=server_settings)
    metrics = Metrics()
    clock = LoopClock(asyncio.get_running_loop())
    streams = tickets(settings)
    switchboard = Switchboard(metrics, None, 10)
    if ready:
        switchboard.house = cast(House, object())  # The front only asks if it is there.
    desk = Desk(switchboard, Reception(Persona(name="Anna")), streams, clock)
    front = Front(settings, secret, switchboard, metrics, streams, clock, desk.receive)
    application = front.application()
    async with TestServer(application, host="127.0.0.1", port=port):
        yield Urls(origin)


def by_name(findings: list[Finding]) -> dict[str, bool]:
    return {finding.name: finding.ok for finding in findings}


async def test_a_number_is_connected() -> None:
    """S004-80."""
    async with api() as (carrier, rest):
        before = await setup.check_numbers(rest, URLS, (OWN,))
        assert by_name(before) == {"number_webhook": False, "number_method": False}
        made = await setup.connect(rest, URLS, "+1 (415) 555-0100", "Rachel & Co")
        assert made.webhook == "https://agent.example.com/twilio/voice?persona=Rachel+%26+Co"
        assert (made.number, made.before) == (OWN, "https://demo.twilio.com/welcome")
        assert carrier.numbers[OWN]["voice_method"] == "POST"
        for numbers in ((), (OWN,)):
            assert by_name(await setup.check_numbers(rest, URLS, numbers)) == {"number": True}
        assert (await setup.check_account(rest)).ok
        again = await setup.connect(rest, URLS, OWN, "")
        assert again.webhook == "https://agent.example.com/twilio/voice"


async def test_an_application_on_the_number_is_taken_off() -> None:
    async with api() as (carrier, rest):
        carrier.numbers[OWN] |= {"voice_url": URLS.voice, "voice_application_sid": "AP1"}
        before = await setup.check_numbers(rest, URLS, (OWN,))
        assert by_name(before) == {"number_application": False, "number_method": False}
        await setup.connect(rest, URLS, OWN, "")
        assert by_name(await setup.check_numbers(rest, URLS, (OWN,))) == {"number": True}


async def test_numbers_that_are_not_there() -> None:
    async with api() as (carrier, rest):
        for number, words in (("+14155550199", OWN), ("my number", "is no telephone number")):
            with pytest.raises(VoiceAgentError) as caught:
                await setup.connect(rest, URLS, number, "")
            assert words in str(caught.value)
            assert by_name(await setup.check_numbers(rest, URLS, (number,))) == {"number": False}
        (nothing,) = await setup.check_numbers(rest, URLS, ())
        assert not nothing.ok and "twilio connect" in nothing.text
        carrier.refusals = [(401, 20003, {})]
        (refused,) = await setup.check_numbers(rest, URLS, (OWN,))
        assert not refused.ok and "do not fit" in refused.text
        carrier.account_status = "suspended"
        suspended = await setup.check_account(rest)
        assert not suspended.ok and "suspended" in suspended.text


def test_a_number_without_voice_is_no_use() -> None:
    number = Number("PN1", OWN, False, True, URLS.voice, "POST", "", "")
    assert by_name(setup.number_findings(number, URLS)) == {"number_voice": False}
    fine = replace(number, voice=True)
    assert by_name(setup.number_findings(fine, URLS)) == {"number": True}


async def examined(urls: Urls, token: str = ACCOUNT.auth_token) -> dict[str, bool]:
    return by_name(await setup.check_server(urls, urls.voice, OWN, token))


async def test_a_server_that_is_right(unused_tcp_port: int) -> None:
    """S004-80."""
    async with front(unused_tcp_port) as urls:
        assert await examined(urls) == {"webhook": True, "unsigned": True, "media": True}
        named = setup.webhook_of(urls, "rachel")
        findings = await setup.check_server(urls, named, OWN, ACCOUNT.auth_token)
        assert all(finding.ok for finding in findings)


async def test_another_token_on_the_server(unused_tcp_port: int) -> None:
    async with front(unused_tcp_port, secret="another one") as urls:
        assert await examined(urls) == {"signature": False, "unsigned": True, "media": False}


async def test_a_server_that_believes_anybody(unused_tcp_port: int) -> None:
    async with front(unused_tcp_port, secret="") as urls:
        assert await examined(urls) == {"webhook": True, "unsigned": False, "media": True}


async def test_a_server_that_takes_no_calls(unused_tcp_port: int) -> None:
    async with front(unused_tcp_port, ready=False) as urls:
        assert (await examined(urls))["webhook"] is False


async def test_nobody_is_there(unused_tcp_port: int) -> None:
    assert await examined(Urls(f"http://127.0.0.1:{unused_tcp_port}")) == {"public_url": False}


@pytest.mark.parametrize("answer", ["404", "redirect", "page"])
async def test_somebody_else_is_there(answer: str, unused_tcp_port: int) -> None:
    async def other(_: web.Request) -> web.Response:
        if answer == "404":
            return web.Response(status=404)
        if answer == "redirect":
            raise web.HTTPFound("http://127.0.0.1:1/")
        return web.Response(text="<html><p>Welcome", content_type="text/html")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", other)
    async with TestServer(application, host="127.0.0.1", port=unused_tcp_port):
        found = await examined(Urls(f"http://127.0.0.1:{unused_tcp_port}"))
    assert found == {"webhook": False, "unsigned": False, "media": False}


async def test_the_media_socket_is_not_left_open(unused_tcp_port: int) -> None:
    async with front(unused_tcp_port) as urls:
        await examined(urls)
        async with aiohttp.ClientSession() as http, http.get(f"{urls.public_url}/readyz") as got:
            assert (await got.json())["calls"] == 0
