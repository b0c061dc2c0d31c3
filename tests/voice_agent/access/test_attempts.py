"""Delays after failures, and what an address counts as."""

from datetime import UTC, datetime, timedelta

import pytest

from voice_agent.access.attempts import Track, TryLater, network_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_delay_doubles_up_to_the_longest() -> None:
    track = Track("k", 3, timedelta(minutes=1))
    waits = [track.wait(failures, NOW, NOW).total_seconds() for failures in range(12)]
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert track.wait(10**9, NOW, NOW) == timedelta(minutes=1)


def test_the_delay_ends() -> None:
    track = Track("k", 0, timedelta(minutes=1))
    assert track.wait(2, NOW, NOW + timedelta(seconds=3)) == timedelta(seconds=1)
    assert track.wait(2, NOW, NOW + timedelta(seconds=4)) == timedelta(0)
    assert track.wait(2, NOW, NOW + timedelta(days=1)) == timedelta(0)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_what_an_address_counts_as(address: str, network: str) -> None:
    assert network_of(address) == network


def test_the_wait_is_told_in_whole_seconds() -> None:
    assert TryLater(timedelta(milliseconds=1)).seconds == 1
    assert "61 s" in str(TryLater(timedelta(seconds=60, milliseconds=1)))
