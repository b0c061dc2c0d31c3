"""What a call costs by the configured prices: an estimate, as the providers' bills decide."""

from dataclasses import dataclass

from ..sections import PriceSettings
from .usage import CallUsage

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """The estimated cost of one or more calls, by stage."""

    llm: float
    tts: float
    stt: float
    currency: str

    @property
    def total(self) -> float:
        return self.llm + self.tts + self.stt

    def __str__(self) -> str:
        return f"{self.total:.4f} {self.currency}"


def estimate(usage: CallUsage, prices: PriceSettings) -> Cost | None:
    """What `usage` costs; None if no price is configured."""
    cached = prices.llm_input if prices.llm_cached is None else prices.llm_cached
    if not any((prices.llm_input, cached, prices.llm_output, prices.tts, prices.stt)):
        return None
    llm = (
        (usage.input_tokens - usage.cached_tokens) * prices.llm_input
        + usage.cached_tokens * cached
        + usage.output_tokens * prices.llm_output
    ) / _MILLION
    return Cost(
        llm,
        usage.characters * prices.tts / 1000,
        usage.listened_ms * prices.stt / 60_000,
        prices.currency,
    )
