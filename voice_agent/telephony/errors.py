"""What the carrier's REST API refuses, by what can be done about it.

::

    TwilioError                 the base; a sentence without numbers of callers, `code` and `status`
    ├── Unauthorized            the account's SID and its token do not fit, or it is suspended
    ├── NotFound                there is no such call, number or account
    ├── RateLimited             too many requests; `retry_after_s` says when to come back
    ├── InvalidNumber           the destination is no number that can be reached
    ├── NotPermitted            the account may not call or text there, or not from this number
    ├── CallNotInProgress       the call is not live any more, so it cannot be changed
    ├── Rejected                any other request that is wrong
    ├── Unreachable             nothing was accepted: no connection, or the API is down
    └── Unconfirmed             no answer: the request may have been carried out

Codes: https://www.twilio.com/docs/api/errors
"""

from ..errors import VoiceAgentError


class TwilioError(VoiceAgentError):
    """The carrier's API did not do what was asked."""

    def __init__(self, message: str, code: int = 0, status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        """The carrier's own code, 0 if it gave none."""
        self.status = status
        """Of HTTP, 0 if there was no answer."""

    @property
    def sentence(self) -> str:
        """What went wrong, without the reference for operators."""
        return str(self).partition(" (")[0]


class Unauthorized(TwilioError):
    """The account's SID and its token do not fit, or the account is suspended."""


class NotFound(TwilioError):
    """There is no such call, number or account."""


class RateLimited(TwilioError):
    """Too many requests."""

    def __init__(self, message: str, code: int, status: int, retry_after_s: float) -> None:
        super().__init__(message, code, status)
        self.retry_after_s = retry_after_s


class InvalidNumber(TwilioError):
    """The destination is no number that can be reached."""


class NotPermitted(TwilioError):
    """The account may not call or text there, or not from this number."""


class CallNotInProgress(TwilioError):
    """The call is not live any more."""


class Rejected(TwilioError):
    """The request is wrong."""


class Unreachable(TwilioError):
    """Nothing was accepted: there was no connection, or the API said that it is down."""


class Unconfirmed(TwilioError):
    """There was no answer in time: the request may have been carried out."""


_SENTENCES: dict[int, tuple[type[TwilioError], str]] = {
    10004: (NotPermitted, "The account has as many calls at once as it may have."),
    13227: (
        NotPermitted,
        "The account may not call this country: allow it in the geo permissions.",
    ),
    20003: (Unauthorized, "The account SID and the auth token do not fit together."),
    20005: (Unauthorized, "The account is not active."),
    20404: (NotFound, "There is no such call, number or account."),
    21201: (InvalidNumber, "The number to call is missing."),
    21210: (NotPermitted, "The calling number is neither bought nor verified."),
    21211: (InvalidNumber, "The number to call is not valid."),
    21212: (NotPermitted, "The calling number is not valid."),
    21213: (NotPermitted, "The calling number is missing."),
    21214: (InvalidNumber, "The number to call cannot be reached."),
    21215: (
        NotPermitted,
        "The account may not call this country: allow it in the geo permissions.",
    ),
    21216: (NotPermitted, "The account may not call this number."),
    21217: (InvalidNumber, "The number to call does not look like one."),
    21219: (NotPermitted, "A trial account calls verified numbers only."),
    21220: (CallNotInProgress, "The call is not in progress."),
    21408: (
        NotPermitted,
        "The account may not text this country: allow it in the geo permissions.",
    ),
    21606: (NotPermitted, "The sending number cannot send text messages."),
    21608: (NotPermitted, "A trial account texts verified numbers only."),
    21610: (NotPermitted, "The recipient has asked not to be texted."),
    21612: (NotPermitted, "Text messages cannot be sent between these two numbers."),
    21614: (InvalidNumber, "The recipient's number takes no text messages."),
}


def refusal(status: int, code: int, retry_after_s: float = 0.0) -> TwilioError:
    """The error for an answer of the API. Its own text is left out: it quotes numbers."""
    if status == 429 or code == 20429:
        return RateLimited("Twilio takes no more requests for now.", code, status, retry_after_s)
    kind: type[TwilioError]
    if code in _SENTENCES:
        kind, sentence = _SENTENCES[code]
    elif status == 401:
        kind, sentence = _SENTENCES[20003]
    elif status == 403:
        kind, sentence = NotPermitted, "The account may not do this."
    elif status == 404:
        kind, sentence = _SENTENCES[20404]
    elif status >= 500:
        kind, sentence = Unreachable, "Twilio's API has a failure of its own."
    else:
        kind, sentence = Rejected, "Twilio rejects the request."
    reference = f"code {code}, see https://www.twilio.com/docs/errors/{code}" if code else ""
    return kind(f"{sentence} ({reference or f'status {status}'})", code, status)
