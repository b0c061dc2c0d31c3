"""What a report tells, over recorded calls and turns made by hand."""

from pathlib import Path

import pytest

from voice_agent.calls.journal_file import load
from voice_agent.sections import PriceSettings
from voice_agent.telemetry.figures import CallFigures, figures
from voice_agent.telemetry.report.summary import Report, Spread, heard_and_not, report
from voice_agent.telemetry.turns import Turn
from voice_agent.telemetry.usage import CallUsage

JOURNALS = Path(__file__).parents[3] / "journals"
NAMES = ("llm_killed", "barge_in", "normal")


def recorded(prices: PriceSettings | None = None) -> Report:
    calls = [(name, figures(load(JOURNALS / f"{name}.jsonl"))) for name in NAMES]
    return report(calls, prices or PriceSettings())


def answer(number: int, first_audio: int) -> Turn:
    return Turn(number, started=0, speech_ended=0, released=100, first_audio=first_audio)


def call(*turns: Turn, started: str = "2026-11-22T10:00:00Z") -> tuple[str, CallFigures]:
    return "a.jsonl", CallFigures("CA1", started, 9000, "goodbye", turns, CallUsage())


def test_calls_come_in_the_order_in_which_they_began() -> None:
    assert [one.file for one in recorded().calls] == ["normal", "barge_in", "llm_killed"]


def test_what_nobody_heard_does_not_count_in_the_distributions() -> None:
    """An answer that was given up and tried again was not what the caller waited for."""
    unheard = Turn(2, started=0, speech_ended=0, released=60_000)
    found = report([call(answer(1, 400), unheard)], PriceSettings())
    spreads = {spread.name: spread.values for spread in found.spreads()}
    assert spreads == {"first_audio": (400,), "endpointing": (100,)}


def test_the_slowest_answers_of_all_calls_come_first() -> None:
    first = call(answer(2, 300), answer(3, 900))
    second = call(answer(2, 700), Turn(1, released=0, first_audio=9999))
    found = report([first, second], PriceSettings())
    assert [turn.first_audio_ms for _, turn in found.slowest(2)] == [900, 700]


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 10), (0.5, 20), (0.51, 30), (0.95, 40), (1.0, 40)]
)
def test_quantiles_are_values_that_were_measured(share: float, value: int) -> None:
    assert Spread("stt", (10, 20, 30, 40)).quantile(share) == value


@pytest.mark.parametrize(
    ("heard", "parts"),
    [
        ("", ("", "Yes, until  ten.")),
        ("Yes,", ("Yes,", "until  ten.")),
        ("Yes, until  ten.", ("Yes, until  ten.", "")),
        ("Yes, until ten.", ("Yes, until ten.", "")),
    ],
)
def test_what_was_heard_and_what_was_not(heard: str, parts: tuple[str, str]) -> None:
    assert heard_and_not(Turn(1, agent_text="Yes, until  ten.", heard_text=heard)) == parts


def test_costs_add_up_and_are_not_claimed_without_prices() -> None:
    assert recorded().cost() is None
    priced = recorded(PriceSettings(stt=0.06, tts=1.0, currency="EUR"))
    total = priced.cost()
    assert total is not None and total.currency == "EUR"
    assert total.total == pytest.approx(sum(one.cost.total for one in priced.calls if one.cost))
    assert total.stt == pytest.approx(
        sum(one.figures.duration_ms for one in priced.calls) * 0.06 / 60_000
    )


def test_the_json_tells_the_same() -> None:
    told = recorded().as_json()
    barge_in = told["calls"][1]
    assert barge_in["reason"] == "caller_left" and barge_in["interruptions"] == 1
    turn = barge_in["turns"][1]
    assert turn["heard"] and turn["not_heard"] and turn["interrupted"]
    sending, heard = turn["stages"]["sending"], turn["stages"]["heard"]
    assert sending["end_ms"] == heard["start_ms"]
    assert told["first_audio_and_stages"]["first_audio"]["count"] == 7
    assert told["cost"] is None
