"""A number's set-up at the carrier: made, and examined from the outside, as the carrier would.

Every check is a `Finding`: a sentence that says what is right, or what is wrong and how to mend it.
"""

from dataclasses import dataclass
from urllib.parse import urlencode
from xml.etree import ElementTree

import aiohttp

from ..errors import VoiceAgentError
from .destination import canonical
from .errors import TwilioError
from .rest import Number, Rest
from .signature import HEADER, sign_form, sign_handshake
from .urls import Urls

PERSONA_PARAMETER = "persona"
"""The parameter of the voice webhook that names who answers."""
_ANSWER_S = 10.0
_CALL = {"CallSid": "CA" + "0" * 32, "From": "", "Direction": "inbound", "CallStatus": "ringing"}
_MAX_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found."""

    name: str
    """Of the check, for programs."""
    ok: bool
    text: str


@dataclass(frozen=True, slots=True)
class Connection:
    """A number that was connected."""

    number: str
    webhook: str
    before: str
    """The webhook that it had; empty if none."""


def webhook_of(urls: Urls, persona: str) -> str:
    """The address that the carrier asks for calls which `persona` is to answer."""
    if not persona:
        return urls.voice  # Whoever has the number, or the server's own persona.
    return f"{urls.voice}?{urlencode({PERSONA_PARAMETER: persona})}"


async def connect(rest: Rest, urls: Urls, number: str, persona: str) -> Connection:
    """Have the carrier send the calls to `number` here. Raises VoiceAgentError and TwilioError."""
    wanted = canonical(number)
    if wanted is None:
        raise VoiceAgentError(f"{number} is no telephone number; write it as +14155550100.")
    found = await rest.number(wanted)
    if found is None:
        others = ", ".join(each.number for each in await rest.numbers()) or "none at all"
        raise VoiceAgentError(f"The account has no number {wanted}; it has {others}.")
    if not found.voice:
        raise VoiceAgentError(f"{wanted} takes no calls; buy a number with voice.")
    webhook = webhook_of(urls, persona)
    changed = await rest.set_voice_webhook(found.sid, webhook)
    if changed.voice_url != webhook:
        raise VoiceAgentError(f"The carrier has not taken the webhook of {wanted}.")
    return Connection(wanted, webhook, found.voice_url)


async def examine(
    rest: Rest, urls: Urls, numbers: tuple[str, ...], auth_token: str, webhook: str = ""
) -> list[Finding]:
    """Account, numbers (those that are connected, if none are named) and server; never raises.

    `webhook` is what the numbers are to ask, the server's own address if it is empty.
    """
    findings = [await check_account(rest)]
    if findings[0].ok:
        findings += await check_numbers(rest, urls, numbers)
    to = numbers[0] if numbers else ""
    return findings + await check_server(urls, webhook or urls.voice, to, auth_token)


async def check_account(rest: Rest) -> Finding:
    """Whether the account can be used. Never raises."""
    try:
        status = await rest.account_status()
    except TwilioError as error:
        return Finding("account", False, str(error))
    text = f"The account {rest.account_sid} is {status}."
    if status != "active":
        text += " See to it in the carrier's console."
    return Finding("account", status == "active", text)


async def check_numbers(rest: Rest, urls: Urls, numbers: tuple[str, ...]) -> list[Finding]:
    """Whether calls to `numbers` come here; without any, which of the account's do."""
    findings = []
    try:
        if not numbers:
            here = [each for each in await rest.numbers() if is_ours(each, urls)]
            findings = [finding for each in here for finding in number_findings(each, urls)]
            return findings or [
                Finding(
                    "number",
                    False,
                    f"No number of the account has its webhook at {urls.voice}; connect one with "
                    "`voice-agent twilio connect +1…`.",
                )
            ]
        for written in numbers:
            number = canonical(written)
            found = await rest.number(number) if number else None
            if found is None:
                findings.append(Finding("number", False, f"The account has no number {written}."))
            else:
                findings += number_findings(found, urls)
    except TwilioError as error:
        findings.append(Finding("number", False, str(error)))
    return findings


def number_findings(number: Number, urls: Urls) -> list[Finding]:
    """What is right and wrong with a number's settings."""
    mend = f"`voice-agent twilio connect {number.number}` mends it."
    wrong: list[tuple[str, str]] = []
    if not number.voice:
        wrong.append(("number_voice", f"{number.number} takes no calls."))
    if number.application_sid:
        wrong.append(
            (
                "number_application",
                f"{number.number} asks the application {number.application_sid} "
                f"and never its webhook; {mend}",
            )
        )
    if not is_ours(number, urls):
        has = number.voice_url or "nothing"
        wrong.append(
            ("number_webhook", f"{number.number} asks {has} instead of {urls.voice}; {mend}")
        )
    if number.voice_method != "POST":
        wrong.append(
            (
                "number_method",
                f"{number.number} asks with {number.voice_method or 'no method'} instead of POST; "
                f"{mend}",
            )
        )
    if wrong:
        return [Finding(name, False, text) for name, text in wrong]
    return [Finding("number", True, f"{number.number} asks {number.voice_url}.")]


async def check_server(urls: Urls, webhook: str, number: str, auth_token: str) -> list[Finding]:
    """Whether the webhook and the media socket can be reached and believe the carrier only."""
    timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as http:
        first = await _check_webhook(http, webhook, number, auth_token)
        if first.name == "public_url":
            return [first]  # It cannot be reached: the others would say no more.
        return [
            first,
            await _check_unsigned(http, webhook, number),
            await _check_media(http, urls.media, auth_token),
        ]


async def _check_webhook(
    http: aiohttp.ClientSession, webhook: str, number: str, auth_token: str
) -> Finding:
    form = _CALL | {"To": number}
    headers = {HEADER: sign_form(webhook, form, auth_token)}
    try:
        async with http.post(
            webhook, data=form, headers=headers, allow_redirects=False
        ) as response:
            status = response.status
            text = (await response.content.read(_MAX_ANSWER)).decode("utf-8", "replace")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Finding(
            "public_url",
            False,
            f"{webhook} cannot be reached ({type(error).__name__}): is the server running, and "
            "does `server.public_url` lead to it from the internet?",
        )
    if status == 403:
        return Finding(
            "signature",
            False,
            f"{webhook} refuses what is signed with this auth token: the server has another one, "
            "or another `server.public_url`.",
        )
    if status != 200:
        return Finding(
            "webhook", False, f"{webhook} answers {status}; a redirect or a proxy in the way?"
        )
    return _twiml_finding(webhook, text)


def _twiml_finding(webhook: str, text: str) -> Finding:
    try:
        answer = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return Finding("webhook", False, f"{webhook} answers something that is no TwiML.")
    stream = answer.find("./Connect/Stream")
    if stream is None:
        said = " ".join(node.text or "" for node in answer.iter("Say")).strip()
        return Finding("webhook", False, f"{webhook} takes no calls now: {said or 'no reason'}")
    return Finding("webhook", True, f"{webhook} answers calls with {stream.get('url')}.")


async def _check_unsigned(http: aiohttp.ClientSession, webhook: str, number: str) -> Finding:
    try:
        async with http.post(
            webhook, data=_CALL | {"To": number}, allow_redirects=False
        ) as response:
            refused = response.status == 403
    except (aiohttp.ClientError, TimeoutError, OSError):
        return Finding("unsigned", False, f"{webhook} did not answer the second time.")
    if refused:
        return Finding("unsigned", True, "Requests that the carrier has not signed are refused.")
    return Finding(
        "unsigned",
        False,
        "The server believes anybody: start it with the account's auth token in its environment.",
    )


async def _check_media(http: aiohttp.ClientSession, media: str, auth_token: str) -> Finding:
    headers = {HEADER: sign_handshake(media, auth_token)}
    try:
        async with http.ws_connect(media, headers=headers, timeout=aiohttp.ClientWSTimeout(5.0)):
            return Finding("media", True, f"{media} takes media streams.")
    except aiohttp.WSServerHandshakeError as error:
        return Finding(
            "media",
            False,
            f"{media} answers {error.status} instead of opening a WebSocket; does a proxy in the "
            "way pass on `Upgrade`?",
        )
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Finding("media", False, f"{media} cannot be opened ({type(error).__name__}).")


def is_ours(number: Number, urls: Urls) -> bool:
    """Whether calls to the number come here."""
    return number.voice_url.partition("?")[0] == urls.voice
