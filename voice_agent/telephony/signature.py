"""Who really sent a webhook or opened a media socket: Twilio's request signatures.

URLs are those that the carrier was given, built from the *configured* public origin and never from
headers of the request, with the query exactly as received. Source:
https://www.twilio.com/docs/usage/security#validating-requests
"""

import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

HEADER = "X-Twilio-Signature"
SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings"
"""Names the algorithm if the webhook was signed with a shared key; without it, HMAC-SHA1."""

_DEFAULT_PORTS = {"ws": 80, "wss": 443}


def valid_form(
    url: str, form: Mapping[str, str], signature: str, auth_token: str, settings: str = ""
) -> bool:
    """Whether a POST with all the parameters `form` was signed with `auth_token`.

    A GET is one with an empty form: its parameters are part of `url`. If keys repeat, `form` must
    be a multi-dict with `getall`, as aiohttp's is. `settings` is the value of `SETTINGS_HEADER`.
    """
    return _validate(url, form, signature, auth_token, settings)


def valid_body(url: str, body: bytes, signature: str, auth_token: str, settings: str = "") -> bool:
    """Whether a POST of raw JSON was signed: `url` carries the hash of `body` as ``bodySHA256``."""
    if "bodySHA256" not in parse_qs(urlsplit(url).query):
        return False  # Without the hash the signature says nothing about the body.
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False
    return _validate(url, text, signature, auth_token, settings)


def valid_handshake(url: str, signature: str, auth_token: str) -> bool:
    """Whether the WebSocket handshake to `url` (``wss://…``, as in the TwiML) was signed.

    The carrier may or may not have spelled out the default port, so both spellings are tried. (The
    SDK would try port 80 for ``wss``.)
    """
    if not signature.isascii():
        return False
    return any(
        hmac.compare_digest(sign_handshake(spelling, auth_token), signature)
        for spelling in _spellings(url)
    )


def sign_handshake(url: str, auth_token: str) -> str:
    """The signature that Twilio sends when it opens `url`."""
    return str(_validator(auth_token).compute_signature(url, {}))


def sign_form(url: str, form: Mapping[str, str], auth_token: str) -> str:
    """The header with which a carrier posts `form` to the webhook `url`."""
    signature: str = _validator(auth_token).compute_signature(url, dict(form))
    return signature


def _validate(
    url: str, params: Mapping[str, str] | str, signature: str, auth_token: str, settings: str
) -> bool:
    from twilio.request_validator import get_signature_algorithm  # type: ignore[import-untyped]

    algorithm = get_signature_algorithm(settings)
    try:
        return bool(_validator(auth_token).validate(url, params, signature, algorithm))
    except UnicodeEncodeError:
        return False  # A URL of bytes that are no UTF-8; nobody signed that.


def _spellings(url: str) -> tuple[str, ...]:
    """`url`, and the same with the default port added or taken away."""
    parts = urlsplit(url)
    default = _DEFAULT_PORTS.get(parts.scheme)
    if parts.port is None and default is not None:
        return url, parts._replace(netloc=f"{parts.netloc}:{default}").geturl()
    if parts.port == default:
        return url, parts._replace(netloc=parts.netloc.rpartition(":")[0]).geturl()
    return (url,)


def _validator(auth_token: str) -> Any:
    # Imported on use (45 ms), and untyped: the SDK ships no annotations.
    from twilio.request_validator import RequestValidator

    return RequestValidator(auth_token)
