"""Dialing an agent as a carrier would: the voice webhook is asked first, and answers TwiML."""

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit
from xml.etree import ElementTree

import aiohttp

from ..errors import CommandError, VoiceAgentError
from .signature import HEADER, sign_form

_ANSWER_S = 10.0
_VOICE_PATH = "/twilio/voice"


@dataclass(frozen=True, slots=True)
class Answer:
    """Where the TwiML wants the call's audio, with which parameters."""

    url: str
    parameters: dict[str, str]


async def ask_webhook(
    media_url: str, from_number: str, call_sid: str, auth_token: str | None
) -> Answer:
    """Ask the voice webhook beside `media_url` what to do with a call. Raises VoiceAgentError.

    The stream's own URL is kept: a server behind a tunnel names its public address.
    """
    webhook = _webhook_beside(media_url)
    form = {"CallSid": call_sid, "From": from_number, "Direction": "inbound"}
    headers = {HEADER: sign_form(webhook, form, auth_token)} if auth_token else {}
    try:
        timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(webhook, data=form, headers=headers) as response,
        ):
            text = await response.text()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise VoiceAgentError(
            f"No agent answers at {webhook}; start one with `voice-agent serve` or omit --url."
        ) from error
    if response.status != 200:
        raise VoiceAgentError(f"{webhook} answered {response.status}: {text.strip()[:200]}")
    return read_twiml(text, media_url)


def _webhook_beside(media_url: str) -> str:
    try:
        parts = urlsplit(media_url)
        right = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right:
        raise CommandError(f"--url {media_url}: write it as ws://host:port/twilio/media.")
    scheme = "https" if parts.scheme == "wss" else "http"
    return urlunsplit((scheme, parts.netloc, _VOICE_PATH, "", ""))


def read_twiml(text: str, media_url: str) -> Answer:
    """What the TwiML wants. Raises VoiceAgentError where it is no stream."""
    try:
        response = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise VoiceAgentError(f"The voice webhook's answer is no TwiML: {error}.") from error
    stream = response.find("./Connect/Stream")
    if stream is None:
        said = " ".join(node.text or "" for node in response.iter("Say")).strip()
        raise VoiceAgentError(f"The agent did not take the call: {said or 'no reason given'}.")
    parameters = {
        node.get("name", ""): node.get("value", "") for node in stream.findall("Parameter")
    }
    return Answer(media_url, parameters)
