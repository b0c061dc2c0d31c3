"""Which browsers are known, and for whom."""

from voice_agent.access.known_browsers import KnownBrowsers


def test_a_browser_is_known_for_one_name_however_it_is_written() -> None:
    browsers = KnownBrowsers("north")
    first, second = browsers.sign("Ann Lee"), browsers.sign("Ann Lee")
    numbers = browsers.number(first, "ann  LEE"), browsers.number(second, "Ann Lee")
    assert all(numbers) and numbers[0] != numbers[1], "each counts for itself"
    assert browsers.number(first, "Bob") == ""


def test_what_is_not_signed_here_is_nothing() -> None:
    browsers = KnownBrowsers("north")
    signed = browsers.sign("Ann")
    assert KnownBrowsers("south").number(signed, "Ann") == ""
    assert KnownBrowsers("north", life_s=-1).number(signed, "Ann") == ""
    for text in ("", "x", "x.y.z", signed[:-2], "\udcff"):
        assert browsers.number(text, "Ann") == ""
