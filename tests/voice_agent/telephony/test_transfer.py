"""Cold transfers: what the caller and the conversation get, however they end."""

import asyncio
from xml.etree import ElementTree

import pytest

from tests.voice_agent.telephony.on_the_line import (
    DESK,
    HANG_S,
    OWN,
    THEIRS,
    NotedCall,
    Telephone,
    telephone,
)
from tests.voice_agent.telephony.twilio_rest import Callee
from voice_agent.telephony.destination import Reason, Refused
from voice_agent.telephony.errors import CallNotInProgress, Unconfirmed
from voice_agent.telephony.transfer import TransferOutcome, judged


async def transferred(line: Telephone, live: NotedCall) -> TransferOutcome:
    async with asyncio.timeout(HANG_S):
        await line.transfers.start(live, DESK, [DESK])
        await line.carrier.until(lambda: len(line.call(live.call_sid).twiml) == 2)
    return line.transferred[0]


async def test_the_caller_is_connected() -> None:
    """S004-82."""
    async with telephone() as line:
        live = line.connected()
        assert await transferred(line, live) is TransferOutcome.CONNECTED
        assert live.told == ["spoken", "leaves"]
        dial = ElementTree.fromstring(line.call(live.call_sid).twiml[0]).find("Dial")
        assert dial is not None and dial.findtext("Number") == DESK
        assert dial.get("callerId") == OWN and dial.get("timeout") == "25"
        assert dial.get("timeLimit") == "1800"
        assert line.call(live.call_sid).verbs == ["Hangup"]
        assert line.conversations.noted == ["transfer_connected"]


BACK: list[tuple[Callee, TransferOutcome, str]] = [
    (Callee(ends="busy"), TransferOutcome.BUSY, "busy"),
    (Callee(ends="no-answer"), TransferOutcome.NO_ANSWER, "Nobody answered"),
    (Callee(ends="failed"), TransferOutcome.FAILED, "not be reached"),
    (Callee(accepts=False), TransferOutcome.DECLINED, "could not take"),
    (
        Callee(accepts=False, answered_by="machine_start"),
        TransferOutcome.VOICEMAIL,
        "answering machine",
    ),
]


@pytest.mark.parametrize(("callee", "outcome", "words"), BACK)
async def test_the_caller_comes_back_and_the_agent_knows_why(
    callee: Callee, outcome: TransferOutcome, words: str
) -> None:
    """S004-82."""
    async with telephone() as line:
        line.carrier.callees[DESK] = callee
        live = line.connected()
        assert await transferred(line, live) is outcome
        (fact,) = line.conversations.noted
        assert words in fact
        back = ElementTree.fromstring(line.call(live.call_sid).twiml[-1])
        assert [verb.tag for verb in back] == ["Connect", "Hangup"]
        stream = back.find("./Connect/Stream")
        assert stream is not None
        given = {node.get("name"): node.get("value", "") for node in stream}
        assert given["from"] == THEIRS
        ticket = line.tickets.redeem(given["token"], line.clock.now())
        assert ticket is not None and ticket.resumes == live.conversation_id


async def test_without_screening_a_voicemail_still_does_not_get_the_caller() -> None:
    async with telephone(transfer_screening=False) as line:
        line.carrier.callees[DESK] = Callee(answered_by="machine_start")
        live = line.connected()
        assert await transferred(line, live) is TransferOutcome.VOICEMAIL
        assert "url=" not in line.call(live.call_sid).twiml[0]


async def test_when_the_carrier_does_not_do_it_the_call_goes_on() -> None:
    async with telephone(minutes_per_day=30) as line:
        live = line.connected()
        line.carrier.refusals = [(400, 21220, {})]
        with pytest.raises(CallNotInProgress):
            await line.transfers.start(live, DESK, [DESK])
        assert live.told == ["spoken", "leaves", "stays"]
        # Nothing was used up by it.
        assert await transferred(line, live) is TransferOutcome.CONNECTED


async def test_a_transfer_that_nobody_confirmed_can_still_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with telephone() as line:
        line.carrier.callees[DESK] = Callee(ends="busy")
        live = line.connected()
        redirect = line.rest.redirect

        async def late(sid: str, orders: str) -> None:
            await redirect(sid, orders)
            raise Unconfirmed("Twilio did not answer in time.")

        monkeypatch.setattr(line.rest, "redirect", late)
        with pytest.raises(Unconfirmed):
            await line.transfers.start(live, DESK, [DESK])
        assert live.told == ["spoken", "leaves"]
        async with asyncio.timeout(HANG_S):
            await line.carrier.until(lambda: len(line.call(live.call_sid).twiml) == 2)
        assert line.call(live.call_sid).verbs == ["Connect", "Hangup"]


async def test_nobody_is_transferred_elsewhere() -> None:
    """S004-82."""
    async with telephone() as line:
        live = line.connected()
        for target in ("+12125551213", "+19005550123", "the operator", ""):
            with pytest.raises(Refused) as caught:
                await line.transfers.start(live, target, [DESK])
            assert caught.value.reason is Reason.NOT_LISTED
        assert live.told == [] and line.carrier.requests == []


async def test_webhooks_of_unknown_transfers_and_repeated_ones() -> None:
    async with telephone() as line:
        line.carrier.callees[DESK] = Callee(ends="busy")
        live = line.connected()
        await transferred(line, live)
        (ended,) = [url for url, _, _ in line.carrier.webhooks if url.endswith("/ended")]
        transfer_id = ended.split("/")[-2]
        again = await line.transfers.ended(transfer_id, {"DialCallStatus": "completed"})
        assert "<Connect>" in again and len(line.conversations.noted) == 1
        assert line.transfers.accept(transfer_id, "2") == line.transfers.screen("unknown")
        assert "Hangup" in await line.transfers.ended("unknown", {})
        await line.transfers.answered("unknown", "CA1", "machine_start")


JUDGED: list[tuple[tuple[str, str, bool, bool, bool], TransferOutcome]] = [
    (("completed", "in-progress", True, True, False), TransferOutcome.CONNECTED),
    (("completed", "completed", True, True, False), TransferOutcome.CONNECTED),
    (("completed", "completed", False, False, False), TransferOutcome.CONNECTED),
    (("answered", "in-progress", False, False, False), TransferOutcome.CONNECTED),
    (("completed", "in-progress", True, True, True), TransferOutcome.CONNECTED),
    (("completed", "in-progress", True, False, True), TransferOutcome.VOICEMAIL),
    (("no-answer", "in-progress", True, False, True), TransferOutcome.VOICEMAIL),
    (("completed", "in-progress", True, False, False), TransferOutcome.DECLINED),
    (("no-answer", "in-progress", True, False, False), TransferOutcome.NO_ANSWER),
    (("busy", "in-progress", True, False, False), TransferOutcome.BUSY),
    (("failed", "in-progress", True, False, False), TransferOutcome.FAILED),
    (("canceled", "in-progress", True, False, False), TransferOutcome.FAILED),
    (("", "in-progress", True, False, False), TransferOutcome.FAILED),
    (("no-answer", "completed", True, False, False), TransferOutcome.CALLER_LEFT),
    (("canceled", "completed", True, False, False), TransferOutcome.CALLER_LEFT),
    (("completed", "completed", True, False, True), TransferOutcome.CALLER_LEFT),
]


@pytest.mark.parametrize(("said", "outcome"), JUDGED)
def test_what_the_carrier_says_is_judged(
    said: tuple[str, str, bool, bool, bool], outcome: TransferOutcome
) -> None:
    assert judged(*said) is outcome
