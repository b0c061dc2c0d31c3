"""What a vendor's HTTP error means to us: one table for all of them.

::

    400 413 414 422        ProviderRejected      this request is wrong; another may do
    408                    ProviderTimeout
    429, 503 that tells when to come back
                           ProviderBusy
    409 425 5xx            ProviderUnavailable
    401 402 403 404 …      ProviderRefused       key, money, permission, model or voice

A vendor's own code is believed before the status, as vendors disagree about statuses: a spent quota
is OpenAI's 429 and ElevenLabs' 401, an unknown model is a 404 or a 400. The codes are those of
https://platform.openai.com/docs/guides/error-codes, https://console.groq.com/docs/errors,
https://elevenlabs.io/docs/eleven-api/resources/errors (with the older names of
https://help.elevenlabs.io/hc/en-us/articles/19572237925521) and
https://developers.deepgram.com/docs/errors. Their prose stays out: it quotes keys and prompts.
"""

import re
from collections.abc import Mapping

from voice_pipelines.errors import (
    ProviderBusy,
    ProviderError,
    ProviderGarbled,
    ProviderRefused,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)

_REJECTED_STATUSES = frozenset({400, 413, 414, 422})
_UNAVAILABLE_STATUSES = frozenset({409, 425})

_REJECTED_CODES = frozenset(
    {
        "content_filter",
        "content_policy_violation",
        "context_length_exceeded",
        "invalid_input_message",
        "max_character_limit_exceeded",
        "string_above_max_length",
        "text_too_long",
    }
)
_REFUSED_CODES = frozenset(
    {
        "asr_payment_required",
        "billing_hard_limit_reached",
        "billing_not_active",
        "detected_unusual_activity",
        "feature_not_available",
        "insufficient_credits",
        "insufficient_permissions",
        "insufficient_quota",
        "invalid_api_key",
        "invalid_auth",
        "invalid_voice_settings",
        "missing_permissions",
        "model_decommissioned",
        "model_not_found",
        "needs_authorization",
        "quota_exceeded",
        "unsupported_model",
        "voice_not_found",
    }
)
_BUSY_CODES = frozenset(
    {
        "concurrent_limit_exceeded",
        "max_active_conversations",
        "rate_limit_exceeded",
        "rate_limited",
        "system_busy",
        "too_many_concurrent_requests",
    }
)

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def http_error(
    provider: str, status: int, headers: Mapping[str, str], code: str | None = None
) -> ProviderError:
    """What the answer to a request means. The names of `headers` are in lower case, or ignore it.

    `code` is the vendor's own, if its answer has one.
    """
    code = _clean_code(code)
    said = f"HTTP {status}" + (f" ({code})" if code else "")
    known = (code or "").lower()
    wait_ms = _retry_after_ms(headers)
    # No waiting brings back a spent quota.
    if known in _REFUSED_CODES:
        return ProviderRefused(provider, said, status=status)
    if known in _REJECTED_CODES:
        return ProviderRejected(provider, said, status=status)
    if status == 429 or known in _BUSY_CODES or (status == 503 and wait_ms is not None):
        return ProviderBusy(provider, said, wait_ms, status=status)
    if status == 408:
        return ProviderTimeout(provider, said, status=status)
    if status in _UNAVAILABLE_STATUSES or status >= 500:
        return ProviderUnavailable(provider, said, status=status)
    if status in _REJECTED_STATUSES:
        return ProviderRejected(provider, said, status=status)
    return ProviderRefused(provider, said, status=status)


def handshake_error(provider: str, status: int, headers: Mapping[str, str]) -> ProviderError:
    """What the answer to a WebSocket's handshake means.

    A handshake carries our settings and nothing of the call, so the next would be as wrong.
    """
    if status < 400:
        return ProviderGarbled(provider, f"HTTP {status} instead of a WebSocket", status=status)
    error = http_error(provider, status, headers)
    if isinstance(error, ProviderRejected):
        return ProviderRefused(provider, f"HTTP {status}", status=status)
    return error


def code_error(provider: str, code: object) -> ProviderError:
    """What an error in the midst of an answer means, of which there is only the vendor's `code`.

    Some put an HTTP status there. A code that is not known is a breakdown: if it comes back again
    and again, so it will be judged.
    """
    if isinstance(code, int | str) and re.fullmatch(r"[45]\d\d", str(code)):
        return http_error(provider, int(code), {})
    name = _clean_code(code) or "error"
    known = name.lower()
    if known in _REFUSED_CODES:
        return ProviderRefused(provider, name)
    if known in _REJECTED_CODES:
        return ProviderRejected(provider, name)
    if known in _BUSY_CODES:
        return ProviderBusy(provider, name)
    return ProviderUnavailable(provider, name)


def _clean_code(code: object) -> str | None:
    """`code` if it is one; whatever else a vendor puts there may quote what was said."""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def _retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """RFC 9110 10.2.3 in seconds, or OpenAI's own in milliseconds. The date form is not read."""
    for header, unit in (("retry-after-ms", 1), ("retry-after", 1000)):
        try:
            return max(0, round(float(headers[header]) * unit))
        except (KeyError, ValueError, OverflowError):
            continue
    return None
