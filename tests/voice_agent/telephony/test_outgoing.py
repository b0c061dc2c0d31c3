"""Outgoing calls through the real SDK, the loopback carrier and its signed webhooks."""

import asyncio
from xml.etree import ElementTree

import pytest

from tests.voice_agent.telephony.on_the_line import (
    HANG_S,
    OWN,
    PUBLIC,
    THEIRS,
    NotedCall,
    Telephone,
    telephone,
)
from tests.voice_agent.telephony.twilio_rest import Call, Callee, Stream
from voice_agent.errors import ConfigurationError
from voice_agent.telephony.destination import Reason, Refused
from voice_agent.telephony.errors import InvalidNumber
from voice_agent.telephony.outgoing import Ended, Outcome, Wanted
from voice_agent.telephony.rest import CallState

WANTED = Wanted("rachel", "+1 (415) 555-2671", "key 1", {"userId": "u1"})


async def ended(line: Telephone, wanted: Wanted = WANTED) -> Ended:
    async with asyncio.timeout(HANG_S):
        placed = await line.dialer.call(wanted)
        return await line.dialer.outcome(placed.id)


async def test_a_call_reaches_the_agent_with_its_persona_and_details() -> None:
    """S004-87, S004-88."""
    async with telephone() as line:
        redeemed = []

        async def stream(call: Call, stream: Stream) -> None:
            assert stream.url == "wss://agent.example.com/twilio/media"
            assert stream.parameters["from"] == THEIRS
            token = stream.parameters["token"]
            redeemed.append(line.tickets.redeem(token, line.clock.now()))
            redeemed.append(line.tickets.redeem(token, line.clock.now()))

        line.carrier.on_stream = stream
        async with asyncio.timeout(HANG_S):
            placed = await line.dialer.call(WANTED)
            end = await line.dialer.outcome(placed.id)
        call = line.call(placed.call_sid)
        assert (call.to, call.from_) == (THEIRS, OWN)
        assert call.form["Record"] == "false"
        assert call.verbs == ["Connect", "Hangup"]
        ticket, again = redeemed
        assert ticket is not None and again is None
        assert (ticket.persona, ticket.remote, ticket.own) == ("rachel", THEIRS, OWN)
        assert ticket.details == {"userId": "u1"} and ticket.outgoing == placed.id
        assert end.outcome is Outcome.ANSWERED and end.seconds == 61
        assert line.ended == [end]
        assert "u1" not in call.twiml[0], "details stay on the server"


@pytest.mark.parametrize(
    ("how", "outcome"),
    [
        ("busy", Outcome.BUSY),
        ("no-answer", Outcome.NO_ANSWER),
        ("failed", Outcome.FAILED),
        ("canceled", Outcome.CANCELED),
    ],
)
async def test_how_a_call_ends(how: str, outcome: Outcome) -> None:
    """S004-87."""
    async with telephone() as line:
        line.carrier.callees[THEIRS] = Callee(ends=how)  # type: ignore[arg-type]
        end = await ended(line)
        assert (end.outcome, end.seconds) == (outcome, 0)


async def test_a_machine_gets_the_message_in_the_agents_voice() -> None:
    async with telephone() as line:
        line.carrier.callees[THEIRS] = Callee(answered_by="machine_end_beep")
        left = asyncio.Event()

        class Speaking(NotedCall):
            def leave_message(self, text: str) -> None:
                super().leave_message(text)
                left.set()

        async def stream(call: Call, stream: Stream) -> None:
            live = line.live[call.sid] = Speaking(call.sid)
            await left.wait()
            assert live.told == ["message Please call us back."]

        line.carrier.on_stream = stream
        wanted = Wanted("rachel", THEIRS, "key 1", voicemail_message="Please call us back.")
        end = await ended(line, wanted)
        assert end.outcome is Outcome.MACHINE
        assert line.call(end.call_sid).form["MachineDetection"] == "DetectMessageEnd"
        assert line.call(end.call_sid).form["AsyncAmd"] == "true"


async def test_a_machine_gets_the_message_also_without_a_stream() -> None:
    async with telephone() as line:
        line.carrier.callees[THEIRS] = Callee(answered_by="machine_end_silence")
        wanted = Wanted("rachel", THEIRS, "key 1", voicemail_message="Please call us back.")
        end = await ended(line, wanted)
        assert end.outcome is Outcome.MACHINE
        said = ElementTree.fromstring(line.call(end.call_sid).twiml[-1]).findtext("Say")
        assert said == "Please call us back."


@pytest.mark.parametrize("answered_by", ["machine_start", "fax"])
async def test_without_a_message_machines_are_hung_up_on(answered_by: str) -> None:
    async with telephone() as line:
        line.carrier.callees[THEIRS] = Callee(answered_by=answered_by)
        end = await ended(line)
        assert end.outcome is Outcome.MACHINE
        assert line.call(end.call_sid).form["MachineDetection"] == "Enable"


@pytest.mark.parametrize("answered_by", ["human", "unknown", "something new", ""])
async def test_people_are_left_to_the_agent(answered_by: str) -> None:
    async with telephone() as line:
        line.carrier.callees[THEIRS] = Callee(answered_by=answered_by)

        async def stream(call: Call, stream: Stream) -> None:
            line.live[call.sid] = NotedCall(call.sid)
            await line.carrier.until(
                lambda: any(url.endswith("/machine") for url, _, _ in line.carrier.webhooks)
            )

        line.carrier.on_stream = stream
        end = await ended(line)
        assert end.outcome is Outcome.ANSWERED
        assert line.live[end.call_sid].told == []


async def test_what_is_not_allowed_never_reaches_the_carrier() -> None:
    """S004-89."""
    async with telephone(do_not_call=(THEIRS,)) as line:
        for to, reason in (
            (THEIRS, Reason.DO_NOT_CALL),
            ("+19005550123", Reason.KIND),
            (OWN, Reason.OWN_NUMBER),
            ("+442079460958", Reason.COUNTRY),
        ):
            with pytest.raises(Refused) as caught:
                await line.dialer.call(Wanted("rachel", to, "key 1"))
            assert caught.value.reason is reason
        assert line.carrier.requests == []


async def test_a_call_that_the_carrier_refuses_uses_up_no_minutes() -> None:
    async with telephone(minutes_per_day=30) as line:
        line.carrier.callees[THEIRS] = Callee(error=(400, 21214))
        with pytest.raises(InvalidNumber):
            await line.dialer.call(WANTED)
        line.carrier.callees.clear()
        await line.dialer.call(WANTED)
        with pytest.raises(Refused) as caught:
            await line.dialer.call(WANTED)
        assert caught.value.reason is Reason.MINUTES


async def test_a_ringing_call_can_be_canceled() -> None:
    async with telephone() as line:
        placed = await line.dialer.call(WANTED)
        await line.dialer.cancel(placed.id)
        async with asyncio.timeout(HANG_S):
            end = await line.dialer.outcome(placed.id)
        assert end.outcome in (Outcome.CANCELED, Outcome.ANSWERED)


async def test_a_webhook_that_got_lost_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voice_agent.telephony.outgoing._LOOK_S", 0.05)
    async with telephone() as line:
        line.carrier.reach = ""
        line.carrier.callees[THEIRS] = Callee(ends="busy")
        assert (await ended(line)).outcome is Outcome.BUSY


async def test_a_call_of_which_nothing_is_known_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("voice_agent.telephony.outgoing._LOOK_S", 0.05)
    monkeypatch.setattr("voice_agent.telephony.outgoing._SPARE_MS", -10_000_000)
    async with telephone() as line:
        line.carrier.reach = ""
        placed = await line.dialer.call(WANTED)
        line.carrier.calls.clear()
        async with asyncio.timeout(HANG_S):
            assert (await line.dialer.outcome(placed.id)).outcome is Outcome.FAILED


async def test_without_a_number_to_call_from_nobody_is_called() -> None:
    async with telephone(from_number="") as line:
        with pytest.raises(ConfigurationError, match="from_number"):
            await line.dialer.call(WANTED)
        own = Wanted("rachel", THEIRS, "key 1", from_number=OWN)
        assert (await line.dialer.call(own)).to == THEIRS


async def test_an_end_is_told_once_and_strangers_are_ignored() -> None:
    async with telephone() as line:
        line.carrier.callees[THEIRS] = Callee(ends="busy")
        end = await ended(line)
        again = {"CallSid": end.call_sid, "CallStatus": "completed", "CallDuration": "9"}
        await line.dialer.status_changed(end.id, again)
        await line.dialer.status_changed("unknown", again)
        await line.dialer.answered("unknown", "machine_start")
        await line.dialer.answered(end.id, "machine_start")
        assert line.ended == [end]
        assert await line.rest.call_state(end.call_sid) == CallState(end.call_sid, "busy", 0)


async def test_webhooks_have_the_configured_origin() -> None:
    async with telephone() as line:
        line.carrier.callees[THEIRS] = Callee(ends="no-answer")
        await ended(line)
        urls = {url for url, _, _ in line.carrier.webhooks}
        assert urls and all(url.startswith(f"{PUBLIC}/twilio/outgoing/") for url in urls)
