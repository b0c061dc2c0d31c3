"""Whether calls reach a persona, against the loopback carrier and a real front."""

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from tests.voice_agent.telephony.test_setup import OWN, front
from tests.voice_agent.telephony.twilio_rest import ACCOUNT, twilio_rest
from voice_agent import telephone_check
from voice_agent.personas.persona import Persona, Telephone
from voice_agent.personas.repository import StoredPersona
from voice_agent.settings import Settings, load
from voice_agent.telephone_check import TelephoneCheck
from voice_agent.telephony.rest import connected
from voice_agent.web.api.ports import AccountNumber, TelephoneFound

KEYS = {"TWILIO_AUTH_TOKEN": ACCOUNT.auth_token}


def stored(*numbers: str, published: bool = True) -> StoredPersona:
    persona = Persona(name="Ann", telephone=Telephone(numbers=numbers))
    now = datetime.now(UTC)
    kept = persona if published else None
    return StoredPersona("p1", "Ann", persona, kept, int(published), "1", now, now)


def settings(public_url: str = "") -> Settings:
    loaded = load("scripted.toml", (), {}).settings
    return msgspec.structs.replace(
        loaded, server=msgspec.structs.replace(loaded.server, public_url=public_url)
    )


def by_name(found: TelephoneFound) -> dict[str, bool]:
    return {each.name: each.ok for each in found.findings}


async def test_a_number_that_reaches_the_persona(unused_tcp_port: int) -> None:
    """S004-81: the webhook's address, and what is right and wrong with each field."""
    async with (
        front(unused_tcp_port) as urls,
        twilio_rest() as carrier,
        connected(ACCOUNT, carrier.url) as rest,
    ):
        carrier.own(OWN, voice_url="https://demo.twilio.com/welcome")
        check = TelephoneCheck(settings(urls.public_url), KEYS, rest)
        found = await check.check(stored(OWN))
        assert found.webhook_url == urls.voice
        assert found.numbers == [AccountNumber(OWN, "https://demo.twilio.com/welcome", False)]
        assert by_name(found) == {
            "published": True,
            "account": True,
            "number_webhook": False,
            "webhook": True,
            "unsigned": True,
            "media": True,
        }
        carrier.numbers[OWN]["voice_url"] = urls.voice
        found = await check.check(stored(OWN))
        assert all(by_name(found).values()) and found.numbers[0].here


async def test_a_persona_without_a_number_has_an_address_of_its_own(unused_tcp_port: int) -> None:
    async with (
        front(unused_tcp_port) as urls,
        twilio_rest() as carrier,
        connected(ACCOUNT, carrier.url) as rest,
    ):
        found = await TelephoneCheck(settings(urls.public_url), KEYS, rest).check(stored())
        assert found.webhook_url == f"{urls.voice}?persona=p1"
        assert by_name(found)["webhook"] and not by_name(found)["number"]


async def test_what_is_not_set_up_is_told() -> None:
    found = await TelephoneCheck(settings(), {}, None).check(stored(published=False))
    assert (found.webhook_url, found.numbers) == ("", ())
    assert by_name(found) == {"published": False, "public_url": False}
    found = await TelephoneCheck(settings("https://a.example"), {}, None).check(stored(OWN))
    assert by_name(found) == {"published": True, "account": False}
    assert "TWILIO_ACCOUNT_SID" in found.findings[-1].text
    moved = replace(stored(OWN), draft=stored("+14155550177").draft)
    found = await TelephoneCheck(settings(), {}, None).check(moved)
    assert by_name(found)["published"] is False


async def test_a_carrier_that_does_not_answer_in_time(
    unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telephone_check, "_LIMIT_S", 0)
    async with twilio_rest() as carrier, connected(ACCOUNT, carrier.url) as rest:
        check = TelephoneCheck(settings(f"http://127.0.0.1:{unused_tcp_port}"), KEYS, rest)
        assert by_name(await check.check(stored(OWN))) == {"published": True, "time": False}
