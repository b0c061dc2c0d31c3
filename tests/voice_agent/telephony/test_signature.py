import base64
import hashlib
import hmac

import pytest
from multidict import MultiDict

from voice_agent.telephony.signature import (
    sign_handshake,
    valid_body,
    valid_form,
    valid_handshake,
)

# The example of https://www.twilio.com/docs/usage/security
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def signed(text: str, algorithm: str = "sha1", key: str = "12345") -> str:
    """The definition, written out."""
    return base64.b64encode(hmac.new(key.encode(), text.encode(), algorithm).digest()).decode()


def test_the_documented_form() -> None:
    assert valid_form(URL, FORM, SIGNATURE, "12345")


@pytest.mark.parametrize(
    ("url", "form", "signature", "token"),
    [
        (URL, FORM, SIGNATURE, "54321"),
        (URL, FORM | {"Digits": "1235"}, SIGNATURE, "12345"),
        (URL, FORM | {"Extra": ""}, SIGNATURE, "12345"),
        (URL.replace("bar=2", "bar=3"), FORM, SIGNATURE, "12345"),
        (URL.replace("https", "http"), FORM, SIGNATURE, "12345"),
        (URL, FORM, "", "12345"),
        (URL, FORM, "Ä" * 28, "12345"),
    ],
)
def test_anything_else_is_refused(
    url: str, form: dict[str, str], signature: str, token: str
) -> None:
    assert not valid_form(url, form, signature, token)


def test_a_get_is_signed_by_its_url() -> None:
    assert valid_form(URL, {}, signed(URL), "12345")


def test_a_shared_key_signs_with_sha256() -> None:
    text = URL + "".join(key + FORM[key] for key in sorted(FORM))
    settings = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
    assert valid_form(URL, FORM, signed(text, "sha256"), "12345", settings)
    assert not valid_form(URL, FORM, SIGNATURE, "12345", settings)


def test_a_repeated_key_is_signed_with_its_distinct_values_sorted() -> None:
    form = MultiDict([("Event", "b"), ("Event", "a"), ("Event", "b")])
    assert valid_form(
        "https://a.example/x", form, signed("https://a.example/xEventaEventb"), "12345"
    )


def test_json_is_signed_by_its_hash() -> None:
    body = '{"digits": "12", "name": "Zoë"}'.encode()
    url = f"https://a.example/hook?bodySHA256={hashlib.sha256(body).hexdigest()}"
    assert valid_body(url, body, signed(url), "12345")
    assert not valid_body(url, body + b" ", signed(url), "12345")
    assert not valid_body(url, b"\xff", signed(url), "12345")


def test_json_without_a_hash_is_refused() -> None:
    assert not valid_body(
        "https://a.example/hook", b"{}", signed("https://a.example/hook"), "12345"
    )


@pytest.mark.parametrize(
    ("configured", "opened"),
    [
        ("wss://a.example/media", "wss://a.example/media"),
        ("wss://a.example/media", "wss://a.example:443/media"),
        ("wss://a.example:443/media", "wss://a.example/media"),
        ("wss://a.example:8443/media", "wss://a.example:8443/media"),
        ("wss://[::1]/media", "wss://[::1]:443/media"),
        ("ws://127.0.0.1:8080/media", "ws://127.0.0.1:8080/media"),
    ],
)
def test_a_handshake_with_and_without_its_port(configured: str, opened: str) -> None:
    assert sign_handshake(opened, "12345") == signed(opened)
    assert valid_handshake(configured, sign_handshake(opened, "12345"), "12345")


@pytest.mark.parametrize(
    "opened",
    [
        "https://a.example/media",
        "wss://a.example:80/media",
        "wss://a.example/media/",
        "wss://b.example/media",
    ],
)
def test_a_handshake_for_another_url_is_refused(opened: str) -> None:
    assert not valid_handshake("wss://a.example/media", sign_handshake(opened, "12345"), "12345")


@pytest.mark.parametrize("signature", ["", "Ä", "x" * 28])
def test_a_handshake_with_a_wrong_signature_is_refused(signature: str) -> None:
    assert not valid_handshake("wss://a.example/media", signature, "12345")


def test_a_handshake_with_a_port_of_its_own_has_one_spelling() -> None:
    signature = sign_handshake("wss://a.example/media", "12345")
    assert not valid_handshake("wss://a.example:8443/media", signature, "12345")
