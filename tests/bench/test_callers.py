import random

from bench.callers import Lived, judge, script_of
from bench.utterances import tone
from voice_agent.telephony.caller import Utterance
from voice_agent.telephony.carrier import CallEvent, CallRecord, Happening
from voice_agent.telephony.line import SAMPLES_PER_MS, SILENCE, Gap, Underruns
from voice_agent.telephony.measure import Spoken


def silence(ms: int) -> bytes:
    return SILENCE * (ms * SAMPLES_PER_MS)


def record(*, answer_at: int | None, clear_at: int | None = None) -> CallRecord:
    """Ten seconds in which the caller speaks from 1000 to 2000 and the agent from `answer_at`."""
    sent = silence(1000) + tone(1000) + silence(8000)
    heard = silence(10_000)
    if answer_at is not None:
        heard = (silence(answer_at) + tone(500)).ljust(len(sent), SILENCE)
    clears = () if clear_at is None else (CallEvent(clear_at, Happening.CLEAR),)
    return CallRecord(
        call_sid="CA",
        stream_sid="MZ",
        duration_ms=10_000,
        sent_mulaw=sent,
        heard_mulaw=heard,
        spoken=(Spoken("3", 8000, 16_000),),
        unanswered=(),
        events=clears,
        underruns=Underruns(1, 1, 50.0),
        gaps=(Gap(5000 * SAMPLES_PER_MS, 50 * SAMPLES_PER_MS, False),),
        discarded_ms=0,
        hung_up_by_agent=False,
        close_code=1000,
        close_reason="",
        worst_lateness_ms=0,
    )


def test_an_answer_is_timed_from_the_last_voiced_sample() -> None:
    heard = judge([Lived(0, record(answer_at=2250))], 0, 0, 10, [])
    ((said, latency),) = heard.first_audio_ms
    assert said == 3
    assert 250 <= latency < 251
    assert (heard.unanswered, heard.cut_in, heard.gaps_ms) == (0, 0, [50])


def test_a_turn_without_an_answer_counts() -> None:
    assert judge([Lived(0, record(answer_at=None))], 0, 0, 10, []).unanswered == 1


def test_an_answer_before_the_caller_has_finished_has_no_latency() -> None:
    heard = judge([Lived(0, record(answer_at=1800))], 0, 0, 10, [])
    assert (heard.cut_in, heard.first_audio_ms, heard.unanswered) == (1, [], 0)


def test_an_interruption_is_timed_from_the_sending_of_its_first_frame() -> None:
    heard = judge([Lived(0, record(answer_at=700, clear_at=1120))], 0, 0, 10, [])
    assert heard.clear_ms == [100]
    assert judge([Lived(0, record(answer_at=700))], 0, 0, 10, []).missed_clears == 1


def test_what_lies_outside_the_window_is_not_judged() -> None:
    heard = judge([Lived(0, record(answer_at=None))], 2, 3, 10, [])
    assert (heard.unanswered, heard.calls, heard.failed) == (0, 3, 2)
    assert judge([Lived(6, record(answer_at=None))], 0, 0, 10, []).unanswered == 0


def test_every_third_answer_is_interrupted() -> None:
    script = script_of([tone(600), tone(800)], random.Random(1), 9000)
    cuts = [
        step.barge_in_after_ms is not None for step in script.steps if isinstance(step, Utterance)
    ]
    assert cuts[:6] == [False, False, True, False, False, True]
    assert script == script_of([tone(600), tone(800)], random.Random(1), 9000)
