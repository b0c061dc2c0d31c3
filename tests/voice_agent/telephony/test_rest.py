"""The real SDK against a REST API on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.voice_agent.telephony.twilio_rest import ACCOUNT, Callee, TwilioRest, twilio_rest
from voice_agent.errors import ConfigurationError
from voice_agent.telephony import http
from voice_agent.telephony import rest as rest_module
from voice_agent.telephony.errors import (
    CallNotInProgress,
    InvalidNumber,
    NotFound,
    NotPermitted,
    RateLimited,
    Rejected,
    TwilioError,
    Unauthorized,
    Unconfirmed,
    Unreachable,
)
from voice_agent.telephony.rest import Account, CallRequest, Rest, connected

OWN, THEIRS = "+14155550100", "+14155552671"
TWIML = '<Response><Connect><Stream url="wss://a.example/media"/></Connect></Response>'


def request(to: str = THEIRS, from_: str = OWN, timeout_s: int = 30) -> CallRequest:
    return CallRequest(
        to, from_, TWIML, "https://agent.example.com/status", timeout_s, time_limit_s=600
    )


@asynccontextmanager
async def api() -> AsyncIterator[tuple[TwilioRest, Rest]]:
    async with twilio_rest() as server, connected(ACCOUNT, server.url) as rest:
        server.own(OWN)
        yield server, rest


async def test_a_call_is_placed_unrecorded_and_hung_up() -> None:
    """S004-83, S004-87, S004-88."""
    async with api() as (server, rest):
        placed = await rest.call(request())
        call = server.calls[placed.sid]
        assert (call.to, call.from_) == (THEIRS, OWN)
        assert call.form["Record"] == "false"
        assert call.form["Timeout"] == "30" and call.form["TimeLimit"] == "600"
        assert "MachineDetection" not in call.form
        async with asyncio.timeout(10):
            while (await rest.call_state(placed.sid)).status != "in-progress":
                pass  # Each look is a request of its own.
        await rest.hang_up(placed.sid)
        assert await rest.call_state(placed.sid) == rest_module.CallState(
            placed.sid, "completed", 61
        )
        with pytest.raises(CallNotInProgress):
            await rest.redirect(placed.sid, TWIML)


async def test_texts_and_numbers() -> None:
    """S004-80, S004-84."""
    async with api() as (server, rest):
        assert (await rest.send_sms(THEIRS, OWN, "See you & good-bye")).startswith("SM")
        assert server.messages == [{"To": THEIRS, "From": OWN, "Body": "See you & good-bye"}]
        assert await rest.account_status() == "active"
        assert await rest.number("+14155550199") is None
        number = await rest.number(OWN)
        assert number is not None and number.voice and number.sms
        changed = await rest.set_voice_webhook(number.sid, "https://agent.example.com/voice")
        assert changed.voice_url == "https://agent.example.com/voice"
        assert await rest.number(OWN) == changed


CODES: list[tuple[int, int, type[TwilioError]]] = [
    (401, 20003, Unauthorized),
    (403, 20003, Unauthorized),
    (401, 0, Unauthorized),
    (404, 20404, NotFound),
    (400, 21211, InvalidNumber),
    (400, 21214, InvalidNumber),
    (400, 21215, NotPermitted),
    (400, 21606, NotPermitted),
    (400, 21608, NotPermitted),
    (400, 21610, NotPermitted),
    (400, 21612, NotPermitted),
    (400, 21614, InvalidNumber),
    (400, 21220, CallNotInProgress),
    (400, 99999, Rejected),
    (403, 0, NotPermitted),
    (500, 20500, Unreachable),
    (503, 0, Unreachable),
]


@pytest.mark.parametrize(("status", "code", "kind"), CODES)
async def test_every_code_has_its_error_and_no_call_is_placed_twice(
    status: int, code: int, kind: type[TwilioError]
) -> None:
    async with api() as (server, rest):
        server.callees[THEIRS] = Callee(error=(status, code))
        with pytest.raises(kind) as caught:
            await rest.call(request())
        assert type(caught.value) is kind
        assert (caught.value.status, caught.value.code) == (status, code)
        assert THEIRS not in str(caught.value) and ACCOUNT.auth_token not in str(caught.value)
        assert len(server.requests) == 1


async def test_the_api_checks_what_it_is_asked() -> None:
    async with api() as (server, rest):
        for wrong, kind in (
            (request(to="4155552671"), InvalidNumber),
            (request(from_="+14155550177"), NotPermitted),
            (request(timeout_s=601), Rejected),
        ):
            with pytest.raises(kind):
                await rest.call(wrong)
        assert not server.calls
    async with twilio_rest() as server, connected(Account("AC1", "wrong"), server.url) as rest:
        with pytest.raises(Unauthorized):
            await rest.send_sms(THEIRS, OWN, "hello")


async def test_too_many_requests_come_back_when_they_are_told_to() -> None:
    async with api() as (server, rest):
        server.refusals = [(429, 20429, {"Retry-After": "0"}), (429, 20429, {})]
        await rest.call(request())
        assert len(server.requests) == 3 and len(server.calls) == 1
        server.refusals = [(429, 20429, {"Retry-After": "3600"})]
        with pytest.raises(RateLimited) as caught:
            await rest.call(request())
        assert caught.value.retry_after_s == 3600
        assert len(server.requests) == 4


async def test_what_is_only_read_is_read_again() -> None:
    async with api() as (server, rest):
        server.refusals = [(500, 20500, {}), (503, 0, {})]
        assert await rest.account_status() == "active"
        assert len(server.requests) == 3


async def test_nobody_listens(unused_tcp_port: int) -> None:
    async with connected(ACCOUNT, f"http://127.0.0.1:{unused_tcp_port}") as rest:
        with pytest.raises(Unreachable):
            await rest.call(request())


async def test_a_post_that_nobody_answers_is_not_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may have been accepted: a second one could call somebody twice."""
    asked = 0
    over = asyncio.Event()

    async def silent(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        await over.wait()
        return web.Response()

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", silent)
    async with TestServer(application) as server:
        async with connected(ACCOUNT, str(server.make_url("")).rstrip("/")) as rest:
            await rest.warm()
            monkeypatch.setattr(http, "REQUEST_S", 0.3)
            with pytest.raises(Unconfirmed):
                await rest.call(request())
            assert asked == 1
        over.set()


async def test_a_connection_that_breaks_off_is_not_used_for_a_second_post() -> None:
    asked = 0

    async def broken(http: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        assert http.transport is not None
        http.transport.abort()
        return web.Response()

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", broken)
    async with TestServer(application) as server:
        async with connected(ACCOUNT, str(server.make_url("")).rstrip("/")) as rest:
            with pytest.raises(Unconfirmed):
                await rest.send_sms(THEIRS, OWN, "hello")
            assert asked == 1


@pytest.mark.parametrize("url", ["http://api.example.com", "ftp://127.0.0.1", "api.example.com"])
async def test_secrets_go_out_encrypted(url: str) -> None:
    with pytest.raises(ConfigurationError, match="api_url"):
        async with connected(ACCOUNT, url):
            pass


async def test_without_an_account_there_is_no_api() -> None:
    with pytest.raises(ConfigurationError, match="SID"):
        async with connected(Account("", "secret")):
            pass
    assert "secret" not in repr(Account("AC1", "secret"))
