"""Deepgram's Flux models: turns, and how sure they are that one has ended."""

import asyncio
import json
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from deepgram.listen.v2.types import (
        ListenV2Connected,
        ListenV2FatalError,
        ListenV2ForceEndTurn,
        ListenV2TurnInfo,
    )

from tests.loopback import loopback
from tests.pipelines.providers.heard import Heard
from voice_codecs.pcm import MULAW_8K
from voice_pipelines.errors import ProviderError, ProviderGarbled, ProviderUnavailable
from voice_pipelines.ports import Hypothesis
from voice_pipelines.providers.deepgram import DeepgramSpeechToText
from voice_pipelines.providers.deepgram_flux import (
    FORCE_END_TURN,
    FluxTranscript,
    TurnInfo,
    query,
    read_message,
)

WIRE = Path(__file__).parents[2] / "wire" / "deepgram"
SECOND = MULAW_8K.bytes_for(1000)


def golden(name: str) -> str:
    return (WIRE / f"flux_{name}.json").read_text()


def turn(name: str) -> TurnInfo:
    message = read_message("deepgram", golden(name))
    assert isinstance(message, TurnInfo)
    return message


# Without a network -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("connected", ListenV2Connected),
        ("start", ListenV2TurnInfo),
        ("update", ListenV2TurnInfo),
        ("eager", ListenV2TurnInfo),
        ("resumed", ListenV2TurnInfo),
        ("end", ListenV2TurnInfo),
        ("silence", ListenV2TurnInfo),
        ("error", ListenV2FatalError),
    ],
)
def test_the_golden_messages_are_what_the_sdk_knows(
    name: str, kind: type[ListenV2Connected | ListenV2TurnInfo | ListenV2FatalError]
) -> None:
    kind.model_validate(json.loads(golden(name)), strict=True)


def test_the_order_to_end_a_turn_is_what_the_sdk_sends() -> None:
    assert json.loads(FORCE_END_TURN) == ListenV2ForceEndTurn(type="ForceEndTurn").model_dump()


def test_what_is_asked_for() -> None:
    asked = query("flux-general-en", "en", ["lasagna"])
    assert ("encoding", "mulaw") in asked
    assert ("sample_rate", "8000") in asked
    assert ("keyterm", "lasagna") in asked
    assert "language_hint" not in dict(asked), "the English model takes none"
    assert dict(query("flux-general-multi", "de", ()))["language_hint"] == "de"


def test_the_words_of_a_turn_grow_and_are_told_when_they_change() -> None:
    words = FluxTranscript()
    assert words.take(turn("start")) == Hypothesis("Do you", None)
    assert words.take(turn("update")) == Hypothesis("Do you have", None)
    assert words.take(turn("update")) is None
    assert words.provisional


def test_a_request_is_answered_when_everything_was_heard() -> None:
    words = FluxTranscript()
    words.take(turn("start"))
    assert words.settle(1, SECOND * 120 // 100) is None
    assert words.waiting == 1
    assert words.take(turn("update")) == Hypothesis("Do you have", 1, 0.05)
    assert words.waiting is None


def test_a_request_for_what_was_heard_already_is_answered_at_once() -> None:
    words = FluxTranscript()
    words.take(turn("update"))
    assert words.settle(1, SECOND) == Hypothesis("Do you have", 1, 0.05)


def test_a_request_is_answered_when_the_turn_ends_whatever_comes_after_it() -> None:
    words = FluxTranscript()
    assert words.settle(1, 10 * SECOND) is None
    assert words.take(turn("eager")) == Hypothesis("Do you have a table?", 1, 0.46)


def test_growing_certainty_is_told_after_the_answer() -> None:
    words = FluxTranscript()
    words.settle(1, 10 * SECOND)
    words.take(turn("eager"))
    assert words.take(turn("resumed")) == Hypothesis("Do you have a table?", None, 0.12)
    assert words.take(turn("end")) == Hypothesis("Do you have a table?", None, 0.81)
    assert not words.provisional


def test_a_turn_that_flux_ended_goes_on_in_the_next() -> None:
    words = FluxTranscript()
    words.take(turn("end"))
    assert words.take(turn("silence")) is None
    more = TurnInfo("Update", 1, 3.5, "For four.", 0.3)
    assert words.take(more) == Hypothesis("Do you have a table? For four.", None)


def test_words_that_were_taken_do_not_come_back() -> None:
    words = FluxTranscript()
    words.take(turn("eager"))
    words.reset(SECOND * 18 // 10)
    assert words.take(turn("end")) is None, "the end of a turn that was ended by us"
    assert words.text == ""
    untimed = TurnInfo("Update", 1, 3.5, "For four.", 0.3)
    assert words.take(untimed) == Hypothesis("For four.", None)


def test_words_without_times_are_told_apart_by_their_turn() -> None:
    words = FluxTranscript()
    words.take(TurnInfo("Update", 0, 1.0, "Do you", 0.1))
    words.reset(SECOND)
    assert words.settle(1, 2 * SECOND) is None
    assert words.take(TurnInfo("EndOfTurn", 0, 1.2, "Do you", 0.9)) is None
    assert words.take(TurnInfo("Update", 1, 2.0, "For", 0.2)) == Hypothesis("For", 1, 0.2)


def test_half_a_turn_that_was_taken_leaves_the_other_half() -> None:
    words = FluxTranscript()
    words.take(turn("update"))
    words.reset(SECOND * 9 // 10)
    assert words.take(turn("eager")) == Hypothesis("a table?", None, 0.46)


def test_a_new_connection_counts_from_where_its_audio_begins() -> None:
    words = FluxTranscript()
    words.take(turn("end"))
    assert words.understood == SECOND * 24 // 10
    words.connected(2 * SECOND)
    words.take(TurnInfo("Update", 0, 1.5, "For four.", 0.3))
    assert words.heard == SECOND * 35 // 10
    assert words.text == "Do you have a table? For four."


def test_the_beginning_of_a_long_turn_survives_a_lost_connection() -> None:
    words = FluxTranscript()
    words.take(turn("update"))
    words.connected(SECOND * 8 // 10)
    assert words.text == "Do you"
    assert words.take(TurnInfo("Update", 0, 0.9, "have a table?", 0.3)) == Hypothesis(
        "Do you have a table?", None
    )


def test_what_is_not_needed_again_is_let_go() -> None:
    words = FluxTranscript()
    words.take(turn("update"))
    assert words.understood == 0, "the turn would have to be heard again, all of it"
    words.take(turn("end"))
    words.take(TurnInfo("Update", 1, 60.0, "", 0.0))
    assert words.understood == SECOND * 595 // 10


def test_errors_are_typed_and_quote_nothing() -> None:
    error = read_message("deepgram", golden("error"))
    assert isinstance(error, ProviderUnavailable)
    assert "INTERNAL_SERVER_ERROR" in str(error)
    assert "table" not in str(error)
    assert read_message("deepgram", golden("connected")) is None
    with pytest.raises(ProviderGarbled):
        read_message("deepgram", '{"type": "TurnInfo"}')


# The connection ----------------------------------------------------------------------------------


class Flux:
    """Hears, and does what `play` says."""

    def __init__(self, play: "Play") -> None:
        self.play = play
        self.heard = 0
        self.said: list[str] = []
        self.told = asyncio.Event()
        """Something was said."""
        self.requests: list[web.Request] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        ws = web.WebSocketResponse(timeout=0.1)
        await ws.prepare(request)
        await self.play(self, ws)
        return ws

    async def until_heard(self, ws: web.WebSocketResponse, size: int) -> None:
        while self.heard < size:
            await self.receive(ws)

    async def until_said(self, ws: web.WebSocketResponse, kind: str) -> None:
        while kind not in self.said:
            await self.receive(ws)

    async def receive(self, ws: web.WebSocketResponse) -> None:
        message = await ws.receive()
        if message.type is WSMsgType.BINARY:
            self.heard += len(message.data)
        elif message.type is WSMsgType.TEXT:
            self.said.append(json.loads(message.data)["type"])
            self.told.set()
        else:
            self.said.append("CloseStream")  # It has left without a word.


Play = Callable[[Flux, web.WebSocketResponse], Awaitable[None]]


@asynccontextmanager
async def flux(play: Play) -> AsyncIterator[tuple[Flux, DeepgramSpeechToText]]:
    server = Flux(play)
    app = web.Application()
    app.router.add_get("/v2/listen", server.answer)
    async with asyncio.timeout(20), loopback(app) as url:
        model = "flux-general-en"
        yield server, DeepgramSpeechToText("a-key", model=model, base_url=url, keyterms=["table"])


async def test_a_turn_from_its_first_word_to_its_end() -> None:
    async def play(server: Flux, ws: web.WebSocketResponse) -> None:
        await ws.send_str(golden("connected"))
        await server.until_heard(ws, SECOND)
        await ws.send_str(golden("start"))
        await server.until_heard(ws, 2 * SECOND)
        await ws.send_str(golden("eager"))
        await ws.send_str(golden("end"))
        await server.until_said(ws, "ForceEndTurn")
        await server.until_said(ws, "CloseStream")

    reports = Heard()
    async with flux(play) as (server, stt), stt.listen(reports) as ear:
        ear.voiced(True)
        ear.feed(bytes(SECOND))
        assert await reports.next() == Hypothesis("Do you", None)
        ear.feed(bytes(SECOND))
        ear.voiced(False)
        ear.settle(1)
        assert await reports.next() == Hypothesis("Do you have a table?", 1, 0.46)
        assert await reports.next() == Hypothesis("Do you have a table?", None, 0.81)
        ear.reset()
        ear.feed(bytes(160))
        await server.told.wait()
    query = server.requests[0].query
    assert query["model"] == "flux-general-en"
    assert server.said[0] == "ForceEndTurn", "and nothing that it does not know"


async def test_flux_that_says_nothing_is_answered_for_in_time() -> None:
    async def play(server: Flux, ws: web.WebSocketResponse) -> None:
        await server.until_said(ws, "CloseStream")

    reports = Heard()
    async with flux(play) as (_, stt):
        stt.patience_ms, stt.stall_ms = 20, 40
        async with stt.listen(reports) as ear:
            ear.voiced(True)
            ear.feed(bytes(SECOND))
            ear.voiced(False)
            ear.settle(1)
            report = await reports.next()
            while isinstance(report, ProviderError) and "silent" not in str(report):
                report = await reports.next()
            assert isinstance(report, ProviderUnavailable)
