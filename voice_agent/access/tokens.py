"""Short-lived tokens with which a browser begins a conversation, signed and not stored."""

from hashlib import sha256

import msgspec
from itsdangerous import BadData, URLSafeTimedSerializer

from .keys import KeyRefused

_SALT = "voice-agent session token 1"


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

    def __init__(self, secret: str, life_s: int) -> None:
        self._serializer = URLSafeTimedSerializer(
            secret, salt=_SALT, signer_kwargs={"digest_method": sha256}
        )
        self.life_s = life_s

    def sign(self, token: SessionToken) -> str:
        return str(self._serializer.dumps(msgspec.to_builtins(token)))

    def verify(self, text: str) -> SessionToken:
        """What the token says. Raises KeyRefused."""
        try:
            raw = self._serializer.loads(text, max_age=self.life_s)
            return msgspec.convert(raw, SessionToken)
        except (BadData, msgspec.ValidationError) as error:
            raise KeyRefused(
                "The session token is wrong or has expired; ask for another."
            ) from error
