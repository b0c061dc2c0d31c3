"""Short-lived tokens with which a browser begins a conversation, signed and not stored."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec
from itsdangerous import BadData, URLSafeTimedSerializer

from .keys import KeyRefused

_SALT = "voice-agent session token 1"
_REFUSED = "The session token is wrong or has expired; ask for another."


class SessionToken(msgspec.Struct, frozen=True, omit_defaults=True):
    """What whoever brings the token may do."""

    workspace: str
    key: str
    """The id of the key that asked for it."""
    personas: tuple[str, ...] = ()
    """The ids of the personas that it may talk to; empty for all."""
    user_id: str = ""
    """Who it is; empty if the page may say so itself."""
    conversation: str = ""
    """The conversation that it may resume; empty to begin a new one."""
    saved: bool = True
    """Whether anything is kept of that conversation."""
    origin: str = ""
    """The page that it was given to; empty for any."""
    draft: bool = False
    """It is for the draft of its persona, as it is when the conversation begins."""
    unsaved: str = ""
    """The document of `calls.trials` that is tried in place of the draft; empty for the draft."""
    details: dict[str, str | int | float | bool | None] = {}
    """For the persona's templates."""


class Tokens:
    """Signs and checks tokens."""

    def __init__(self, secret: str, life_s: int, resume_s: int = 86_400) -> None:
        """Tokens that begin a conversation live for `life_s`, those that resume one for
        `resume_s`."""
        self._serializer = URLSafeTimedSerializer(
            secret, salt=_SALT, signer_kwargs={"digest_method": sha256}
        )
        self.life_s = life_s
        self._resume_s = resume_s

    def sign(self, token: SessionToken) -> str:
        return str(self._serializer.dumps(msgspec.to_builtins(token)))

    def verify(self, text: str) -> SessionToken:
        """What the token says. Raises KeyRefused."""
        try:
            longest = max(self.life_s, self._resume_s)
            raw, signed = self._serializer.loads(text, max_age=longest, return_timestamp=True)
            token = msgspec.convert(raw, SessionToken)
        except (BadData, msgspec.ValidationError) as error:
            raise KeyRefused(_REFUSED) from error
        life = timedelta(seconds=self._resume_s if token.conversation else self.life_s)
        if datetime.now(UTC) - signed > life:
            raise KeyRefused(_REFUSED)
        return token
