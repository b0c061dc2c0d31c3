"""What is added to the vendors' time: the arithmetic, and the structure of a short run."""

import msgspec
import pytest

from bench.cloud import Moments, Plan, judge, measure, moments, parts
from bench.vendors.faults import Api
from bench.vendors.service import Delays, Seen

SAID = "tell me about ba bi please"
# The answer's first clause is "You said tell me about ba bi please,": 8 tokens.
DELAYS = Delays(stt_final_ms=150, llm_first_ms=250, llm_tokens_per_s=100, tts_first_ms=120)


def turn(words_known: float, first_audio: float) -> Moments:
    return Moments(
        said=SAID,
        end_of_speech=10.0,
        pause_told=10.061,
        words_known=words_known,
        llm_asked=words_known + 0.004,
        clause=words_known + 0.004 + 0.323,
        voice_asked=words_known + 0.004 + 0.325,
        voice_began=words_known + 0.004 + 0.446,
        first_audio=first_audio,
    )


def test_the_bound_is_the_slower_of_decision_and_speculation() -> None:
    verdict = judge(turn(10.211, 10.660), 200, 60, DELAYS)
    assert verdict.speculation_ms == pytest.approx(211 + 250 + 70 + 120)
    assert verdict.added_ms == pytest.approx(660 - 651)
    assert judge(turn(10.211, 10.660), 655, 60, DELAYS).added_ms == pytest.approx(5)


def test_words_that_were_known_before_the_pause_count_from_when_it_can_be_noticed() -> None:
    assert judge(turn(9.9, 10.6), 200, 60, DELAYS).speculation_ms == pytest.approx(60 + 440)


def test_each_step_is_told_beyond_the_vendors_time() -> None:
    told = parts([turn(10.211, 10.670)], 60, DELAYS)
    expected: dict[str, float] = {
        "pause": 1,
        "recognizer": 0,
        "words to LLM": 4,
        "LLM": 3,
        "clause to voice": 2,
    }
    expected |= {"voice": 1, "audio to caller": 10.670 * 1000 - 10_661}
    assert told == pytest.approx(expected)


def test_a_turn_with_a_step_that_nobody_saw_is_not_judged() -> None:
    seen = [Seen(1.0, Api.LISTEN, "asked", SAID)]
    assert list(moments([None], seen, Api.SPEAK)) == []


async def test_two_calls_are_measured() -> None:
    soon = Delays(stt_final_ms=30, llm_first_ms=30, llm_tokens_per_s=500, tts_first_ms=30)
    result = await measure(Plan(2, 10.0, 1, "elevenlabs", ("endpointing.fixed_ms=300",), soon))
    assert result.turns > 0
    assert (result.unanswered, result.failed_calls, result.unseen) == (0, 0, 0)
    assert result.decision_ms.p50 == 300
    assert result.added_ms.p95 is not None
    told = msgspec.json.decode(msgspec.json.encode(result))
    assert {"p50", "p95"} <= told["added_ms"].keys()
