"""What people are shown of webhooks: bounded, and nothing that is a key."""

import json

import pytest

from voice_agent.actions.exchange import LONGEST_SHOWN, answered, requested
from voice_agent.actions.secrets import HIDDEN, Secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/book", "https://a.example/book"),
        ("https://a.example/b?lang=en&day=1", "https://a.example/b?lang=en&day=1"),
        ("https://a.example/b?API_KEY=x&a", f"https://a.example/b?API_KEY={HIDDEN}&a"),
        ("https://a.example/b?code=x&author=y", f"https://a.example/b?code={HIDDEN}&author=y"),
        ("https://a.example/%5Bhidden%5D/b", f"https://a.example/{HIDDEN}/b"),
        ("https://a.example/b?token=", "https://a.example/b?token="),
    ],
)
def test_keys_in_an_address_are_hidden(url: str, shown: str) -> None:
    assert requested("GET", url, b"").url == shown


def test_keys_in_a_body_are_hidden_by_their_names() -> None:
    body = {
        "apiKey": "x",
        "auth": {"password": "y", "user": "ann"},
        "items": [{"access-token": "z", "code": "A7"}],
        "token": 7,
        "day": "Mon",
    }
    shown = requested("POST", "https://a.example/", json.dumps(body).encode())
    assert json.loads(shown.request) == {
        "apiKey": HIDDEN,
        "auth": {"password": HIDDEN, "user": "ann"},
        "items": [{"access-token": HIDDEN, "code": "A7"}],
        "token": 7,
        "day": "Mon",
    }


def test_bodies_are_cut() -> None:
    asked = requested("POST", "https://a.example/", json.dumps({"a": "x" * 9000}).encode())
    shown = answered(asked, 200, "y" * 9000)
    assert len(shown.request) == len(shown.response) == LONGEST_SHOWN
    assert shown.response.endswith("…") and shown.status == 200


def test_a_secret_is_found_however_it_is_written() -> None:
    value = 'a"b/c d'
    secrets = Secrets(["KEY"], {"KEY": value})
    echo = f"{value} {json.dumps(value)} a%22b%2Fc%20d"
    assert secrets.hide(echo) == f'{HIDDEN} "{HIDDEN}" {HIDDEN}'
    assert secrets.hide("Bearer other", ["other"]) == f"Bearer {HIDDEN}"
    assert secrets.masked().value("KEY") == HIDDEN and secrets.value("KEY") == value
