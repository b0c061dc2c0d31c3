"""Where Deepgram is, and what its refusals mean."""

from collections.abc import Mapping

from voice_pipelines.errors import (
    ProviderBusy,
    ProviderError,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)

URL = "https://api.deepgram.com"


def refusal(provider: str, status: int, headers: Mapping[str, str]) -> ProviderError:
    """What an HTTP error means to us. Deepgram's prose stays out: it may quote what was said."""
    said = f"HTTP {status}"
    if status == 429:
        try:
            wait_ms = max(0, round(float(headers["retry-after"]) * 1000))
        except (KeyError, ValueError, OverflowError):
            return ProviderBusy(provider, said)
        return ProviderBusy(provider, said, wait_ms)
    if status == 408:
        return ProviderTimeout(provider, said)
    if status >= 500:
        return ProviderUnavailable(provider, said)
    return ProviderRefused(provider, said)
