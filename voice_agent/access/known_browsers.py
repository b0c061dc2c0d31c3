"""Browsers that somebody has signed in with before, by a signed cookie.

Whoever knows a name can fail to sign in with it as often as they like, from as many addresses as
they have; were only that counted, they could keep its owner out. So a browser that has signed in
gets a cookie which says so (OWASP: "Slow Down Online Guessing Attacks with Device Cookies"), and
its failures are counted for it alone. The cookie signs nobody in; whoever steals it gains the few
guesses that any browser has.
"""

from hashlib import sha256
from secrets import token_urlsafe

from itsdangerous import BadData, URLSafeTimedSerializer

from .accounts import digest_of

LIFE_S = 365 * 86_400
_SALT = "voice-agent known browser 1"


class KnownBrowsers:
    """Signs the cookies and reads them; nothing of it is stored."""

    def __init__(self, secret: str, life_s: int = LIFE_S) -> None:
        self._serializer = URLSafeTimedSerializer(
            secret, salt=_SALT, signer_kwargs={"digest_method": sha256}
        )
        self._life_s = life_s

    def sign(self, name: str) -> str:
        """For a browser with which the administrator `name` has just signed in."""
        return str(self._serializer.dumps([token_urlsafe(12), digest_of(name)]))

    def number(self, text: str, name: str) -> str:
        """What the browser's failures are counted under; empty if it is not known for `name`."""
        try:
            number, owner = self._serializer.loads(text, max_age=self._life_s)
        except (BadData, ValueError, TypeError):
            return ""
        return str(number) if owner == digest_of(name) else ""
