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
    response = _response()
    _connect(response, url, parameters, action)
    return str(response)


def dial(
    number: str,
    caller_id: str,
    ring_s: int,
    time_limit_s: int,
    action: str,
    screen: str = "",
    machine_callback: str = "",
) -> str:
    """Connect the caller to `number`; afterwards, or if nobody takes it, ask `action`.

    The callee hears what `screen` answers before the two are connected; `machine_callback` is told
    whether a person answered.
    """
    response = _response()
    dialing = response.dial(
        caller_id=caller_id,
        timeout=ring_s,
        time_limit=time_limit_s,
        answer_on_bridge=True,
        action=action,
        method="POST",
    )
    options: dict[str, str] = {}
    if screen:
        options |= {"url": screen, "method": "POST"}
    if machine_callback:
        options |= {
            "machine_detection": "Enable",
            "amd_status_callback": machine_callback,
            "amd_status_callback_method": "POST",
        }
    dialing.number(number, **options)
    return str(response)


def ask_for_one(question: str, action: str) -> str:
    """Ask whoever answered to press 1; without an answer the call ends."""
    response = _response()
    gather = response.gather(num_digits=1, timeout=8, action=action, method="POST")
    gather.say(question)
    response.hangup()
    return str(response)


def go_on() -> str:
    """Nothing of ours: the carrier goes on with what it was about."""
    return str(_response())


def hang_up() -> str:
    response = _response()
    response.hangup()
    return str(response)


def press_then_connect(digits: str, url: str, parameters: Mapping[str, str]) -> str:
    """Dial `digits` (``w`` is a pause of half a second), then connect to the media socket."""
    response = _response()
    response.play(digits=digits)
    _connect(response, url, parameters)
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


def _connect(
    response: Any, url: str, parameters: Mapping[str, str], action: str | None = None
) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.netloc:
        raise ValueError("the URL of a media stream must start with wss://")
    if parts.query or parts.fragment:
        raise ValueError("the URL of a media stream must not have a query string")
    connect = response.connect(action=action)
    stream = connect.stream(url=url)
    for name, value in parameters.items():
        if len(name) + len(value) >= PARAMETER_LIMIT:
            raise ValueError(f"the stream parameter {name[:40]!r} is too long for the carrier")
        stream.parameter(name=name, value=value)
    # Without it, verbs that someone appends later would leave the caller on a silent line.
    response.hangup()


def _response() -> Any:
    # Untyped: the SDK ships no annotations.
    from twilio.twiml.voice_response import VoiceResponse  # type: ignore[import-untyped]

    return VoiceResponse()
