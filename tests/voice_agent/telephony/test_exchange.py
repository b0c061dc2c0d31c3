"""What a server puts together of the telephone."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from voice_agent.errors import ConfigurationError
from voice_agent.sections import OutgoingSettings, ServerSettings
from voice_agent.settings import Settings
from voice_agent.telephony.exchange import carrier, do_not_call_list
from voice_agent.telephony.live import Ticket, tickets

KEYS = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "secret"}
PUBLIC = Settings(server=ServerSettings(public_url="https://agent.example.com"))


def test_the_list_of_those_who_are_not_called(tmp_path: Path) -> None:
    """S004-89."""
    path = tmp_path / "list.txt"
    outgoing = OutgoingSettings(do_not_call_file=str(path))
    path.write_text("\ufeff+1 415 555 2671  # asked us\n\n# nobody\n+442079460958\n", "utf-8")
    listed = do_not_call_list(outgoing)
    assert listed.numbers == {"+14155552671", "+442079460958"}
    assert do_not_call_list(OutgoingSettings()).numbers == set()
    path.write_text("+14155552671\nmy mother\n")
    with pytest.raises(ConfigurationError, match="line 2"):
        do_not_call_list(outgoing)
    path.unlink()
    with pytest.raises(ConfigurationError, match="do_not_call_file"):
        do_not_call_list(outgoing)


@pytest.mark.parametrize(
    ("settings", "environment"),
    [
        (PUBLIC, {}),
        (PUBLIC, {"TWILIO_AUTH_TOKEN": "secret"}),
        (PUBLIC, {"TWILIO_ACCOUNT_SID": "AC1"}),
        (Settings(), KEYS),
    ],
)
async def test_without_an_account_or_an_address_there_is_no_carrier(
    settings: Settings, environment: dict[str, str]
) -> None:
    async with carrier(settings, environment) as rest:
        assert rest is None


async def test_with_both_there_is_one() -> None:
    async with carrier(PUBLIC, KEYS) as rest:
        assert rest is not None and rest.account_sid == "AC1"


def test_a_ringing_call_keeps_its_token_until_it_may_be_answered() -> None:
    """S004-87."""
    store = tickets(Settings(outgoing=OutgoingSettings(ring_s=30)))
    answered, ringing = Ticket("+1"), Ticket("+2")
    first, second = store.issue(answered, 0), store.issue(ringing, 0, ringing=True)
    assert store.redeem(first, 60_001) is None
    assert store.redeem(second, 89_999) is ringing
    assert store.redeem(second, 89_999) is None
    third = store.issue(answered, 90_000)
    assert store.redeem(third, 90_001) is answered
    assert store.redeem("guess", 90_001) is None


WRONG: list[dict[str, Any]] = [
    {"countries": ["us"]},
    {"countries": ["USA"]},
    {"prefixes": ["1415"]},
    {"prefixes": ["+1 415"]},
    {"from_number": "4155550100"},
    {"contacts": {"desk": "extension 9"}},
    {"rates": {"+44": -1}},
    {"calling_hours": "8-21"},
    {"calling_hours": "08:00-24:00"},
    {"calling_days": [0]},
    {"ring_s": 601},
    {"calls_per_day": -1},
    {"press_keys": "loudly"},
]


@pytest.mark.parametrize("section", WRONG)
def test_settings_that_would_not_limit_anything_are_errors(section: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(section, OutgoingSettings)
