"""Whole calls with the local models: a server process, real speech, the telephone's codec."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.talk import (
    ADDRESS,
    DOGS,
    GOODBYE,
    LONG,
    PRICE,
    Call,
    Caller,
    caller,
    histories,
    spoken,
    understood,
    words_missed,
)
from voice_agent.telemetry.turns import turns
from voice_pipelines.conversation.commands import HangUp
from voice_pipelines.conversation.journal import first_difference
from voice_pipelines.conversation.policy import Phrases

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module")]

RECOVERIES = {Phrases().filler, Phrases().apology, Phrases().broken_off}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def somebody(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Caller]:
    async with caller(tmp_path_factory.mktemp("local")) as person:
        yield person


def replays(call: Call) -> bool:
    return first_difference(call.journal) is None


async def test_a_conversation_from_greeting_to_goodbye(somebody: Caller) -> None:
    call = await somebody.calls(*map(somebody.says, (PRICE, ADDRESS, GOODBYE)))
    record = call.record
    assert not record.unanswered
    assert [turn.label for turn in record.turns] == [PRICE, ADDRESS, GOODBYE]
    assert record.underruns.over_40_ms == 0, record.gaps
    assert replays(call)

    answers = [turn for turn in turns(call.journal.entries) if turn.is_answer]
    assert len(answers) == 3 and not any(turn.interrupted for turn in answers)
    assert all(turn.heard_text == turn.agent_text != "" for turn in answers)
    # What really came out of the line is what the agent believes to have said.
    edges = [*(int(turn.ended_ms) for turn in record.turns), int(record.duration_ms)]
    parts = [record.heard_mulaw[a * 8 : b * 8] for a, b in zip(edges, edges[1:], strict=False)]
    meant = [turn.agent_text for turn in answers]
    heard = await understood(parts)
    assert words_missed(" ".join(meant), " ".join(heard)) <= 0.2, (meant, heard)

    assert record.hung_up_by_agent and record.close_code == 1000
    assert [c.reason for _, c in call.journal.commands() if isinstance(c, HangUp)] == ["goodbye"]


async def test_a_caller_who_interrupts(somebody: Caller) -> None:
    call = await somebody.calls(somebody.says(LONG), somebody.says(DOGS, barge_in_after_ms=1000))
    assert not call.record.unanswered and replays(call)
    [cut] = call.record.barge_ins
    assert cut.silence_after_ms < 600

    interrupted, *_ = (turn for turn in turns(call.journal.entries) if turn.interrupted)
    heard, meant = interrupted.heard_text.split(), interrupted.agent_text.split()
    assert 0 < len(heard) < len(meant) and meant[: len(heard)] == heard
    last = histories(call.journal)[-1].history
    assert [message.role for message in last[-2:]] == ["assistant", "user"]
    assert last[-2].text == interrupted.heard_text


async def test_the_language_model_is_killed_in_mid_call(somebody: Caller) -> None:
    steps = map(somebody.says, (PRICE, DOGS, ADDRESS))
    call = await somebody.calls(*steps, kill_llm_after=PRICE)
    assert somebody.server.process.returncode is None
    assert replays(call)
    first, *later = call.record.turns
    assert first.latency_ms is not None and first.latency_ms < 4000
    assert RECOVERIES & set(spoken(call.journal))
    assert all(turn.latency_ms is not None for turn in later)
    *_, last = (turn for turn in turns(call.journal.entries) if turn.is_answer)
    assert "address" in last.user_text.lower() and last.heard_text
