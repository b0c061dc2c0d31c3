"""Usage times prices."""

import pytest

from voice_agent.sections import PriceSettings
from voice_agent.telemetry.cost import estimate
from voice_agent.telemetry.usage import CallUsage

USAGE = CallUsage(
    requests=3,
    counted=3,
    input_tokens=3_000_000,
    cached_tokens=1_000_000,
    output_tokens=500_000,
    characters=20_000,
    listened_ms=90_000,
)


def test_every_stage_by_its_unit() -> None:
    prices = PriceSettings(
        currency="EUR", llm_input=0.4, llm_cached=0.1, llm_output=1.6, tts=0.05, stt=0.0077
    )
    cost = estimate(USAGE, prices)
    assert cost is not None
    assert cost.llm == pytest.approx(0.8 + 0.1 + 0.8)
    assert cost.tts == pytest.approx(1.0)
    assert cost.stt == pytest.approx(0.01155)
    assert cost.total == pytest.approx(2.71155)
    assert str(cost) == "2.7116 EUR"


def test_cached_tokens_cost_as_much_as_others_unless_said_otherwise() -> None:
    cost = estimate(USAGE, PriceSettings(llm_input=1.0))
    free = estimate(USAGE, PriceSettings(llm_input=1.0, llm_cached=0.0))
    assert cost is not None and free is not None
    assert (cost.llm, free.llm) == (3.0, 2.0)


def test_without_prices_nothing_is_claimed() -> None:
    assert estimate(USAGE, PriceSettings()) is None
