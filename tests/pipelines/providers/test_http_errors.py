"""One table of HTTP errors for all vendors."""

import pytest

from voice_pipelines.errors import (
    ProviderBusy,
    ProviderError,
    ProviderGarbled,
    ProviderRefused,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
)
from voice_pipelines.providers.http_errors import code_error, handshake_error, http_error


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ProviderRejected),
        (401, ProviderRefused),
        (402, ProviderRefused),
        (403, ProviderRefused),
        (404, ProviderRefused),
        (408, ProviderTimeout),
        (409, ProviderUnavailable),
        (413, ProviderRejected),
        (422, ProviderRejected),
        (429, ProviderBusy),
        (500, ProviderUnavailable),
        (503, ProviderUnavailable),
        (529, ProviderUnavailable),
    ],
)
def test_a_status_becomes_a_typed_error(status: int, error: type[ProviderError]) -> None:
    said = http_error("x", status, {})
    assert type(said) is error
    assert said.status == status


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "context_length_exceeded", ProviderRejected),
        (400, "model_decommissioned", ProviderRefused),
        (400, "voice_not_found", ProviderRefused),
        (401, "max_character_limit_exceeded", ProviderRejected),
        (401, "quota_exceeded", ProviderRefused),
        (429, "insufficient_quota", ProviderRefused),
        (403, "content_policy_violation", ProviderRejected),
        (402, "ASR_PAYMENT_REQUIRED", ProviderRefused),
        (429, "system_busy", ProviderBusy),
    ],
)
def test_the_vendors_code_is_believed_before_the_status(
    status: int, code: str, error: type[ProviderError]
) -> None:
    said = http_error("x", status, {}, code)
    assert type(said) is error
    assert code in str(said)


def test_prose_in_place_of_a_code_is_not_repeated() -> None:
    assert str(http_error("x", 400, {}, "The key sk-1 is wrong")) == "x: HTTP 400"
    assert "Hi there" not in str(code_error("x", "Hi there!"))


def test_the_wait_is_read_in_milliseconds_seconds_or_not_at_all() -> None:
    def wait(headers: dict[str, str]) -> int | None:
        busy = http_error("x", 429, headers)
        assert isinstance(busy, ProviderBusy)
        return busy.retry_after_ms

    assert wait({"retry-after-ms": "150", "retry-after": "1"}) == 150
    assert wait({"retry-after": "0.5"}) == 500
    assert wait({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}) is None
    assert wait({"retry-after": "inf"}) is None
    assert wait({}) is None


def test_an_overloaded_server_that_tells_when_to_come_back_is_busy() -> None:
    busy = http_error("x", 503, {"retry-after": "2"})
    assert isinstance(busy, ProviderBusy)
    assert busy.retry_after_ms == 2000


def test_a_handshake_that_is_wrong_is_wrong_for_every_call() -> None:
    assert type(handshake_error("x", 400, {})) is ProviderRefused
    assert type(handshake_error("x", 503, {})) is ProviderUnavailable
    assert type(handshake_error("x", 200, {})) is ProviderGarbled


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("quota_exceeded", ProviderRefused),
        ("text_too_long", ProviderRejected),
        ("max_active_conversations", ProviderBusy),
        ("internal_error", ProviderUnavailable),
        ("a_new_one", ProviderUnavailable),
        (429, ProviderBusy),
        ("502", ProviderUnavailable),
        (None, ProviderUnavailable),
    ],
)
def test_an_error_midway_is_typed_by_its_code(code: object, error: type[ProviderError]) -> None:
    assert type(code_error("x", code)) is error
