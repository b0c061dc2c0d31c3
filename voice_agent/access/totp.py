"""Codes of an authenticator app (RFC 6238: SHA-1, six digits, 30 s), and what replaces a lost app.

A code is worth one sign-in: the time step of the last one is kept, and neither it nor an earlier
one is taken again (RFC 6238, 5.2).
"""

import hmac
import io
import secrets
from datetime import datetime
from hashlib import sha256

STEP_S = 30
_DRIFT = 1
"""Steps by which a clock may be wrong."""
_RECOVERY_CODES = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without what is read as something else."""
_GROUPS, _GROUP = 4, 4
"""Sixteen characters of 31: 79 bits, so that a fast hash will do."""


def new_secret() -> str:
    """160 random bits in base32."""
    import pyotp

    return pyotp.random_base32()


def uri(secret: str, name: str, issuer: str) -> str:
    """What an authenticator app reads."""
    import pyotp

    return pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(name=name, issuer_name=issuer)


def qr(text: str) -> str:
    """A QR code as SVG, dark on light whatever the page's colors are."""
    import segno

    out = io.BytesIO()
    segno.make(text, error="m").save(
        out, kind="svg", scale=4, border=4, light="#fff", dark="#000", xmldecl=False, omitsize=True
    )
    return out.getvalue().decode()


def is_code(text: str) -> bool:
    """Whether it looks like a code of an app; recovery codes are longer."""
    given = "".join(text.split())
    return len(given) == 6 and given.isascii() and given.isdigit()


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code this is; None if it is no code of about now."""
    import pyotp

    if not is_code(code):
        return None
    given = "".join(code.split())
    made = pyotp.TOTP(secret, interval=STEP_S)
    current = int(now.timestamp()) // STEP_S
    found = None
    for step in range(current - _DRIFT, current + _DRIFT + 1):
        if hmac.compare_digest(made.generate_otp(step), given):
            found = step
    return found


def new_recovery_codes() -> list[str]:
    """Such as ``k4wz-9fqm-…``; each is worth one sign-in."""
    return ["-".join(_group() for _ in range(_GROUPS)) for _ in range(_RECOVERY_CODES)]


def recovery_digest(code: str) -> str:
    """As a recovery code is kept, however it was typed."""
    plain = "".join(character for character in code.lower() if character.isalnum())
    return sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def _group() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP))
