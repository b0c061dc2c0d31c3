"""What an action may do to a telephone call, told to the language model in a sentence each."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import structlog

from . import twiml
from .destination import Reason, Refused
from .errors import TwilioError, Unconfirmed
from .limits import Guard
from .live import LiveCall, Resumable
from .rest import Rest
from .transfer import SPOKEN_S, Transfers
from .urls import Urls

_KEYS = frozenset("0123456789*#")
_PAUSES = frozenset("wW")
_MAX_KEYS = 32
_MAX_TEXT = 1600
"""Characters that the carrier takes in a text message."""

_TOLD = {
    Reason.NOT_LISTED: "Calls are not transferred there.",
    Reason.RATE: "That was done too often already.",
    Reason.MINUTES: "No further calls are possible today.",
    Reason.UNAVAILABLE: "That is not possible now.",
    Reason.SPEND: "No further calls are possible today.",
}
"""What the model is told; the operator's sentence names settings."""

log = structlog.get_logger()


def _told(refused: Refused) -> str:
    return _TOLD.get(refused.reason, "This number is not allowed.")


def keys_of(pressed: Sequence[object]) -> str | None:
    """The keys to press as one string, None if there are none, too many, or something else.

    Models write ``[5]``, ``["5", "#"]`` and ``"12#"``; ``w`` is a pause of half a second.
    """
    text = "".join(str(key).strip() for key in pressed if not isinstance(key, bool))
    right = set(text) <= _KEYS | _PAUSES and any(key in _KEYS for key in text)
    return text if right and len(text) <= _MAX_KEYS else None


def tones(keys: str) -> bytes:
    """The keys as touch tones in mu-law at 8 kHz, with half a second of silence for each ``w``."""
    from voice_codecs.dtmf import tone
    from voice_codecs.g711 import pcm_to_mulaw

    pcm = b"".join(bytes(8000) if key in _PAUSES else tone(key) for key in keys)
    return pcm_to_mulaw(pcm)


class TelephoneEffects:
    """The telephone's half of an action's effects, for one live call."""

    def __init__(
        self,
        live: LiveCall,
        rest: Rest,
        guard: Guard,
        transfers: Transfers,
        conversations: Resumable,
        urls: Urls,
        transfer_to: Collection[str],
        now: Callable[[], datetime],
    ) -> None:
        """`transfer_to` is the persona's list of targets: E.164 numbers and names of contacts."""
        self._live = live
        self._rest = rest
        self._guard = guard
        self._transfers = transfers
        self._conversations = conversations
        self._urls = urls
        self._transfer_to = transfer_to
        self._now = now

    async def hang_up(self) -> str:
        """End the call after the last word was heard."""
        self._live.end("agent_hung_up")
        return "The call ends when you have finished speaking."

    async def transfer(self, number: str) -> str:
        try:
            await self._transfers.start(self._live, number, self._transfer_to)
        except Refused as refused:
            return f"The call was not transferred. {_told(refused)}"
        except TwilioError as error:
            return f"The call was not transferred. {error.sentence}"
        return "The caller is being transferred."

    async def send_sms(self, text: str) -> str:
        """Send `text` to the other party of this call, and to nobody else."""
        live = self._live
        if not live.remote:
            return "No message was sent: the other party's number is not known."
        if not text.strip() or len(text) > _MAX_TEXT:
            return f"No message was sent: it must have 1 to {_MAX_TEXT} characters."
        try:
            to = await self._guard.text(live.remote, live.persona, self._now())
            await self._rest.send_sms(to.number, live.own, text)
        except Refused as refused:
            return f"No message was sent. {_told(refused)}"
        except TwilioError as error:
            return f"No message was sent. {error.sentence}"
        return "The message was sent."

    async def press_keys(self, keys: Sequence[object]) -> str:
        """Press keys of the telephone, for the menu at the other end."""
        digits = keys_of(keys)
        if digits is None:
            return f"No key was pressed: give 1 to {_MAX_KEYS} keys of 0-9, * and #."
        await self._live.spoken(SPOKEN_S)
        if self._guard.limits.press_keys == "in-band":
            self._live.play(tones(digits))
            return "The keys were pressed."
        return await self._press_by_carrier(digits)

    async def _press_by_carrier(self, digits: str) -> str:
        live = self._live
        token = self._conversations.resume_token(live.conversation_id)
        parameters = {twiml.TOKEN_PARAMETER: token, twiml.FROM_PARAMETER: live.remote}
        orders = twiml.press_then_connect(digits, self._urls.media, parameters)
        live.leaves()
        try:
            await self._rest.redirect(live.call_sid, orders)
        except TwilioError as error:
            if not isinstance(error, Unconfirmed):  # Else the stream may end all the same.
                live.stays()
            log.warning("keys_not_pressed", code=error.code, status=error.status)
            return f"No key was pressed. {error.sentence}"
        return "The keys were pressed."
