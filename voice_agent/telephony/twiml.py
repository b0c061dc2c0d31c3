"""The answers to a carrier's webhook, as TwiML.

Source: https://www.twilio.com/docs/voice/twiml/stream. Built with the SDK, imported on use.
"""

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

TOKEN_PARAMETER = "token"
"""The stream parameter that carries our single-use token."""
FROM_PARAMETER = "from"
"""The stream parameter that carries the caller's number, which the stream itself does not tell."""

PARAMETER_LIMIT = 500
"""The name and the value of a stream parameter together must be shorter than this."""


def connect_stream(url: str, parameters: Mapping[str, str], action: str | None = None) -> str:
    """Connect the call to the media socket `url` and hang up when our side closes it.

    `parameters` arrive in the stream's first message. With `action`, the carrier asks that webhook
    what to do when the socket closes. Raises ValueError for what the carrier would refuse: a URL
    with a query string or another scheme than ``ws(s)``, and parameters that are too long.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.netloc:
        raise ValueError("the URL of a media stream must start with wss://")
    if parts.query or parts.fragment:
        raise ValueError("the URL of a media stream must not have a query string")
    response = _response()
    connect = response.connect(action=action)
    stream = connect.stream(url=url)
    for name, value in parameters.items():
        if len(name) + len(value) >= PARAMETER_LIMIT:
            raise ValueError(f"the stream parameter {name[:40]!r} is too long for the carrier")
        stream.parameter(name=name, value=value)
    # Without it, verbs that someone appends later would leave the caller on a silent line.
    response.hangup()
    return str(response)


def reject(reason: Literal["rejected", "busy"] = "rejected") -> str:
    """Refuse the call before it is answered; nobody is billed."""
    response = _response()
    response.reject(reason=reason)
    return str(response)


def say_and_hang_up(text: str) -> str:
    """Answer with the carrier's own voice: for when ours cannot speak."""
    response = _response()
    response.say(text)
    response.hangup()
    return str(response)


def _response() -> Any:
    # Untyped: the SDK ships no annotations.
    from twilio.twiml.voice_response import VoiceResponse  # type: ignore[import-untyped]

    return VoiceResponse()
