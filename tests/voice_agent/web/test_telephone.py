"""The carrier's webhooks about outgoing calls and transfers, over HTTP."""

import aiohttp
import pytest

from tests.voice_agent.telephony.on_the_line import PUBLIC, telephone
from tests.voice_agent.telephony.twilio_rest import ACCOUNT
from voice_agent.telephony.outgoing import Wanted
from voice_agent.telephony.signature import HEADER, sign_form

PATHS = [
    "/twilio/outgoing/x/status",
    "/twilio/outgoing/x/machine",
    "/twilio/transfer/x/screen",
    "/twilio/transfer/x/accept",
    "/twilio/transfer/x/machine",
    "/twilio/transfer/x/ended",
]
FORM = {"CallSid": "CA1", "CallStatus": "busy", "AnsweredBy": "machine_start", "Digits": "1"}


@pytest.mark.parametrize("path", PATHS)
async def test_webhooks_must_be_signed(path: str) -> None:
    async with telephone() as line, aiohttp.ClientSession(line.url) as http:
        for signature in (
            None,
            "rubbish",
            sign_form(f"{PUBLIC}{path}", FORM, "another token"),
            sign_form(f"{line.url}{path}", FORM, ACCOUNT.auth_token),
            sign_form(f"{PUBLIC}{path}", {**FORM, "Digits": "2"}, ACCOUNT.auth_token),
        ):
            headers = {HEADER: signature} if signature else {}
            async with http.post(path, data=FORM, headers=headers) as response:
                assert response.status == 403
        right = {HEADER: sign_form(f"{PUBLIC}{path}", FORM, ACCOUNT.auth_token)}
        async with http.post(path, data=FORM, headers=right) as response:
            assert response.status in (200, 204)
            assert "Connect" not in await response.text()
        async with http.get(path) as response:
            assert response.status == 405
        async with http.post(path, json=FORM, headers=right) as response:
            assert response.status == 415


async def test_a_carrier_that_fails_does_not_fail_its_own_webhook() -> None:
    """It would only ask again."""
    async with telephone() as line, aiohttp.ClientSession(line.url) as http:
        placed = await line.dialer.call(Wanted("rachel", "+14155552671", "key 1"))
        line.carrier.refusals = [(400, 21220, {})]
        path = f"/twilio/outgoing/{placed.id}/machine"
        form = {"CallSid": placed.call_sid, "AnsweredBy": "fax"}
        headers = {HEADER: sign_form(f"{PUBLIC}{path}", form, ACCOUNT.auth_token)}
        async with http.post(path, data=form, headers=headers) as response:
            assert response.status == 204
        assert not line.carrier.refusals


async def test_without_an_auth_token_nothing_is_checked() -> None:
    async with telephone(secret="") as line, aiohttp.ClientSession(line.url) as http:
        async with http.post(PATHS[0], data=FORM) as response:
            assert response.status == 204
