"""What actions do to a telephone call."""

from xml.etree import ElementTree

import pytest

from tests.voice_agent.telephony.on_the_line import DESK, OWN, THEIRS, telephone
from tests.voice_agent.telephony.twilio_rest import Callee
from voice_agent.telephony.effects import keys_of, tones
from voice_codecs.dtmf import Detector
from voice_codecs.g711 import mulaw_to_pcm


async def test_hanging_up_waits_for_the_last_word() -> None:
    """S004-64, S004-83."""
    async with telephone() as line:
        live = line.connected()
        told = await line.effects(live).hang_up()
        assert live.told == ["end agent_hung_up"] and "finished speaking" in told


async def test_transfers_are_told_in_a_sentence() -> None:
    """S004-82."""
    async with telephone(contacts={"front desk": DESK}) as line:
        live = line.connected()
        effects = line.effects(live, "front desk")
        assert "not transferred there" in await effects.transfer("+12125551213")
        assert "being transferred" in await effects.transfer("Front Desk")
        line.carrier.refusals = [(400, 21220, {})]
        assert "not in progress" in await effects.transfer("front desk")


async def test_the_model_is_told_nothing_that_is_for_operators() -> None:
    async with telephone(countries=(), calls_per_caller_hour=0) as line:
        live = line.connected()
        effects = line.effects(live, DESK)
        told = [await effects.transfer(DESK), await effects.send_sms("hello")]
        line.guard.limits.contacts["bad"] = "+19005550123"
        told.append(await line.effects(live, "bad").transfer("bad"))
        assert all("not allowed" in text for text in told)
        assert not any(mark in text for text in told for mark in "`+_/")
        line.carrier.refusals = [(400, 21220, {})]
        told = [await line.effects(live).press_keys("1")]
        assert told == ["No key was pressed. The call is not in progress."]


async def test_a_text_message_goes_to_the_other_party() -> None:
    """S004-84."""
    async with telephone(texts_per_number_day=2) as line:
        live = line.connected()
        effects = line.effects(live)
        assert await effects.send_sms("Your table is booked.") == "The message was sent."
        expected = {"To": THEIRS, "From": OWN, "Body": "Your table is booked."}
        assert line.carrier.messages == [expected]
        line.carrier.callees[THEIRS] = Callee(error=(400, 21610))
        assert "asked not to be texted" in await effects.send_sms("Once more.")
        assert "too often" in await effects.send_sms("And again.")
        for wrong in ("", "  ", "x" * 1601):
            assert "characters" in await effects.send_sms(wrong)
        live.remote = ""
        assert "not known" in await effects.send_sms("Hello?")
        assert len(line.carrier.messages) == 1


async def test_keys_are_dialed_by_the_carrier_and_the_conversation_goes_on() -> None:
    """S004-65, S004-85."""
    async with telephone() as line:
        live = line.connected()
        assert await line.effects(live).press_keys([5, "#"]) == "The keys were pressed."
        assert live.told == ["spoken", "leaves"]
        orders = ElementTree.fromstring(line.call(live.call_sid).twiml[-1])
        assert [verb.tag for verb in orders] == ["Play", "Connect", "Hangup"]
        assert orders[0].get("digits") == "5#"
        parameters = {node.get("name"): node.get("value", "") for node in orders[1][0]}
        ticket = line.tickets.redeem(parameters["token"], line.clock.now())
        assert ticket is not None and ticket.resumes == live.conversation_id
        line.carrier.refusals = [(400, 21220, {})]
        assert "No key was pressed" in await line.effects(live).press_keys("1")
        assert live.told[-1] == "stays"


async def test_keys_are_played_as_tones_where_that_is_set() -> None:
    """S004-65, S004-85."""
    async with telephone(press_keys="in-band") as line:
        live = line.connected()
        assert await line.effects(live).press_keys(["5"]) == "The keys were pressed."
        assert Detector().push(mulaw_to_pcm(live.played)) == "5"
        assert line.carrier.requests == []


def test_every_key_sounds_as_it_should() -> None:
    """S004-85."""
    keys = "1234567890*#"
    assert Detector().push(mulaw_to_pcm(tones(keys))) == keys
    assert len(tones("1w2")) - len(tones("12")) == 4000


@pytest.mark.parametrize(
    ("written", "keys"),
    [
        ([5], "5"),
        (["5", "#"], "5#"),
        ("12w3", "12w3"),
        ([1, 2, 3], "123"),
        ([" 4 "], "4"),
        ([], None),
        ("w", None),
        (["A"], None),
        (["+1"], None),
        ([True], None),
        ([5.5], None),
        ([-1], None),
        (["５"], None),
        ("1" * 33, None),
        (['5"/><Dial>'], None),
    ],
)
def test_what_counts_as_keys(written: list[object], keys: str | None) -> None:
    """S004-65."""
    assert keys_of(written) == keys
