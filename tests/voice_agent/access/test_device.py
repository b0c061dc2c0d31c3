"""What browsers are called."""

import pytest

from voice_agent.access.device import device

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537 (KHTML) Chrome/140 Safari/537"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_0) AppleWebKit/605 Version/19 Safari/605"
ANDROID = "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/140 Mobile Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (CHROME, "Chrome on Linux"),
        (MAC, "Safari on macOS"),
        (ANDROID, "Chrome on Android"),
        (CHROME + " Edg/140", "Edge on Linux"),
        ("curl/8.5", "curl"),
        ("Some<b>thing/1.0", "Some"),
        ("", ""),
        ("\u202eevil", ""),
    ],
)
def test_the_name_of_a_device(user_agent: str, name: str) -> None:
    assert device(user_agent) == name
