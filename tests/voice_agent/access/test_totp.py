"""Codes: the RFC's own examples, clocks that are wrong, recovery codes."""

from datetime import UTC, datetime, timedelta

import pytest

from voice_agent.access import totp

# RFC 6238, appendix B, SHA-1: "12345678901234567890", the last six of its eight digits.
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
EXAMPLES = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


@pytest.mark.parametrize(("seconds", "code"), EXAMPLES)
def test_the_codes_of_the_rfc(seconds: int, code: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    assert totp.step_of(SECRET, code, now) == seconds // 30


def test_a_clock_may_be_one_step_wrong() -> None:
    now = datetime.fromtimestamp(1111111111, UTC)
    steps = [
        totp.step_of(SECRET, "050471", now + timedelta(seconds=30 * drift))
        for drift in (-2, -1, 0, 1, 2)
    ]
    assert steps == [None, 37037037, 37037037, 37037037, None]


@pytest.mark.parametrize("code", ["", "50471", "0050471", "05047a", "٠٥٠٤٧١", "-50471", "1" * 99])
def test_what_is_no_code(code: str) -> None:
    assert totp.step_of(SECRET, code, datetime.fromtimestamp(1111111111, UTC)) is None


def test_a_code_may_be_typed_with_a_space() -> None:
    assert totp.step_of(SECRET, " 050 471", datetime.fromtimestamp(1111111111, UTC)) is not None


def test_what_the_app_reads() -> None:
    secret = totp.new_secret()
    assert len(secret) == 32 and secret != totp.new_secret()
    address = totp.uri(secret, "Ann & Bob", "Voice agent example.com")
    assert address.startswith("otpauth://totp/") and f"secret={secret}" in address
    svg = totp.qr(address)
    assert svg.startswith("<svg") and "script" not in svg


def test_a_recovery_code_is_found_however_it_is_typed() -> None:
    codes = totp.new_recovery_codes()
    assert len(set(codes)) == 10 and all(len(code) == 19 for code in codes)
    code = codes[0]
    for typed in (code.upper(), code.replace("-", ""), f" {code.replace('-', ' ')} "):
        assert totp.recovery_digest(typed) == totp.recovery_digest(code)
    assert totp.recovery_digest(codes[1]) != totp.recovery_digest(code)
